"""Constraints as report and pages show them: as given, or in EQD2 for another schedule; ladders as what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import polars as pl

from scenarios.records.run import PlanRecord
from scenarios.report.dose_statistics import recorded
from twin.dose import Method

KEYS = ("set", "structure", "metric")
_MOST_GY = 6.0  # of a fraction: beyond, the linear-quadratic model is no guide (Kirkpatrick 2008)
_ACUTE = "acute"
_CONVENTIONAL_GY = 2.0


@dataclass(frozen=True)
class Rung:
    """One level of a ladder of goals.

    Args:
        limit: in the unit of the metric.
        rate_percent: complication rate at the limit.
    """

    limit: float
    rate_percent: float


def ladder(rows: pl.DataFrame) -> tuple[Rung, ...]:
    """The levels of one metric that a set names with their rates, ascending; empty where it names one goal.

    Args:
        rows: of one set, structure and metric, of any plans.

    Example:
        >>> rows = pl.DataFrame({"limit": [13.0, 7.0, 7.0], "rate_percent": [10.0, 5.0, 5.0]})
        >>> [r.limit for r in ladder(rows)], ladder(rows[:1])
        ([7.0, 13.0], ())
    """
    found = rows.select("limit", "rate_percent").unique().sort("limit").drop_nulls()
    return tuple(Rung(*row) for row in found.iter_rows()) if len(found) > 1 else ()


def rung_words(value: float, rungs: Sequence[Rung], unit: str) -> str:
    """Where a value stands on a ladder: no failure, but a rate.

    Args:
        value: in the unit.
        rungs: the levels.
        unit: of the metric.

    Example:
        >>> rungs = (Rung(7, 5), Rung(13, 10))
        >>> [rung_words(v, rungs, "Gy") for v in (6.0, 12.0, 14.0)]
        ['within 7 Gy: at most 5 %', 'within 13 Gy: at most 10 %', 'above 13 Gy: more than 10 %']
    """
    for rung in rungs:
        if value <= rung.limit:
            return f"within {rung.limit:g} {unit}: at most {rung.rate_percent:g} %"
    return f"above {rungs[-1].limit:g} {unit}: more than {rungs[-1].rate_percent:g} %"


def shown_constraints(
    scorecard: pl.DataFrame, dvh: pl.DataFrame, plans: Sequence[PlanRecord], volumes_cm3: Mapping[str, float]
) -> pl.DataFrame:
    """The rows of `scorecard` that are of some plan, and in EQD2 what conventional goals say of other schedules.

    Args:
        scorecard: the table.
        dvh: the table of the same run.
        plans: of the run.
        volumes_cm3: of structures by name, for goals of a hottest volume.

    Returns:
        The table with a column `alpha_beta_gy`: not null where value and goal are compared in EQD2.
    """
    rows = scorecard.with_columns(alpha_beta_gy=pl.lit(None, pl.Float64))
    if rows.is_empty():
        return rows
    found = list(_in_eqd2(rows, dvh, plans, volumes_cm3))
    applicable = rows.filter(pl.col("verdict") != "not applicable")
    if not found:
        return applicable
    said = pl.DataFrame(found, schema=rows.schema, orient="row")
    order = rows.select("set", "structure", "goal").unique(maintain_order=True).with_row_index("order")
    together = pl.concat([applicable, said])
    return (
        together.join(order, on=["set", "structure", "goal"]).sort("order", maintain_order=True).drop("order")
    )


def _in_eqd2(
    rows: pl.DataFrame, dvh: pl.DataFrame, plans: Sequence[PlanRecord], volumes_cm3: Mapping[str, float]
) -> Iterator[dict]:
    from simulators.dose.accumulation import alpha_beta_gy
    from simulators.dose.constraints import constraint_sets, metric
    from simulators.dose.method_error import method_error
    from simulators.outcome.complications import ACUTE_ALPHA_BETA_GY

    conventional = [
        s.name for s in constraint_sets() if s.fraction_gy[0] <= _CONVENTIONAL_GY <= s.fraction_gy[1]
    ]
    by_plan = {plan.slug: plan for plan in plans}
    mute = rows.filter((pl.col("verdict") == "not applicable") & pl.col("set").is_in(conventional))
    for row in mute.iter_rows(named=True):
        plan = by_plan.get(row["plan"])
        curve = dvh.filter((pl.col("plan") == row["plan"]) & (pl.col("structure") == row["structure"]))
        if (
            plan is None
            or curve.is_empty()
            or plan.fractions == 0
            or plan.total_gy / plan.fractions > _MOST_GY
        ):
            continue
        method = plan.dose_method or "planning system"
        if method not in get_args(Method):  # of several methods: whose error it has is not known
            continue
        planned = recorded(curve, volumes_cm3.get(row["structure"]))
        acute = row["endpoint"].startswith(_ACUTE)
        ratio = ACUTE_ALPHA_BETA_GY if acute else alpha_beta_gy(row["structure"])
        error = method_error(row["structure"], method, sbrt=False)  # type: ignore[arg-type]
        value = metric(planned.times(error.ratio).eqd2(plan.fractions, ratio), row["metric"], plan.total_gy)
        met = value >= row["limit"] if ">=" in row["goal"] else value <= row["limit"]
        verdict = "estimated" if curve["estimated"][0] else "pass" if met else "fail"
        yield {**row, "value": value, "met": met, "verdict": verdict, "alpha_beta_gy": ratio}
