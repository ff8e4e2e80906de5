"""The policy that docs/policies.md writes anew decides upon coverage of the target and dose to an organ."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from scenarios import Seen
from scenarios.plans.sight import SeenDose
from twin import Geometry, Volume

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policies.md"
GRID = Geometry((4, 4, 8), (5.0, 5.0, 5.0))
PLACES = {"target": (5.0, 5.0, 5.0), "SpinalCord": (30.0, 5.0, 5.0)}  # LPS mm


def dose(target_gy, cord_gy):
    gy = np.where(np.arange(8) < 4, target_gy, cord_gy).astype(np.float32)
    volume = Volume(GRID, np.broadcast_to(gy, GRID.shape), "DOSE", "Gy")
    return SeenDose(volume, 60.0, lambda name: np.tile(PLACES[name], (10, 1)))


@pytest.fixture(scope="module")
def policy():
    names = {"__name__": "policies"}
    for text in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(text, "policies.md", "exec"), names)
    return names["Covered"]()


@pytest.mark.parametrize(
    ("target_gy", "cord_gy", "action", "reason"),
    [
        (58.0, 40.0, "continue", "97% covered, 29 Gy so far"),
        (56.0, 40.0, "replan", "D95 of the target is 93%"),
        (58.0, 51.0, "replan", "D0 of the cord is 51 Gy"),
    ],
    ids=["kept", "missed", "cord"],
)
def test_it_replans_on_coverage_and_on_the_organ(policy, target_gy, cord_gy, action, reason):
    images = SimpleNamespace(dose_of_day=dose(target_gy, cord_gy), accumulated=dose(target_gy / 2, 20.0))
    seen = Seen(14.0, 10, 30, 2.0, 60.0, 60.0, 1.0, 0.0, (), 15.0, 0.1, 0, None, images)
    assert policy.pixels and (policy.decide(seen).action, policy.decide(seen).reason) == (action, reason)
