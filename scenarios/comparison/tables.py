"""Tables of a comparison, from its arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from scenarios.engine.arm import Arm
from scenarios.engine.course_dose import accumulated
from scenarios.plans.scenario import Scenario
from scenarios.records.run import PlanRecord
from scenarios.records.schema import LEVEL, SCHEMAS, table
from simulators.core.course import Event
from simulators.dose.dvh import dvh
from twin import StructureSet, Volume

_LUNGS = "Lungs-GTV"  # what lung constraints are about


def trajectory_table(
    records: Sequence[PlanRecord],
    daily: np.ndarray,
    gtv_cm3: np.ndarray,
    field_cm3: np.ndarray,
    imaged: Sequence[int],
) -> pl.DataFrame:
    """Daily volume of every sample.

    Args:
        records: the plans.
        daily: (days,) days from day 0.
        gtv_cm3: (plan, sample, day) volumes, cm3.
        field_cm3: (plan, image sample, day) volumes of the fields that some samples' images are made from, cm3.
        imaged: these samples.
    """
    plans, samples, days = gtv_cm3.shape
    fields = np.full(gtv_cm3.shape, np.nan)
    fields[:, list(imaged)] = field_cm3
    slugs = pl.Series([r.slug for r in records], dtype=pl.String)
    return table(
        "trajectory",
        {
            "plan": slugs.gather(np.repeat(np.arange(plans, dtype=np.uint32), samples * days)),
            "sample": np.tile(np.repeat(np.arange(samples, dtype=np.int32), days), plans),
            "day": np.tile(daily, plans * samples),
            "gtv_cm3": gtv_cm3.ravel(),
            "field_gtv_cm3": fields.ravel(),
        },
    ).with_columns(pl.col("field_gtv_cm3").fill_nan(None))


def band_table(
    name: str, records: Sequence[PlanRecord], daily: np.ndarray, gtv_cm3: np.ndarray
) -> pl.DataFrame:
    """Daily quantiles over samples, from (plan, sample, day) in cm3, as the `bands` or `prior_bands` table."""
    tail = (1 - LEVEL) / 2
    frames = []
    for record, curves in zip(records, gtv_cm3, strict=True):
        low, median, high = np.quantile(curves, [tail, 0.5, 1 - tail], axis=0)
        columns = {
            "day": daily,
            "low": low,
            "median": median,
            "high": high,
            "mean": curves.mean(axis=0),
        }
        frames.append(
            pl.DataFrame(columns).with_columns(
                plan=pl.lit(record.slug), level=pl.lit(LEVEL), n=pl.lit(len(curves), dtype=pl.Int32)
            )
        )
    return table(
        name,
        pl.concat(frames).select("plan", "day", "low", "median", "high", "mean", "level", "n").to_dict(),
    )


def event_table(records: Sequence[PlanRecord], arms: Sequence[Arm], now_days: float) -> pl.DataFrame:
    """Events of each course; the sample is null where all samples share one course."""
    frames = [table("events", [])]
    for record, arm in zip(records, arms, strict=True):
        for s, course in enumerate(arm.courses):
            names = [Event(kind).name.lower() for kind in course.kind]
            given = (course.kind == Event.FRACTION) & (course.time_days <= now_days) & (now_days > 0)
            columns = {
                "plan": [record.slug] * len(course),
                "sample": [s if len(arm.courses) > 1 else None] * len(course),
                "ordinal": np.arange(len(course)),
                "day": course.time_days,
                "kind": names,
                "dose_gy": course.dose_gy,
                "grid": [course.grids[g] if g >= 0 else None for g in course.grid],
                "delivered": given,
            }
            frames.append(table("events", columns))
    return pl.concat(frames)


def dvh_table(
    records: Sequence[PlanRecord],
    scenarios: Sequence[Scenario],
    structures: Sequence[StructureSet],
    arms: Sequence[Arm],
) -> pl.DataFrame:
    """Cumulative DVHs in steps of a quarter gray; other structures than targets and organs are left out."""
    frames: list[pl.DataFrame] = []
    curves: dict[str, pl.DataFrame] = {}  # scenarios of one plan share its dose
    for record, scenario, drawn, arm in zip(records, scenarios, structures, arms, strict=True):
        if record.grid is None:
            continue
        if record.grid not in curves:
            curves[record.grid] = _dvh_curves(whole_dose(record.grid, scenario, arm), drawn)
        names = {"plan": record.slug, "dose_method": record.dose_method}
        added = [pl.lit(text, pl.String).alias(name) for name, text in names.items()]
        frames.append(curves[record.grid].with_columns(added).select(list(SCHEMAS["dvh"])))
    return pl.concat(frames) if frames else table("dvh", [])


def whole_dose(grid: str, scenario: Scenario, arm: Arm) -> Volume:
    """A plan's dose, Gy, with what was delivered before it where it only adds fractions.

    Args:
        grid: the name of the plan's dose.
        scenario: of the plan.
        arm: of the scenario.
    """
    dose = arm.doses[grid].volume
    if scenario.plan.more:
        dose = accumulated(arm.course(0), arm.doses, len(arm.course(0)))[0] or dose
    return dose


def _dvh_curves(dose: Volume, structures: StructureSet) -> pl.DataFrame:
    frames = []
    drawn = [s.name for s in structures if s.role not in ("EXTERNAL", "OTHER")]
    lungs = [_LUNGS] if {"Lung_L", "Lung_R"} <= set(drawn) and structures.role("GTV") else []
    for name in [*lungs, *drawn]:
        curve = dvh(dose, structures, name)
        dose_gy = np.arange(0.0, curve.max_gy + 0.5, 0.25)
        share = np.interp(dose_gy, curve.dose_gy, curve.volume_fraction, right=0.0)
        frames.append(
            pl.DataFrame({"dose_gy": dose_gy, "volume_fraction": share}).select(
                pl.lit(name).alias("structure"),
                pl.all(),
                pl.lit(curve.estimated).alias("estimated"),
            )
        )
    return pl.concat(frames)
