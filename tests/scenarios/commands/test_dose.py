"""`rt-twin dose` refuses in a sentence what cannot be planned, before it plans where it can; nothing is kept of it."""

import re
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from scenarios.commands.main import app
from twin import InputError, PatientTwin, StructureSet, Volume

pytestmark = pytest.mark.long


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Runs `rt-twin dose` on a twin; the sentence that refuses it. The twin stays as it was."""

    def said(twin: PatientTwin, *words: str, planned: bool = False) -> str:
        place = tmp_path / "p.twin"
        twin.save(place)
        before = (place / "twin.json").read_bytes()
        if not planned:
            monkeypatch.setattr("simulators.planner.kept.plan_dose", None)
        result = CliRunner().invoke(app, ["dose", str(place), "--plan", "60/30", "--keep", *words])
        assert isinstance(result.exception, InputError), result.exception
        assert (place / "twin.json").read_bytes() == before
        assert not list(tmp_path.glob(".*"))
        return str(result.exception)

    return said


def test_no_body(boxes, refused):
    drawn = StructureSet(boxes.contours.geometry, ())
    for s in boxes.contours:
        if s.role != "EXTERNAL":
            drawn = drawn.with_mask(s.name, s.role, boxes.contours.mask(s.name))
    assert "structure of role EXTERNAL" in refused(boxes.fork(structures=(drawn,)), planned=True)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ((slice(0, 20), slice(None), slice(None)), "ends .* mm short of the target"),
        ((slice(None), slice(None), slice(0, 45)), "does not cover the target: .* beside it"),
    ],
)
def test_another_scan_that_does_not_hold_the_target_is_refused_before_anything_is_planned(
    boxes, refused, part, says
):
    other = replace(boxes.baseline, name="CT 2", volume=boxes.baseline.volume.crop(part))
    drawn = StructureSet(other.volume.geometry, ()).with_mask(
        "Body", "EXTERNAL", boxes.contours.mask("Body")[part]
    )
    twin = boxes.fork(scans=(boxes.baseline, other), structures=(boxes.contours, drawn))
    assert re.search(says, refused(twin, "--scan", "CT 2"))


def test_a_prescription_that_no_plan_meets_names_the_constraint(quick_plans, boxes, refused, monkeypatch):
    hard = quick_plans.model_copy(update={"limits": {"cord_max_gy": (None, 1.0)}})
    monkeypatch.setattr("simulators.planner.template_for", lambda fraction_gy: hard)
    assert "keeps its limits on this CT: cord_max_gy is" in refused(boxes, planned=True)


def test_metal_is_said(quick_plans, boxes, tmp_path):
    hu = np.array(boxes.baseline.volume.array)
    hu[18:22, 10:13, 30:33] = 3000
    volume = Volume(boxes.baseline.volume.geometry, hu, "CT", "HU")
    boxes.fork(scans=(replace(boxes.baseline, volume=volume),)).save(tmp_path / "p.twin")
    result = CliRunner().invoke(
        app, ["dose", str(tmp_path / "p.twin"), "--plan", "60/30"], catch_exceptions=False
    )
    assert "metal makes the dose behind it too high" in " ".join(result.stdout.split())
