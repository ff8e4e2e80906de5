"""A grid of changes: every combination, the same chance, one frame."""

import numpy as np
import pytest

from scenarios import SampledCohort, TreatmentPlan, sweep
from simulators import CLINICAL
from twin import InputError

PLANS = [TreatmentPlan.parse(p) for p in ("60/30", "55/20")]
FEW = {"days": 95, "samples": 4, "dose": "approximate"}


def test_every_combination_is_a_run_and_differs_by_the_change_alone(dosed_twin):
    grid = {"prior.clearance_d": [29.0, 60.0], "outcomes": ["calibrated", "standard"]}
    frame = sweep(dosed_twin, PLANS, grid, table="trajectory", **FEW)
    assert frame.columns[:3] == ["prior.clearance_d", "outcomes", "plan"]
    curves = {key: f["gtv_cm3"].to_numpy() for key, f in frame.partition_by(*grid, as_dict=True).items()}
    assert len(curves) == 4
    assert np.array_equal(curves[29.0, "calibrated"], curves[29.0, "standard"])
    assert (curves[60.0, "standard"] >= curves[29.0, "standard"]).mean() > 0.9


def test_changes_go_on_top_of_the_settings(dosed_twin):
    base = CLINICAL.with_(clearance_d=60)
    frame = sweep(dosed_twin, PLANS[:1], {"prior.kickoff_d": [21.0]}, prior=base, table="trajectory", **FEW)
    alone = sweep(dosed_twin, PLANS[:1], {"prior": [base]}, table="trajectory", **FEW)
    assert frame["gtv_cm3"].equals(alone["gtv_cm3"]) and alone["prior"].unique().to_list() == ["clinical"]


def test_a_cohort_makes_a_study_of_each(tmp_path):
    grid = {"prior.clearance_d": [29, 60]}
    asked = {"days": 100, "samples": 4, "out": tmp_path / "studies"}
    frame = sweep(SampledCohort(12), PLANS, grid, **asked)
    assert sorted(p.name for p in (tmp_path / "studies").iterdir() if p.is_dir()) == [
        "prior.clearance-d-29", "prior.clearance-d-60",
    ]  # fmt: skip
    assert frame["prior.clearance_d"].unique().sort().to_list() == [29, 60] and "nnt" in frame.columns
    assert sweep(SampledCohort(12), PLANS, grid, **asked).equals(frame)


@pytest.mark.parametrize(
    "wrong",
    [{"grid": {}}, {"grid": {"prior.alpha_per_gy": 0.3}}, {"grid": {"prior.alpha": [1]}}, {"grid": {"seed.x": [1]}},
     {"grid": {"seed": [0]}, "table": "record"}],
)  # fmt: skip
def test_what_cannot_be_swept_is_refused(dosed_twin, wrong):
    with pytest.raises(InputError):
        sweep(dosed_twin, PLANS[:1], **{**FEW, **wrong})
    with pytest.raises(InputError, match="out"):
        sweep(SampledCohort(3), PLANS, {"seed": [0]})
