"""What speaks for a comparison's outcomes: how far each may be believed, and what trials of like schedules found."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from scenarios.plans.plan import TreatmentPlan
from scenarios.plans.scenario import Scenario
from scenarios.records.run import PlanRecord
from scenarios.records.schema import table
from scenarios.validation.credibility import applicability, credibility, subject
from simulators.calibration.evidence import SHARES, Row, Schedule, evidence
from simulators.dose.approximate import SBRT_GY
from simulators.outcome.life import STAGES, stage_index
from twin import ClinicalRecord

_NEAR_GY = 0.05
_NEAR_MONTHS = 1.0


def credibility_table(
    records: Sequence[PlanRecord],
    scenarios: Sequence[Scenario],
    clinical: ClinicalRecord,
    models: tuple[str, str],
    outcomes: Mapping[str, Collection[str]],
) -> pl.DataFrame:
    """The `credibility` table.

    Args:
        records: the plans.
        scenarios: the same plans.
        clinical: the patient's record.
        models: names of the tumour model, which volumes come from, and of the outcome model.
        outcomes: slug -> names of the plan's outcomes.
    """
    rows = []
    stage = stage_index(clinical.stage)
    for record, scenario in zip(records, scenarios, strict=True):
        sbrt = scenario.plan.largest_fraction_gy >= SBRT_GY
        applies = applicability(scenario.plan.total_gy, sbrt, stage, bool(record.context))
        for outcome in outcomes[record.slug]:
            found = credibility(outcome, models[subject(outcome) != "gtv"])
            rows.append(
                {
                    "plan": record.slug,
                    "outcome": outcome,
                    "grade": found.grade(applies),
                    "evidence": found.evidence,
                    "agreement": found.agreement,
                    "applicability": applies,
                    "fitted": found.fitted,
                    "tested": found.tested,
                    "numbers": found.numbers,
                    "inside": found.inside,
                    "error": found.error,
                    "null_error": found.null_error,
                    "words": found.words(),
                }
            )
    return table("credibility", rows)


def judged_by(kinetics: str, outcomes: str, assumptions: Mapping[str, Any]) -> tuple[str, str]:
    """Names of the tumour model and the outcome model for `credibility_table`; evidence is of the usual ones only.

    Args:
        kinetics: name of the tumour model.
        outcomes: name of the outcome model.
        assumptions: what is not usual in them and in the prior, which both take.
    """
    other = " with other assumptions"
    tumour = kinetics + other if {"prior", "kinetics"} & assumptions.keys() else kinetics
    standard_too = {"prior", "kinetics"} if outcomes == "standard" else set()
    return tumour, outcomes + other if {"outcomes", *standard_too} & assumptions.keys() else outcomes


def trial_table(
    records: Sequence[PlanRecord], scenarios: Sequence[Scenario], clinical: ClinicalRecord
) -> pl.DataFrame:
    """The `trials` table: what arms of the evidence found that had a plan's schedule and patients of like stage.

    Args:
        records: the plans.
        scenarios: the same plans.
        clinical: the patient's record; without a stage all arms are taken.
    """
    stage = stage_index(clinical.stage)
    rows = [
        {"plan": record.slug, **_found(row)}
        for record, scenario in zip(records, scenarios, strict=True)
        for row in _arms_of(scenario.plan, stage)
    ]
    return table("trials", rows)


def _arms_of(plan: TreatmentPlan, stage: int | None) -> Iterator[Row]:
    """Numbers of arms in which all patients had the plan's doses."""
    for row in evidence().rows:
        same = all(_same(plan, schedule) for schedule in row.schedules)
        if row.endpoint in SHARES and same and (stage is None or _stages(row)[stage] > 0):
            yield row


def _same(plan: TreatmentPlan, schedule: Schedule) -> bool:
    if plan.more or len(plan.phases) != 1:
        return False
    (phase,) = plan.phases
    near = abs(phase.total_gy - schedule.total_gy) < _NEAR_GY
    return near and phase.fractions == schedule.fractions and phase.per_day == schedule.per_day


def _stages(row: Row) -> tuple[float, float, float]:
    return row.stage_1, row.stage_2, row.stage_3


def _share(percent: float) -> float | None:
    return None if math.isnan(percent) else round(percent / 100, 6)


def _found(row: Row) -> dict[str, Any]:
    years = next((y for y in (2, 5) if abs(row.months - 12 * y) <= _NEAR_MONTHS), None)
    mix = zip(STAGES, _stages(row), strict=True)
    return {
        "outcome": None if years is None or row.value == 50.0 else f"{row.endpoint}_{years}y",
        "endpoint": row.endpoint,
        "months": row.months,
        "value": _share(row.value),
        "low": _share(row.low),
        "high": _share(row.high),
        "n": row.n,
        "trial": row.trial,
        "arm": row.arm,
        "stages": ", ".join(f"{name} {share:.0%}".replace("%", " %") for name, share in mix if share),
        "drugs": row.drugs.replace("|", " or ") + (", immune consolidation" if row.immune else ""),
        "side": "test" if evidence().side(row) == "test" else "fit",
        "source": row.source,
        "words": row.words,
    }
