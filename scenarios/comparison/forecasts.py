"""Forecasts as they would be drawn, and which observation moved them, as tables of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from scenarios.comparison.tables import band_table
from scenarios.engine.arm import Arm
from scenarios.records.run import PlanRecord
from scenarios.records.schema import LEVEL, table
from simulators.belief.information import beliefs_along, drawn_cm3, what_moved_the_forecast
from simulators.tumour.dose_volume import DoseVolumeKinetics
from twin import Belief, PatientTwin

FORECAST_DAY = 90.0
REPLAYED = (
    2_000  # samples of the beliefs after each observation: a tenth of a second each, 2 % of a standard error
)


def drawn_table(
    twin: PatientTwin,
    records: Sequence[PlanRecord],
    daily: np.ndarray,
    forecasts: Sequence[tuple[Belief, np.ndarray]],
    seed: int,
) -> pl.DataFrame:
    """The `drawn_bands` table.

    Args:
        twin: the patient.
        records: the plans.
        daily: (days,) days from day 0.
        forecasts: beliefs, each with its (plan, sample, day) true volumes, cm3.
        seed: the run's seed.
    """
    frames = [table("drawn_bands", [])]
    for belief, gtv_cm3 in forecasts:
        drawn = drawn_cm3(twin, gtv_cm3, belief.samples["contour_error"], seed)
        bands = band_table("bands", records, daily, drawn)
        frames.append(bands.select(pl.lit(belief.kind).alias("belief"), pl.all()))
    return pl.concat(frames)


def moved_table(
    twin: PatientTwin, records: Sequence[PlanRecord], arms: Sequence[Arm], days: float, seed: int
) -> pl.DataFrame:
    """The `moved` table: the forecast for day 90, or for the run's last day where that is past or out of reach.

    Plans whose course differs from sample to sample are left out: their decisions would differ too.
    """
    seen = [o for o in twin.observations if o.time_days > 0]
    if twin.belief is None or twin.belief.kind == "prior" or not seen:
        return table("moved", [])
    day = FORECAST_DAY if max(o.time_days for o in seen) < FORECAST_DAY <= days else days
    beliefs = beliefs_along(twin, samples=REPLAYED, seed=seed)
    rows = []
    for record, arm in zip(records, arms, strict=True):
        if len(arm.courses) > 1:
            continue
        kinetics = DoseVolumeKinetics(twin.gtv_cm3, arm.bin_fraction, arm.relative)
        before: float | None = None
        moves = what_moved_the_forecast(twin, beliefs, arm.courses[0], day, seed=seed, kinetics=kinetics)
        for order, moved in enumerate(moves):
            seen_now = moved.observation
            rows.append(
                {
                    "plan": record.slug,
                    "order": order,
                    "day": seen_now and seen_now.time_days,
                    "kind": seen_now and seen_now.kind,
                    "value": seen_now and seen_now.value,
                    "forecast_day": day,
                    **dict(zip(("lower", "median", "upper"), moved.true_cm3, strict=True)),
                    **dict(zip(("drawn_lower", "drawn_median", "drawn_upper"), moved.drawn_cm3, strict=True)),
                    "moved_cm3": None if before is None else moved.true_cm3[1] - before,
                    "level": LEVEL,
                    "ess": moved.ess,
                    "n": REPLAYED,
                }
            )
            before = moved.true_cm3[1]
    return table("moved", rows)
