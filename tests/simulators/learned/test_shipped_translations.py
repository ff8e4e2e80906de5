"""What ships for translations is found by its task and its family, and is nearer to the truth than a copy."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.hub import SHIPPED, every
from simulators.core.chance import Key, Purpose
from simulators.core.imaging import TASKS, scan_task
from simulators.core.scanner import ScanRequest
from simulators.learned.scanner import translator_named
from simulators.names.scanners import scanner_named
from simulators.scanners.ct import CtScanner
from simulators.scanners.mr import MrScanner
from twin import Geometry, Volume

KEY = Key(0, "shipped", Purpose.SCANNER)
NAMES = [
    w.address for w in every() if w.folder.is_relative_to(SHIPPED) and w.task not in ("follow-up", "cbct-ct")
]


GRID = Geometry((4, 150, 180), (3.0, 1.2, 1.2), (-107.4, -89.4, -4.5))


@pytest.fixture(scope="module")
def slab():
    """Fat, muscle, bones and a lung, with the grain that a CT has."""
    _, y, x = np.indices(GRID.shape)
    out = np.hypot((y - 75) / 62, (x - 90) / 78)
    hu = np.select([out > 1, out > 0.85], [-1000, -100], 50.0)
    hu[np.hypot(y - 70, x - 125) < 24] = -780
    for at in (50, 90):
        hu[np.hypot(y - 80, x - at) < 9] = 700
        hu[np.hypot(y - 80, x - at) < 5] = 150
    grain = np.random.default_rng(0).normal(0, 8, GRID.shape) * (out <= 1)
    return Volume(GRID, np.rint(hu + grain).astype(np.int16), "CT", "HU")


def pair_of(task, ct):
    """What is given and what is wanted."""
    if task == "denoise":
        return CtScanner().scan([ScanRequest(ct, None, KEY, {"dose": 0.25})])[0], ct
    assert task == "mr-ct"
    mr = MrScanner().scan([ScanRequest(ct, None, KEY, {"sequence": "t1"})])[0]
    return mr, Volume(mr.geometry, ct.on(mr.geometry, fill=-1000.0), "CT", "HU")


@pytest.mark.parametrize("name", NAMES)
def test_what_ships_is_found_and_nearer_to_the_truth_than_a_copy(name, slab):
    task = name.partition("/")[0]
    source, truth = pair_of(task, slab)
    translator = translator_named(task, name)
    assert scan_task(task).preferred in {n.partition("/")[2] for n in NAMES if n.startswith(f"{task}/")}
    assert scanner_named(name).modality == translator.modality == TASKS[task].modality
    inside = np.asarray(truth.array) > -300
    errors = [np.abs(v.array - truth.array)[inside].mean() for v in (translator.translate(source), source)]
    assert errors[0] < 0.9 * errors[1]
