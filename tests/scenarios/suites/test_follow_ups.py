"""What a benchmark makes of an evaluation of follow-ups."""

import polars as pl
import pytest

from scenarios.benchmark.scores import SCHEMA
from scenarios.suites.follow_ups import FollowUpSuiteJudge, by_score
from scenarios.suites.tables import less_is_better


def test_a_person_has_one_value_of_each_score_and_pairs_of_plans_have_none():
    rows = [
        {"patient": "a", "generator": "bridge-s0", "plan": plan, "day": 95.0, "other": other, "mode": mode,
         "metric": metric, "value": value}
        for plan, other, mode, metric, value in (
            ("60-30", None, "guided", "mae_near_hu", 30.0), ("none", None, "guided", "mae_near_hu", 50.0),
            ("60-30", None, "free", "mae_near_hu", 70.0), ("60-30", None, "free", "voxels_between", 1.25),
            ("60-30", "none", "guided", "mae_near_hu", 1000.0), ("60-30", None, "outside", "outside", 0.0),
        )
    ]  # fmt: skip
    found = by_score(pl.DataFrame(rows, schema=SCHEMA))
    assert set(found["generator"]) == {"bridge-s0"} and set(found["patient"]) == {"a"}
    assert dict(found.select("metric", "value").iter_rows()) == pytest.approx(
        {"mae_near_hu": 40.0, "free_mae_near_hu": 70.0, "between_error": 0.25}
    )
    assert (
        less_is_better("between_error") and less_is_better("energy_hu") and not less_is_better("injury_shown")
    )


def test_only_people_of_the_test_part_are_judged(tmp_path):
    rows = FollowUpSuiteJudge(people=("b", "c")).patients(tmp_path)
    assert [r["id"] for r in rows] == ["b", "c"] and rows[0]["truth"] == "b/b.truth"
