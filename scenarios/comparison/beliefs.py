"""What the observations taught, which of them moved the forecast, and forecasts as they would be drawn: tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from scenarios.comparison.forecast import Forecast
from scenarios.comparison.tables import band_table
from scenarios.engine.arm import Arm
from scenarios.records.run import PlanRecord
from scenarios.records.schema import LEVEL, table
from simulators.belief.information import beliefs_along, drawn_cm3, what_moved_the_forecast, what_was_learned
from simulators.belief.prior import PriorSet, prior_belief, prior_of
from simulators.belief.update import update_belief
from simulators.core.kinetics import Kinetics
from simulators.core.outcome import OutcomeModel, Treated
from twin import Belief, PatientTwin

FORECAST_DAY = 90.0
REPLAYED = (
    2_000  # samples of the beliefs after each observation: a tenth of a second each, 2 % of a standard error
)


def assuming(twin: PatientTwin, prior: PriorSet | None, samples: int, seed: int) -> PatientTwin:
    """The twin with a belief of another prior; what it has learned is learned again from its observations.

    Args:
        twin: the patient.
        prior: that is assumed; None for that of the twin.
        samples: of a belief that has learned nothing.
        seed: root of all chance.
    """
    if prior is None or prior == prior_of(twin):
        return twin
    if twin.belief is not None and twin.belief.kind != "prior":
        return update_belief(twin, samples=twin.belief.n, seed=seed, constants=prior)
    return twin.fork(belief=prior_belief(twin, samples, seed, prior))


def drawn_table(made: Forecast, records: Sequence[PlanRecord]) -> pl.DataFrame:
    """The `drawn_bands` table.

    Args:
        made: the forecast.
        records: the plans.
    """
    frames = [table("drawn_bands", [])]
    for belief, gtv_cm3 in (*([made.before] if made.before else []), (made.belief, made.gtv_cm3)):
        drawn = drawn_cm3(made.twin, gtv_cm3, belief.samples["contour_error"], made.seed)
        bands = band_table("bands", records, made.daily, drawn)
        frames.append(bands.select(pl.lit(belief.kind).alias("belief"), pl.all()))
    return pl.concat(frames)


def moved_table(
    made: Forecast, records: Sequence[PlanRecord], days: float, model: OutcomeModel
) -> pl.DataFrame:
    """The `moved` table: control, and the forecast for day 90, or for the run's last day where that is past.

    Plans whose course differs from sample to sample are left out: their decisions would differ too.

    Args:
        made: the forecast.
        records: the plans.
        days: how far the run looks.
        model: judges control.
    """
    twin, seed = made.twin, made.seed
    seen = [o for o in twin.observations if o.time_days > 0]
    if twin.belief is None or twin.belief.kind == "prior" or not seen:
        return table("moved", [])
    day = FORECAST_DAY if max(o.time_days for o in seen) < FORECAST_DAY <= days else days
    learned = beliefs_along(twin, samples=REPLAYED, seed=seed)
    beliefs = [(seen_then, made.tumour.believed(twin, belief, seed)) for seen_then, belief in learned]
    knowing = [twin.fork(belief=belief) for _, belief in learned]
    rows = []
    for record, arm in zip(records, made.arms, strict=True):
        if len(arm.courses) > 1:
            continue
        kinetics = made.tumour.dose_bins(twin.gtv_cm3, arm.bin_fraction, arm.relative)
        before: tuple[float, float] | None = None
        controls = [
            _control(model, kinetics, one, dict(belief.samples), arm, seed)
            for one, (_, belief) in zip(knowing, beliefs, strict=True)
        ]
        moves = what_moved_the_forecast(twin, beliefs, arm.courses[0], day, seed=seed, kinetics=kinetics)
        for order, (moved, control) in enumerate(zip(moves, controls, strict=True)):
            seen_now = moved.observation
            rows.append(
                {
                    "plan": record.slug,
                    "order": order,
                    "day": seen_now and seen_now.time_days,
                    "kind": seen_now and seen_now.kind,
                    "value": seen_now and seen_now.value,
                    "forecast_day": day,
                    **dict(zip(("low", "median", "high"), moved.true_cm3, strict=True)),
                    **dict(zip(("drawn_low", "drawn_median", "drawn_high"), moved.drawn_cm3, strict=True)),
                    "moved_cm3": None if before is None else moved.true_cm3[1] - before[0],
                    "control": control,
                    "moved_control": None if before is None else control - before[1],
                    "level": LEVEL,
                    "ess": moved.ess,
                    "n": REPLAYED,
                }
            )
            before = moved.true_cm3[1], control
    return table("moved", rows)


def _control(
    model: OutcomeModel,
    kinetics: Kinetics,
    knowing: PatientTwin,
    samples: dict[str, np.ndarray],
    arm: Arm,
    seed: int,
) -> float:
    """Expected control under the one course of an arm, by a twin that knows what it knew then."""
    (course,) = arm.courses
    state = kinetics.advance(kinetics.start(knowing, samples), samples, [course], course.end_days + 1.0)
    n = len(state.survivors)
    treated = Treated(
        knowing,
        samples,
        [course] * n,
        state.survivors,
        seed,
        relative=arm.relative,
        bin_fraction=arm.bin_fraction,
    )
    return float(model.control(treated).mean())


def learned_table(twin: PatientTwin, belief: Belief, seed: int) -> pl.DataFrame:
    """What the twin's observations taught: its posterior beside the prior."""
    if belief.kind == "prior" or twin.belief is None:
        return table("learned", [])
    prior = prior_belief(twin, twin.belief.n, seed, prior_of(twin))
    tails = [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]
    rows = []
    for found in what_was_learned(prior, twin.belief):
        before = np.quantile(prior.samples[found.parameter], tails)
        after = np.quantile(twin.belief.samples[found.parameter], tails)
        rows.append(
            {
                "parameter": found.parameter,
                **dict(zip(("prior_low", "prior_median", "prior_high"), before.tolist(), strict=True)),
                **dict(zip(("low", "median", "high"), after.tolist(), strict=True)),
                "ratio": found.ratio,
                "informed": found.informed,
            }
        )
    return table("learned", rows)
