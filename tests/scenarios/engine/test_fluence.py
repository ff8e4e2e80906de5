"""`rt-twin dose`: a plan on the twin's CT, and its dose on another scan."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from scenarios.commands.main import app
from scenarios.engine.fluence import kept
from scenarios.engine.other_scan import ct_named
from scenarios.engine.planned_dose import planned_doses
from scenarios.plans.plan import TreatmentPlan
from twin import Geometry, InputError, PatientTwin, Registration, StructureSet, Volume
from twin.anatomy.plausibility import missed_nodes


@pytest.fixture(scope="module")
def twin(thorax, tmp_path_factory):
    """A patient whose second CT shows the tumour gone."""
    scan, contours = thorax()
    later = replace(thorax(tumour_hu=-760)[0], name="CT 2", time_days=30.0)
    path = tmp_path_factory.mktemp("twins") / "boxes.twin"
    PatientTwin("boxes", scans=(scan, later), structures=(contours,)).save(path)
    return path


def said(*words):
    result = CliRunner().invoke(app, ["dose", *map(str, words), "--json"])
    if result.exception is not None:
        raise result.exception
    return json.loads(result.stdout)


@pytest.mark.slow
def test_a_plan_and_its_dose_on_another_scan(twin):
    facts = said(twin, "--plan", "60/30", "--scan", "CT 2", "--keep")
    planned = {k: facts[k] - facts["change"][k] for k in facts["change"]}  # on the baseline CT
    assert planned["ptv_d95_percent"] >= 95
    assert planned["dmax_percent"] <= 110.5
    assert planned["lung_v20_percent"] <= 35
    assert 8 <= planned["mean_lung_gy"] <= 20
    assert facts["technique"] == "conventional"
    assert "not a deliverable arc" in facts["method"]
    assert facts["mean_heart_gy"] is None
    points = facts["dvh_change_points"]["Lungs-GTV"]
    assert points["0 Gy"] == 0 and points["20 Gy"] == pytest.approx(
        facts["change"]["lung_v20_percent"], abs=1e-6
    )
    assert facts["path_change_mm"] < -5, "20 mm of tissue became lung"
    assert 80 < facts["gamma_2_2_percent"] < 99.5
    assert any("motion is ignored" in note for note in facts["notes"])
    assert np.isfinite(facts["seconds"])
    plans = [TreatmentPlan.parse(p) for p in ("60/30", "55/20")]
    held = PatientTwin.load(twin)
    doses = planned_doses(held, plans).doses
    assert [doses[p.label].method for p in plans] == ["fluence plan", "approximate"]
    assert len(kept(held, doses["60/30"]).doses) == len(held.doses), "it takes the place of the former one"


def test_a_wrong_scan_is_refused_before_anything_is_planned(twin):
    with pytest.raises(InputError, match="no CT 'CT 3'; there are: CT, CT 2"):
        said(twin, "--plan", "60/30", "--scan", "CT 3")


def test_a_scan_of_unknown_place_is_refused(thorax):
    scan, contours = thorax()
    lost = replace(scan, name="CT 2", registration=Registration(1.03, 40.0, 2.0, poor=True))
    twin = PatientTwin("boxes", scans=(scan, lost), structures=(contours,))
    with pytest.raises(InputError, match=r"CT 2 is not registered .*1\.03"):
        ct_named(twin, "CT 2")


def test_an_involved_node_that_is_not_treated_is_said_with_its_dose():
    grid = Geometry((10, 10, 10), (4.0, 4.0, 4.0))
    mask = np.zeros(grid.shape, bool)
    mask[2:5, 2:5, 2:5] = True
    drawn = StructureSet(grid, ()).with_mask("GTVn", "OTHER", mask).with_mask("GTVn2", "GTV", mask)
    drawn = drawn.with_mask("GTVn3", "GTV", ~mask)
    gy = Volume(grid, np.where(mask, 21.0, 60.0).astype(np.float32), "DOSE", "Gy")
    found = missed_nodes(drawn, gy, 60.0, "60/30")
    assert [f.partition(":")[0] for f in found] == [
        f"{n} gets 21 Gy of 60 under 60/30" for n in ("GTVn", "GTVn2")
    ]
    assert "--gtv" in found[0] and "does not treat it" in found[1]


def test_a_plan_without_dose_is_refused(twin):
    with pytest.raises(InputError, match="gives no dose"):
        said(twin, "--plan", "none")
