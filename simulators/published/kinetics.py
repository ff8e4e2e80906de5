"""The published simulator's tumour behind the kinetics' interface: any scenario of this engine, in that model.

One step a day: what is given on a day acts on the next day's volume. A tumour is one viable compartment, nothing is
doomed and nothing remains; between days its volume stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.course import Course, Event
from simulators.core.kinetics import Params, TumourState
from simulators.published.simulator import CAPACITY_CM3, CHEMO_DOSE, DEATH_CM3, NOISE_SD, Kill
from simulators.tumour.timeline import batch_shape, ordinals_at
from twin import InputError, PatientTwin

ALPHA_BETA_GY = 10.0


@dataclass(frozen=True, eq=False)
class PublishedKinetics:
    """Implements `Kinetics` with parameters alpha_per_gy, rho_per_d and beta_c, as `draw_patients` gives them.

    Args:
        gtv0_cm3: tumour volume at day 0, cm3; a number, or an array that broadcasts to the batch.
        kill: "linear" as published, or "exponential".
        noise_seed: root of the daily noise, shared by all courses; None leaves the noise out.

    Example:
        >>> PublishedKinetics(60.0).kill
        'linear'
    """

    gtv0_cm3: float | np.ndarray
    kill: Kill = "linear"
    noise_seed: int | None = None

    def start(self, twin: PatientTwin, params: Params) -> TumourState:
        """The state at day 0: all viable."""
        batch = batch_shape(params)
        zeros = np.zeros(batch)
        return TumourState(
            t_days=0.0,
            ordinal=np.zeros(1, dtype=np.int64),
            viable=np.ones(batch),
            doomed=zeros,
            remnant=zeros,
            unrepaired_gy=zeros,
            log_survival=zeros,
            survivors=np.full(batch, np.nan),
        )

    def gtv_cm3(self, state: TumourState) -> np.ndarray:
        """(*B,) tumour volume, cm3."""
        return np.asarray(self.gtv0_cm3 * state.viable)

    def advance(
        self, state: TumourState, params: Params, courses: Sequence[Course], to_days: float
    ) -> TumourState:
        """The state at a later time; the given state is not changed.

        Raises:
            InputError: a time that goes back, or courses that do not fit the batch.
        """
        if to_days < state.t_days:
            raise InputError(
                f"the tumour stands at day {state.t_days:g} and cannot go back to day {to_days:g}"
            )
        batch = state.viable.shape
        if len(courses) > 1 and (not batch or batch[0] != len(courses)):
            raise InputError(
                f"{len(courses)} courses need a batch that begins with {len(courses)}, not {batch}"
            )
        first, last = int(state.t_days), int(to_days)
        gy, level = (_by_arm(values, len(batch)) for values in _daily(courses, last))
        alpha, rho, beta_c = (
            np.asarray(params[n], np.float64) for n in ("alpha_per_gy", "rho_per_d", "beta_c")
        )
        gtv0 = np.broadcast_to(np.asarray(self.gtv0_cm3, np.float64), batch)
        volume, log_survival = gtv0 * state.viable, state.log_survival.copy()
        for day in range(first, last):
            kill = beta_c * level[day] + alpha * gy[day] * (1 + gy[day] / ALPHA_BETA_GY)
            alive = volume > 0
            growth = rho * np.log(CAPACITY_CM3 / np.where(alive, volume, 1.0)) + self._noise(day, batch)
            if self.kill == "linear":
                factor, kept = 1 + growth - kill, np.maximum(1 - kill, 1e-300)
            else:
                factor, kept = (1 + growth) * np.exp(-kill), np.exp(-kill)
            volume = np.where(alive, np.clip(volume * factor, 0.0, DEATH_CM3), 0.0)
            log_survival = log_survival + np.log(kept)
        return replace(
            state,
            t_days=float(to_days),
            ordinal=ordinals_at(courses, to_days),
            viable=volume / gtv0,
            log_survival=log_survival,
        )

    def _noise(self, day: int, batch: tuple[int, ...]) -> np.ndarray | float:
        """Noise of a day's growth, one number for each sample (the batch's last axis)."""
        if self.noise_seed is None or not batch:
            return 0.0
        from scipy.special import ndtri

        key = Key(self.noise_seed, "published", Purpose.PUBLISHED, ordinal=10_000 + day)
        return NOISE_SD * ndtri(uniforms(key, np.arange(batch[-1]), 1)[:, 0])


def _by_arm(values: np.ndarray, dimensions: int) -> np.ndarray:
    """(days, courses) as (days, courses, 1, ...), so that a day's row broadcasts to the batch."""
    return values.reshape(*values.shape, *[1] * max(dimensions - 1, 0)) if dimensions else values[:, 0]


def _daily(courses: Sequence[Course], days: int) -> tuple[np.ndarray, np.ndarray]:
    """(days, courses) dose of each day, Gy, and concentration of chemotherapy."""
    gy, level = np.zeros((days, len(courses))), np.zeros((days, len(courses)))
    for c, course in enumerate(courses):
        when = course.time_days.astype(np.int64)
        inside = when < days
        given, drug = course.kind == Event.FRACTION, course.kind == Event.CHEMOTHERAPY
        np.add.at(gy[:, c], when[inside & given], course.dose_gy[inside & given])
        np.add.at(level[:, c], when[inside & drug], CHEMO_DOSE)
    for day in range(1, days):
        level[day] += 0.5 * level[day - 1]
    return gy, level
