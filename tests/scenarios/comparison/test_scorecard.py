"""The scorecard, the measured tumour and the forecasts of a run."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from scenarios import Scenario, TreatmentPlan, compare
from scenarios.comparison.result import load
from scenarios.engine.arm import Arm
from scenarios.engine.courses import realise
from scenarios.engine.delivery import Delivery
from scenarios.engine.observation import deliver_until
from scenarios.engine.organ_dose import ORGANS, dose_factors
from scenarios.records.schema import ADDED
from simulators.belief.update import update_belief
from simulators.core.course import Event
from simulators.dose.constraints import constraint_sets, coverage_goals
from simulators.dose.method_error import APPROXIMATE_RATIO, DOSE_SD, method_error
from simulators.dose.organ_points import OrganPoints
from twin import Observation

pytestmark = pytest.mark.long  # whole comparisons
STANDARD = TreatmentPlan.parse("60/30")


def test_every_constraint_has_a_row_for_every_plan(run):
    expected = sum(len(s.constraints) for s in (coverage_goals(), *constraint_sets()))
    for plan in ("60-30", "55-20"):
        assert len(run.scorecard.filter(pl.col("plan") == plan)) == expected
    assert set(run.scorecard["verdict"]) <= {"pass", "fail", "estimated", "not applicable", "unknown"}
    hypo = run.scorecard.filter((pl.col("plan") == "55-20") & (pl.col("set") == "QUANTEC"))
    assert set(hypo["verdict"]) == {"not applicable"}  # 2.75 Gy is not conventional: never a pass
    assert hypo["value"].is_null().all() and hypo["share_passing"].is_null().all()


def test_values_agree_with_outcomes_and_shares_with_their_spread(run):
    lung = run.scorecard.filter(
        (pl.col("plan") == "60-30") & (pl.col("structure") == "Lungs-GTV") & (pl.col("metric") == "Dmean")
    )
    outcome = run.outcomes.filter((pl.col("plan") == "60-30") & (pl.col("outcome") == "mean_lung_dose"))
    assert lung["value"][0] == pytest.approx(outcome["mean"][0], rel=0.15)  # the median of 24 samples
    assert (lung["low"] < lung["value"]).all() and (lung["value"] < lung["high"]).all()
    shares = lung.sort("limit")["share_passing"].to_numpy()
    assert (np.diff(shares) >= 0).all() and 0 < shares[-1] <= 1
    known = run.scorecard.filter(pl.col("value").is_not_null())
    assert known["share_passing"].is_between(0, 1).all() and (known["n"] == 24).all()


def test_targets_have_set_up_errors_but_no_error_of_dose(run):
    gtv = run.scorecard.filter((pl.col("set") == "Coverage") & (pl.col("structure") == "GTV"))
    assert (gtv["verdict"] != "unknown").all()
    assert (gtv["high"] - gtv["low"] < 20).all()


def test_an_organ_s_error_is_the_same_for_outcomes_and_constraints_and_under_every_plan():
    assert min(min(by_organ.values()) for by_organ in DOSE_SD.values()) > 0
    many = dose_factors("SpinalCord", "p", 20_000, 0, 0.3)
    assert many.mean() == pytest.approx(1.0, abs=0.01) and np.log(many).std() == pytest.approx(0.3, rel=0.03)
    np.testing.assert_array_equal(many[:10], dose_factors("SpinalCord", "p", 10, 0, 0.3))
    assert (dose_factors("Heart", "p", 10, 0, 0.3) != dose_factors("Esophagus", "p", 10, 0, 0.3)).all()


@pytest.mark.parametrize("sbrt", [False, True])
def test_what_is_painted_is_corrected_by_what_was_measured_and_less_certain_than_a_plan(sbrt):
    for organ in (*ORGANS, "SpinalCord", "Liver"):
        plan, painted = (method_error(organ, m, sbrt=sbrt) for m in ("fluence plan", "approximate"))
        measured, spread = APPROXIMATE_RATIO[sbrt].get(organ, APPROXIMATE_RATIO[sbrt]["all"])
        assert plan.ratio == 1.0 and painted.ratio == measured
        assert painted.sd == pytest.approx(np.hypot(plan.sd, spread), abs=1e-3)
    assert method_error("Heart", "approximate", sbrt=sbrt).ratio != 1.0


def test_only_the_painted_fractions_of_a_course_are_corrected(dosed_twin):
    """The first half of a course by the planning system, the second painted, the same numbers in both grids."""
    painted = dosed_twin.doses["60/30"]
    drawn = replace(painted, name="drawn", method="planning system")
    course = realise(Scenario.of(STANDARD), dosed_twin, 60.0)
    grid = course.grid.copy()
    grid[course.of(Event.FRACTION)[:15]] = 1
    mixed = replace(course, grids=("60/30", "drawn"), grid=grid)
    points = OrganPoints.even(dosed_twin.contours, "Heart", painted.volume).lps_mm[::7]
    doses = {"60/30": painted, "drawn": drawn}
    means = {}
    for name, one in (("painted", course), ("mixed", mixed)):
        arm = Arm([one], doses, np.ones(1), {})
        delivery = Delivery(dosed_twin, arm, 0)
        means[name] = delivery.planned_at(points, "Heart").mean() / delivery.planned_at(points).mean()
        assert means[name] == pytest.approx(delivery.ratio("Heart"), rel=1e-5)
    ratio = APPROXIMATE_RATIO[False]["Heart"][0]
    assert means["painted"] == pytest.approx(ratio, rel=1e-5)
    assert means["mixed"] == pytest.approx((1 + ratio) / 2, rel=1e-4)


def test_every_imaged_date_is_measured(run):
    acquired = run.recist.filter(pl.col("plan").is_null())
    assert acquired["response"].to_list() == ["baseline"] and acquired["day"].to_list() == [0.0]
    for plan in ("60-30", "55-20"):
        days = sorted(i.day for i in run.record.images if i.kind == "gtv" and i.plan == plan)
        mine = run.recist.filter(pl.col("plan") == plan)
        assert mine["day"].to_list() == days
        assert set(mine["response"]) <= {"complete", "partial", "stable", "progression"}
        gtv = run.image(plan, days[-1], "gtv")
        assert mine["cm3"][-1] == pytest.approx(float((gtv.array > 0).sum()) * gtv.geometry.voxel_cm3)
        assert mine["longest_mm"][-1] < acquired["longest_mm"][0]


@pytest.fixture(scope="module")
def observed(dosed_twin):
    twin = deliver_until(dosed_twin, Scenario.of(STANDARD), 21.0)
    for day, share in ((7.4, 0.93), (14.4, 0.80), (20.4, 0.68)):
        twin = twin.observe(Observation(day, "gtv_cm3", share * twin.gtv_cm3))
    return update_belief(twin, samples=2000)


@pytest.fixture(scope="module")
def learned_run(observed):
    return compare(observed, [STANDARD], days=120, samples=200, image_samples=0, seed=3, dose="approximate")


def test_the_run_shows_which_observation_moved_the_forecast(learned_run):
    moved = learned_run.moved
    assert moved["order"].to_list() == [0, 1, 2, 3] and moved["day"].to_list() == [None, 7.4, 14.4, 20.4]
    assert set(moved["forecast_day"]) == {90.0}
    for row in moved.iter_rows(named=True):
        assert row["low"] < row["median"] < row["high"]
        assert row["drawn_high"] - row["drawn_low"] > row["high"] - row["low"]
    steps = moved["median"].to_numpy()
    np.testing.assert_allclose(moved["moved_cm3"][1:].to_numpy(), np.diff(steps))
    last = learned_run.bands.filter(pl.col("day") == 90)["median"][0]
    assert steps[-1] == pytest.approx(last, rel=0.15)
    before = learned_run.prior_bands.filter(pl.col("day") == 90)["median"][0]
    assert steps[0] == pytest.approx(before, rel=0.15)
    control = moved["control"].to_numpy()
    np.testing.assert_allclose(moved["moved_control"][1:].to_numpy(), np.diff(control))
    shown = learned_run.outcomes.filter(pl.col("outcome") == "tumour_control")["mean"][0]
    assert control[-1] == pytest.approx(shown, abs=0.12)  # 200 samples of a share


def test_failures_are_those_that_survival_and_control_count(run):
    """Free of progression at two years: neither failure by then, and alive."""
    for plan in ("60-30", "55-20"):
        mine = run.failures.filter(pl.col("plan") == plan)
        assert mine.group_by("kind").len().sort("kind").rows() == [
            ("distant failure", 24),
            ("local failure", 24),
            ("regional failure", 24),
        ]
        by_sample = mine.group_by("sample").agg(
            (pl.col("day") <= 730.5).any().fill_null(False).alias("failed")
        )
        share = {
            r["outcome"]: r["mean"] for r in run.outcomes.filter(pl.col("plan") == plan).iter_rows(named=True)
        }
        died_free = 1 - by_sample["failed"].mean() - share["progression_free_survival_2y"]
        chance = 3 * np.sqrt(0.25 / 24)  # failures are drawn, 24 of them; the shares are expected values
        assert -chance <= died_free <= 1 - share["overall_survival_2y"] + chance
        local = mine.filter(pl.col("kind") == "local failure")["day"]
        assert (local.drop_nulls() > run.record.plans[0].fractions).all()  # none while treatment goes on


def test_without_what_survival_needs_distant_failure_has_no_rows(observed):
    unknown = observed.fork(clinical=observed.clinical.model_copy(update={"age_years": None}))
    found = compare(
        unknown, [Scenario(plan=STANDARD)], days=30, samples=24, image_samples=0, dose="approximate"
    ).failures
    assert set(found["kind"]) == {"local failure"} and len(found) == 24


def test_prior_and_posterior_are_forecast_as_they_would_be_drawn(learned_run):
    drawn = learned_run.drawn_bands
    assert set(drawn["belief"]) == {"prior", "posterior"} and len(drawn) == 2 * 121
    day = (pl.col("day") == 90) & (pl.col("belief") == "posterior")
    true, seen = learned_run.bands.filter(pl.col("day") == 90), drawn.filter(day)
    assert seen["high"][0] - seen["low"][0] > true["high"][0] - true["low"][0]


def test_the_report_shows_what_was_learned_scored_and_measured(learned_run, run, tmp_path):
    learned_run.save(tmp_path / "learned")
    text = (tmp_path / "learned" / "report.html").read_text()
    for words in (
        "What moved the forecast",
        "as drawn",
        "Effective number of samples",
        "Constraints",
        "the share that keeps to it",
    ):
        assert words in text, words
    run.save(tmp_path / "run")
    assert "RECIST" in (tmp_path / "run" / "report.html").read_text()


def test_a_low_effective_size_is_said(observed):
    poor = observed.fork(belief=replace(observed.belief, ess=120.0))
    run = compare(poor, [Scenario(plan=STANDARD)], days=30, samples=24, image_samples=0, dose="approximate")
    assert any("120 of 2000. That is low" in note for note in run.record.notes)


def test_runs_of_earlier_versions_are_read_without_the_later_tables(run, tmp_path):
    run.save(tmp_path / "old")
    for name in ADDED:
        (tmp_path / "old" / f"{name}.parquet").unlink()
    old = load(tmp_path / "old")
    assert all(old.tables[name].is_empty() for name in ADDED)
