"""Policies in cohorts of patients known by numbers only: paired, with decisions, and with similar patients' doses."""

from typing import Literal

import numpy as np
import polars as pl
import pytest

from scenarios import Policy, SampledCohort, Scenario, TreatmentPlan, run_study
from scenarios.engine.library import LEVELS, State
from scenarios.engine.replan import PlanLibrary
from scenarios.matching.doses import Matches, ReferencePatients
from scenarios.matching.replans import MatchedLibrary
from scenarios.policies.isotoxic import Isotoxic
from scenarios.policies.traffic_light import TrafficLight
from scenarios.policies.volume_trigger import VolumeTrigger
from twin import InputError

PLAN = TreatmentPlan.parse("60/30")
SAMPLES = 8


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    policies = [None, Policy.of("none"), VolumeTrigger(), TrafficLight(), Isotoxic()]
    scenarios = [Scenario(plan=PLAN, policy=p) for p in policies]
    return run_study(
        SampledCohort(6), scenarios, tmp_path_factory.mktemp("s") / "study", days=120, samples=SAMPLES
    )


def effects(study, plan, outcome):
    return study.effects.filter((pl.col("plan") == plan) & (pl.col("outcome") == outcome))["mean"].to_numpy()


def test_every_sample_of_every_patient_is_decided_upon(study):
    assert not len(study.failed)
    rows = study.decisions.filter(pl.col("plan") == "60-30-no-adaptation")
    assert len(rows) == 6 * SAMPLES * 5 and set(rows["decision"]) == {"continue"}
    assert study.decisions["forecast_mean_lung_gy"].is_finite().all()


def test_without_replans_organs_get_what_the_plan_gives_and_shrinking_targets_spare_them(study):
    assert effects(study, "60-30-no-adaptation", "mean_lung_dose") == pytest.approx(0, abs=1e-9)
    spared = effects(study, "60-30-volume-trigger", "mean_lung_dose")
    assert (spared <= 1e-9).all() and spared.min() < -0.05


def test_isotoxic_gives_more_where_the_lung_allows_and_controls_more(study):
    more = study.decisions.filter((pl.col("plan") == "60-30-isotoxic") & (pl.col("decision") == "escalate"))
    assert (more["forecast_mean_lung_gy"] < 19).all() and len(more)
    assert effects(study, "60-30-isotoxic", "tumour_control").mean() > 0


def test_a_part_of_a_study_does_not_depend_on_the_others(study, tmp_path):
    alone = run_study(
        SampledCohort(6), [Scenario(plan=PLAN), Scenario(plan=PLAN, policy=VolumeTrigger())], tmp_path / "s",
        days=120, samples=SAMPLES, part=2,
    )  # fmt: skip
    mine = pl.col("plan") == "60-30-volume-trigger"
    for name in ("effects", "lives", "decisions"):
        assert getattr(alone, name).filter(mine).equals(getattr(study, name).filter(mine)), name


class Looks(Policy):
    kind: Literal["looks"] = "looks"
    pixels = True


def test_a_policy_that_looks_at_images_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match="looks at images, which a sampled or tabled cohort has not"):
        run_study(SampledCohort(1), [Scenario(plan=PLAN, policy=Looks())], tmp_path / "s")


def library(gtv_cm3=60.0):
    references = ReferencePatients.of(False)
    nearest = references.nearest(gtv_cm3, "central", False)[None]
    matches = Matches.of(references, nearest, np.log([gtv_cm3]), np.full((1, 1, 4), 0.5))
    return MatchedLibrary(PLAN, gtv_cm3, False, references, matches)


def test_a_moved_sphere_keeps_the_dose_that_a_calculated_plan_leaves_a_moved_tumour(coarse_twin):
    from scenarios.engine.planned_dose import planned_doses

    calculated = PlanLibrary(coarse_twin, PLAN, planned_doses(coarse_twin, [PLAN]).doses["60/30"])
    sphere = library(coarse_twin.gtv_cm3)
    for mm in (4.0, 10.0, 24.0):
        kept = []
        for axis in range(3):
            moved = State(moved_mm=tuple(mm * (k == axis) for k in range(3)))
            kept.append(
                [(b.relative[b.state(moved)] / b.relative["60/30"]).mean() for b in (calculated, sphere)]
            )
        ours, matched = np.mean(kept, axis=0)
        assert matched == pytest.approx(ours, abs=0.03), mm


def test_a_replan_scales_organ_doses_by_the_regression_on_volume():
    held = library()
    course = type("Course", (), {"of": lambda *_: []})
    full = held.mean_lung_gy(0, course, State(0), 1.0)
    expected = full * LEVELS[3] ** held.references.slopes["Lungs-GTV"]
    assert held.mean_lung_gy(0, course, State(3), 1.0) == pytest.approx(expected)
