from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import pytest

from scenarios import Decision, Policy, Scenario, Seen, TreatmentPlan, compare
from scenarios.engine.adaptive import realise_adaptive
from scenarios.engine.library import LEVELS
from scenarios.engine.replan import PlanLibrary
from scenarios.engine.replan_anatomy import DayAnatomy, shrunk
from scenarios.policies.fixed_replans import FixedReplans
from scenarios.policies.isotoxic import Isotoxic
from scenarios.policies.pet_response import PetResponse
from scenarios.policies.traffic_light import TrafficLight
from scenarios.policies.volume_trigger import VolumeTrigger
from simulators.anatomy.events import AnatomyEvents
from simulators.belief.prior import prior_belief
from twin import DoseGrid, InputError, Volume

pytestmark = pytest.mark.long  # whole comparisons
PLAN = TreatmentPlan.parse("60/30")
SAMPLES = 12


def seen(**fields):
    usual = {
        "day": 14.35, "fractions_given": 10, "fractions_planned": 30, "fraction_gy": 2.0, "gtv_cm3": 50.0,
        "gtv_at_plan_cm3": 60.0, "suv_ratio": 0.6, "shift_mm": 1.0, "findings": (), "mean_lung_gy": 12.0,
        "oesophagus_v60": 0.0, "replans": 0,
    }  # fmt: skip
    return Seen(**{**usual, **fields})


@pytest.mark.parametrize(
    ("policy", "sight", "action", "fractions"),
    [
        (FixedReplans(), {}, "replan", 0),
        (FixedReplans(), {"replans": 1}, "continue", 0),
        (VolumeTrigger(), {}, "continue", 0),
        (VolumeTrigger(), {"gtv_cm3": 41.0}, "replan", 0),
        (TrafficLight(), {"shift_mm": 4.9}, "continue", 0),
        (TrafficLight(), {"shift_mm": 5.0}, "replan", 0),
        (Isotoxic(), {"mean_lung_gy": 19.5}, "continue", 0),
        (Isotoxic(), {"mean_lung_gy": 15.0}, "escalate", 8),  # 4 Gy of room at 0.5 Gy a fraction
        (Isotoxic(), {"mean_lung_gy": 8.0}, "escalate", 9),  # 79.2 Gy leaves room for 9 fractions of 2 Gy
        (PetResponse(), {"suv_ratio": 0.9}, "continue", 0),  # too early
        (PetResponse(), {"fractions_given": 20, "suv_ratio": 0.9}, "boost", 5),
        (PetResponse(), {"fractions_given": 20}, "continue", 0),
    ],
)
def test_built_in_policies_decide_by_what_they_see(policy, sight, action, fractions):
    decision = policy.decide(seen(**sight))
    assert (decision.action, decision.fractions) == (action, fractions)


def test_what_a_policy_sees_holds_nothing_of_the_truth():
    words = " ".join(Seen.__dataclass_fields__)
    for hidden in ("alpha", "survivors", "clonogen", "erosion", "viable", "half_time"):
        assert hidden not in words


def test_yaml_gives_the_same_policy_back_and_an_unknown_one_is_refused(tmp_path):
    scenario = Scenario(plan=PLAN, policy=VolumeTrigger(loss=0.25, turnaround_days=1))
    file = tmp_path / "s.yaml"
    file.write_text(scenario.to_yaml())
    assert Scenario.parse(str(file)) == scenario
    file.write_text("plan: 60/30\npolicy: guesswork")
    with pytest.raises(InputError, match="unknown policy 'guesswork'"):
        Scenario.parse(str(file))


def run_of(twin, policies, **fields):
    scenarios = [Scenario(plan=PLAN, policy=p) for p in policies]
    return compare(
        twin,
        scenarios,
        **{"days": 60, "samples": SAMPLES, "image_samples": 0, "seed": 1, "dose": "approximate", **fields},
    )


@pytest.fixture(scope="module")
def adaptive(dosed_twin):
    return run_of(dosed_twin, [None, Policy.of("none"), FixedReplans(), TrafficLight(), Isotoxic()])


def per_plan(run, outcome):
    return {
        r["plan"]: r["mean"] for r in run.outcomes.filter(pl.col("outcome") == outcome).iter_rows(named=True)
    }


def test_every_sample_is_decided_upon_at_every_image_during_treatment(adaptive):
    rows = adaptive.decisions.group_by("plan").len()
    assert dict(rows.iter_rows())["60-30-no-adaptation"] == SAMPLES * 5  # days 7, 14, 21, 28, 35
    assert set(adaptive.decisions.filter(pl.col("plan") == "60-30-no-adaptation")["decision"]) == {"continue"}


def test_without_replans_organs_receive_what_the_plan_gives(adaptive):
    lung = per_plan(adaptive, "mean_lung_dose")
    assert lung["60-30-no-adaptation"] == pytest.approx(lung["60-30"])


def test_replans_spare_lung_but_where_the_plan_moves_with_the_tumour(adaptive):
    lung = per_plan(adaptive, "mean_lung_dose")
    assert lung["60-30-fixed-replans"] <= lung["60-30-no-adaptation"]
    ordered = adaptive.decisions.filter(pl.col("decision") == "replan")
    still = ordered.join(
        adaptive.events.filter(pl.col("grid").str.contains("aimed")), on=["plan", "sample"], how="anti"
    )
    assert (still["final_mean_lung_gy"] <= still["forecast_mean_lung_gy"] + 1e-9).all()
    assert (still["final_mean_lung_gy"] < still["forecast_mean_lung_gy"] - 0.05).any()


def test_each_fraction_has_its_set_up_error_the_same_under_every_plan(adaptive):
    names = {}
    for plan in ("60-30-no-adaptation", "60-30-isotoxic"):
        grid = adaptive.events.filter((pl.col("plan") == plan) & (pl.col("kind") == "fraction"))
        grid = grid.filter(pl.col("sample") == 0)["grid"]
        names[plan] = [name.partition("moved by ")[2] for name in grid]
    none, more = names.values()
    assert len(set(none)) > 10  # 2.5 mm of random error, in steps of 2 mm
    assert more[: len(none)] == none


def test_a_replan_takes_its_turnaround(adaptive):
    ordered = adaptive.decisions.filter(
        (pl.col("plan") == "60-30-fixed-replans") & (pl.col("decision") == "replan")
    )
    used = adaptive.events.filter(
        (pl.col("plan") == "60-30-fixed-replans") & pl.col("grid").str.contains("replan")
    )
    for sample, day in used.group_by("sample").agg(pl.col("day").min()).iter_rows():
        first = ordered.filter(pl.col("sample") == sample)["day"].min()
        assert day >= first + 3.0


def test_isotoxic_escalates_to_its_limit_and_controls_no_less(adaptive):
    given = adaptive.events.filter((pl.col("plan") == "60-30-isotoxic") & (pl.col("kind") == "fraction"))
    totals = given.group_by("sample").agg(pl.col("dose_gy").sum())["dose_gy"]
    assert totals.min() > 60 and totals.max() <= 79.2
    control = per_plan(adaptive, "tumour_control")
    assert control["60-30-isotoxic"] >= control["60-30-no-adaptation"]


def test_refusing_every_decision_leaves_the_plan_as_it_was(dosed_twin, adaptive):
    asked = []
    run = run_of(dosed_twin, [FixedReplans()], approve=lambda row: asked.append(row["day"]))
    assert len(asked) >= SAMPLES
    assert not run.decisions.filter(pl.col("decision") == "replan")["approved"].any()
    none = adaptive.trajectory.filter(pl.col("plan") == "60-30-no-adaptation")["gtv_cm3"]
    assert np.array_equal(run.trajectory["gtv_cm3"], none)


def test_an_arm_does_not_depend_on_the_others(dosed_twin, adaptive):
    alone = run_of(dosed_twin, [TrafficLight()])
    for name in ("trajectory", "decisions", "outcomes", "events"):
        both = adaptive.tables[name].filter(pl.col("plan") == "60-30-traffic-light")
        assert alone.tables[name].equals(both), name


class Looks(Policy):
    """Stops when the tumour on the follow-up CT is small; it draws on pixels only."""

    kind: Literal["looks at pixels"] = "looks at pixels"
    pixels: ClassVar[bool] = True

    def decide(self, seen):
        drawn_cm3 = float(seen.gtv.array.sum()) * seen.gtv.geometry.voxel_cm3
        assert seen.scan.modality == "CT" and seen.scan.geometry.same_grid(seen.gtv.geometry)
        assert seen.belief.n > 1
        return Decision("stop", f"{drawn_cm3:.2f} cm3 drawn, {seen.gtv_cm3:.2f} measured")


def test_a_policy_gets_the_follow_up_ct_if_it_asks(coarse_twin):
    belief, scenario = prior_belief(coarse_twin, 2, 1), Scenario(plan=PLAN, policy=Looks())
    grid = flat_dose(coarse_twin)
    arm = realise_adaptive(
        scenario,
        scenario.policy,
        coarse_twin,
        belief,
        PlanLibrary(coarse_twin, PLAN, grid),
        days=10,
        seed=1,
    )
    assert len(arm.decisions) == 2
    for row in arm.decisions:
        drawn = float(row["reason"].split()[0])
        assert drawn == pytest.approx(row["gtv_cm3"], rel=0.4) and drawn < coarse_twin.gtv_cm3


def flat_dose(twin):
    geometry = twin.contours.geometry.resampled(8.0)
    return DoseGrid("60/30", Volume(geometry, np.full(geometry.shape, 60.0, np.float32), "DOSE", "Gy"), 60.0)


def test_after_sequential_drugs_a_policy_is_asked_and_events_come_once_radiotherapy_has_begun(coarse_twin):
    plan = TreatmentPlan.parse("sequential")
    scenario = Scenario(plan=plan, policy=Policy.of("none"))
    belief = prior_belief(coarse_twin, 4, 1)
    library = PlanLibrary(coarse_twin, plan, flat_dose(coarse_twin))
    arm = realise_adaptive(scenario, scenario.policy, coarse_twin, belief, library, days=80, seed=1)
    assert {int(row["day"]) for row in arm.decisions} == {49, 56, 63, 70, 77}
    first = {row["sample"]: row["gtv_cm3"] for row in reversed(arm.decisions)}
    assert np.median(list(first.values())) < 0.9 * coarse_twin.gtv_cm3
    for kind, day in AnatomyEvents.draw(coarse_twin.id, 4, 1).day.items():
        np.testing.assert_allclose(arm.events.day[kind], day + 49)


class Broken(Policy):
    kind: Literal["broken"] = "broken"
    answer: bool = False

    def decide(self, seen):
        return "yes" if self.answer else 1 / 0


@pytest.mark.parametrize(
    ("policy", "says"), [(Broken(), "failed on day 7"), (Broken(answer=True), "no Decision")]
)
def test_a_policy_that_fails_is_one_sentence(dosed_twin, policy, says):
    with pytest.raises(InputError, match=says):
        run_of(dosed_twin, [policy])


def test_the_policy_of_the_docs_runs_as_written(dosed_twin):
    text = (Path(__file__).parents[3] / "docs" / "policies.md").read_text()
    names: dict = {"__name__": "docs"}
    exec(text.split("```python")[1].split("```")[0], names)
    run = compare(
        dosed_twin, [names["scenario"]], days=60, samples=SAMPLES, image_samples=0, dose="approximate"
    )
    stopped = run.decisions.filter(pl.col("decision") == "stop")
    assert (stopped["gtv_cm3"] < 20).all()
    fractions = run.events.filter(pl.col("kind") == "fraction").group_by("sample").len()
    by_sample = dict(fractions.iter_rows())
    assert all(by_sample[s] < 30 for s in stopped["sample"])
    assert all(n == 30 for s, n in by_sample.items() if s not in set(stopped["sample"]))


@pytest.mark.slow
def test_a_replan_is_made_on_the_days_anatomy_and_its_dose_brought_back(coarse_twin):
    anatomy = DayAnatomy.of(coarse_twin, 0.55)
    first, day = coarse_twin.contours.gtv(), anatomy.structures.gtv()
    assert day.sum() / first.sum() == pytest.approx(0.55, abs=0.03)
    assert not np.array_equal(anatomy.scan.volume.array, coarse_twin.baseline.volume.array)
    geometry = coarse_twin.contours.geometry
    points = geometry.lps(np.argwhere(first)[::50])
    moved = anatomy.follow(points)
    centre = points.mean(axis=0)
    before, after = (np.linalg.norm(p - centre, axis=1) for p in (points, moved))
    assert after.mean() < before.mean() - 1  # tissue is drawn in
    index = np.rint(geometry.index(moved)).astype(int)
    assert day[tuple(index.T)].mean() > 0.9  # tumour tissue stays tumour
    volume = Volume(geometry, day.astype(np.float32), "DOSE", "Gy")
    back = anatomy.on_day_0(DoseGrid("d", volume, 1.0)).volume.array > 0.5
    assert (back & first).sum() / first.sum() > 0.9  # what hits the small target has hit all of its tissue


def test_a_shrunk_target_has_the_share_and_lies_inside(coarse_twin):
    for share in LEVELS[1:]:
        mask = shrunk(coarse_twin.contours, share).gtv()
        assert mask.sum() / coarse_twin.contours.gtv().sum() == pytest.approx(share, abs=0.02)
        assert not (mask & ~coarse_twin.contours.gtv()).any()


def test_the_report_counts_the_decisions(adaptive, tmp_path):
    from scenarios.report.page import write_report

    write_report(adaptive, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    replans = adaptive.decisions.filter(
        (pl.col("plan") == "60-30-fixed-replans") & (pl.col("decision") == "replan")
    )
    assert f"<td>{len(replans)} of {SAMPLES * 5}</td>" in html
