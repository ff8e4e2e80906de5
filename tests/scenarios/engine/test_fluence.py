"""`rt-twin dose`: a plan on the twin's CT, and its dose on another scan."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from scenarios.commands.main import app
from twin import InputError, PatientTwin


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


@pytest.mark.long
def test_a_plan_and_its_dose_on_another_scan(twin):
    facts = said(twin, "--plan", "60/30", "--scan", "CT 2")
    planned = {k: facts[k] - facts["change"][k] for k in facts["change"]}  # on the baseline CT
    assert planned["ptv_d95_percent"] >= 95
    assert planned["dmax_percent"] <= 110.5
    assert planned["lung_v20_percent"] <= 35
    assert 8 <= planned["mean_lung_gy"] <= 20
    assert facts["technique"] == "conventional"
    assert "not a deliverable arc" in facts["method"]
    assert facts["mean_heart_gy"] is None
    assert facts["path_change_mm"] < -5, "20 mm of tissue became lung"
    assert 80 < facts["gamma_2_2_percent"] < 99.5
    assert any("motion is ignored" in note for note in facts["notes"])
    assert np.isfinite(facts["seconds"])


def test_a_wrong_scan_is_refused_before_anything_is_planned(twin):
    with pytest.raises(InputError, match="no CT 'CT 3'; there are: CT, CT 2"):
        said(twin, "--plan", "60/30", "--scan", "CT 3")


def test_a_plan_without_dose_is_refused(twin):
    with pytest.raises(InputError, match="gives no dose"):
        said(twin, "--plan", "none")
