"""The scorecard of a run, held against the dose voxel by voxel."""

import copy

import pytest

from dashboards.scorecard import scores_of


@pytest.fixture(scope="module")
def fractionated(run):
    """The run as if 60/15 had been given in 2 Gy fractions, for which QUANTEC speaks."""
    plan = run.record.plans[0].model_copy(update={"fractions": 30})
    changed = copy.copy(run)
    changed.record = run.record.model_copy(update={"plans": (plan, run.record.plans[1])})
    return changed


def test_v20_is_the_share_of_lung_above_20_gy(fractionated):
    run = fractionated
    score = next(
        s
        for s in scores_of(run)["60-15"]
        if (s.constraint.structure, s.constraint.metric) == ("Lungs-GTV", "V20Gy")
    )
    last = max((f for f in run.frames if f.plan == "60-15"), key=lambda f: f.day)
    contours = run.twin.contours
    dose = run.read(last.files["dose"], "DOSE", "Gy").on(contours.geometry)
    lung = contours.mask("Lung_L", "Lung_R") & ~contours.gtv()
    assert score.value == pytest.approx(100 * (dose[lung] >= 20).mean(), abs=1.0)
    assert score.verdict == ("pass" if score.value <= score.constraint.limit else "fail")
    assert score.approximate


def test_a_constraint_for_other_fractions_is_not_applicable(run):
    assert {s.verdict for s in scores_of(run)["60-15"]} == {"not applicable"}


def test_a_course_that_the_run_does_not_reach_is_not_judged(run):
    longer = copy.copy(run)
    plan = run.record.plans[0].model_copy(update={"end_days": 99.0})
    longer.record = run.record.model_copy(update={"plans": (plan, run.record.plans[1])})
    assert scores_of(longer)["60-15"] is None
