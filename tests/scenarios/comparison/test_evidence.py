"""What trials with a plan's schedule found."""

import polars as pl

from scenarios import Scenario
from scenarios.comparison.evidence import credibility_table, trial_table
from scenarios.records.run import PlanRecord
from twin import ClinicalRecord

ADVANCED = ClinicalRecord(stage="IIIB")
MODELS = ("standard", "calibrated")


def asked(*plans, context=()):
    scenarios = [Scenario.parse(plan) for plan in plans]
    records = [
        PlanRecord(
            slug=s.slug, label=s.label, total_gy=s.plan.total_gy, fractions=s.plan.fractions, end_days=40.0,
            grid=None, context=context, scenario={},
        )
        for s in scenarios
    ]  # fmt: skip
    return records, scenarios


def test_arms_with_the_same_doses_and_patients_of_like_stage_are_found():
    found = trial_table(*asked("60/30", "CHART", "61/30"), ADVANCED)
    rows = found.filter((pl.col("trial") == "RTOG 0617") & (pl.col("outcome") == "overall_survival_2y"))
    assert rows.select("plan", "arm", "value", "months").rows() == [("60-30", "60 Gy", 0.576, 24.0)]
    assert set(found.filter(pl.col("plan") == "61-30")["trial"]) == set()
    assert "CHART" in set(found["arm"]) and set(found["side"]) <= {"fit", "test"}
    assert found["words"].str.len_chars().min() > 5 and found["source"].null_count() == 0


def test_early_disease_meets_arms_of_early_disease():
    found = trial_table(*asked("60/30", "54/3"), ClinicalRecord(stage="IA2"))
    assert not any("RTOG 0617" in trial for trial in found["trial"])
    assert "RTOG 0236" in set(found.filter(pl.col("plan") == "54-3")["trial"])
    assert all("I 100 %" in stages or "I " in stages for stages in found["stages"])


def test_medians_belong_to_no_outcome_and_plans_of_more_parts_to_no_arm():
    found = trial_table(*asked("60/30"), ADVANCED)
    assert found.filter(pl.col("value") == 0.5)["outcome"].null_count() == (found["value"] == 0.5).sum() > 0
    assert trial_table(*asked("+20/8"), ADVANCED).is_empty()


def test_each_outcome_of_each_plan_is_graded():
    records, scenarios = asked("60/30", "54/3")
    names = ["overall_survival_2y", "gtv_3_months", "lung_v20"]
    found = credibility_table(records, scenarios, ADVANCED, MODELS, {r.slug: names for r in records})
    assert found.select("plan", "outcome").rows() == [(r.slug, n) for r in records for n in names]
    grades = dict(zip(found["plan"] + found["outcome"], found["grade"], strict=True))
    other = credibility_table(
        records, scenarios, ADVANCED, ("published", "calibrated"), {r.slug: names for r in records}
    )
    volumes = other.filter(pl.col("outcome") == "gtv_3_months")
    assert (
        set(volumes["grade"]) == {"none"} != {grades["60-30gtv_3_months"]}
    )  # of another tumour model nothing is known
    assert grades["60-30overall_survival_2y"] != "none" == grades["54-3overall_survival_2y"]
