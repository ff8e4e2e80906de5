"""The published simulator's tumour behind the kinetics' interface: any scenario of this engine, in that model.

One step a day: what is given on a day acts on the next day's volume. A tumour is one viable compartment of the
prescribed dose, nothing is doomed and nothing remains; between days its volume stands still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.course import Course, Event
from simulators.core.kinetics import Params, ShapedKinetics, TumourState
from simulators.published.constants import CAPACITY_CM3, CELLS_PER_CM3, CHEMO_DOSE, DEATH_CM3, NOISE_SD
from simulators.published.simulator import Kill, draw_tumours
from simulators.tumour.timeline import batch_shape, check_batch, check_forward, ordinals_at
from twin import Belief, DoseGrid, InputError, PatientTwin

ALPHA_BETA_GY = 10.0


@dataclass(frozen=True, eq=False)
class PublishedKinetics:
    """Implements `Kinetics` with parameters alpha_per_gy, growth_per_d and beta_c, as `draw_tumours` gives them.

    Where the parameters have a control_quantile, the cells that survive a course are drawn at its end.

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
        return TumourState.untreated(np.ones(batch), np.zeros(batch), batch)

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
        check_forward(state.t_days, to_days)
        batch = state.viable.shape
        check_batch(courses, batch)
        first, last = int(state.t_days), int(to_days)
        ends = _by_arm(np.array([_end(course) for course in courses]), len(batch))
        due = np.isnan(state.survivors) & (ends <= to_days) & ("control_quantile" in params)
        given = _daily(courses, last + 1)
        gtv0 = np.broadcast_to(np.asarray(self.gtv0_cm3, np.float64), batch)
        volume, log_survival, survivors = gtv0 * state.viable, state.log_survival, state.survivors
        for day in range(first, last + int(due.any())):
            gy, level = (_by_arm(values[day], len(batch)) for values in given)
            after, kept = self._next(volume, params, gy, level, self._noise(day, batch))
            drawn = due & (np.floor(ends) == day)
            if drawn.any():
                survivors = np.where(drawn, _survivors(after, params, batch), survivors)
                after = np.where(drawn & (survivors == 0), 0.0, after)
            if day < last:
                volume, log_survival = after, log_survival + np.log(kept)
        return replace(
            state,
            t_days=float(to_days),
            ordinal=ordinals_at(courses, to_days),
            viable=volume / gtv0,
            log_survival=log_survival,
            survivors=survivors,
        )

    def _next(
        self, volume: np.ndarray, params: Params, gy: np.ndarray, level: np.ndarray, noise: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The next day's volume, cm3, and the share of cells that a day's dose and drug leave."""
        alpha, rho, beta_c = (
            np.asarray(params[n], np.float64) for n in ("alpha_per_gy", "growth_per_d", "beta_c")
        )
        kill = beta_c * level + alpha * gy * (1 + gy / ALPHA_BETA_GY)
        alive = volume > 0
        growth = rho * np.log(CAPACITY_CM3 / np.where(alive, volume, 1.0)) + noise
        if self.kill == "linear":
            factor, kept = 1 + growth - kill, np.maximum(1 - kill, 1e-300)
        else:
            factor, kept = (1 + growth) * np.exp(-kill), np.exp(-kill)
        return np.where(alive, np.clip(volume * factor, 0.0, DEATH_CM3), 0.0), kept

    def _noise(self, day: int, batch: tuple[int, ...]) -> np.ndarray | float:
        """Noise of a day's growth, one number for each sample (the batch's last axis)."""
        if self.noise_seed is None or not batch:
            return 0.0
        from scipy.special import ndtri

        key = Key(self.noise_seed, "published", Purpose.PUBLISHED, ordinal=10_000 + day)
        return NOISE_SD * ndtri(uniforms(key, np.arange(batch[-1]), 1)[:, 0])


class PublishedTumour:
    """The `TumourModel` of the published simulator, without its daily noise; its tumour has no shape."""

    name = "published"

    def believed(self, twin: PatientTwin, belief: Belief, seed: int) -> Belief:
        """The belief with growth and response from the published distributions.

        Args:
            twin: the patient, whose id is part of the key.
            belief: samples of the prior.
            seed: the run's seed.

        Raises:
            InputError: the belief has learned from observations: it knows of another model's parameters.
        """
        if belief.kind != "prior":
            raise InputError(
                "the published kinetics learn nothing from observations; take a twin without, or standard kinetics"
            )
        n = belief.n
        drawn = draw_tumours(n, Key(seed, twin.id, Purpose.PUBLISHED))
        own = {
            "alpha_per_gy": drawn["alpha_per_gy"],
            "alpha_beta_gy": np.full(n, ALPHA_BETA_GY),
            "growth_per_d": drawn["rho_per_d"],
            "regrowth_factor": np.ones(n),
            "capacity_cm3": np.full(n, CAPACITY_CM3),
            "clonogen_density_per_cm3": np.full(n, CELLS_PER_CM3),
            "remnant_fraction": np.zeros(n),
            "beta_c": drawn["beta_c"],
        }
        return replace(belief, samples={**belief.samples, **own})

    def dose_bins(
        self, gtv0_cm3: float, bin_fraction: np.ndarray, relative_dose: Mapping[str, np.ndarray]
    ) -> PublishedKinetics:
        """One compartment that is given the prescribed dose, whatever the bins.

        Args:
            gtv0_cm3: tumour volume at day 0, cm3.
            bin_fraction: is not looked at.
            relative_dose: is not looked at.
        """
        return PublishedKinetics(gtv0_cm3)

    def field(self, twin: PatientTwin, doses: Mapping[str, DoseGrid]) -> ShapedKinetics:
        """There is none.

        Raises:
            InputError: always.
        """
        raise InputError(
            "the published kinetics have no field to make images from; ask for no images (--image-samples 0)"
        )


KINETICS = PublishedTumour


def _end(course: Course) -> float:
    """When what survives a course is drawn, days; infinite where nothing is given or its end is not known."""
    ends = course.of(Event.COURSE_END)
    given = (course.dose_gy > 0).any() or course.of(Event.CHEMOTHERAPY).size
    return float(course.time_days[ends[0]]) if given and ends.size else np.inf


def _survivors(volume: np.ndarray, params: Params, batch: tuple[int, ...]) -> np.ndarray:
    """(*B,) cells of a volume, cm3, drawn by each sample's quantile."""
    from scipy.special import ndtri

    from simulators.tumour.steps import poisson_quantile

    quantile = np.broadcast_to(np.asarray(params["control_quantile"], np.float64), batch)
    return np.vectorize(poisson_quantile, otypes=[float])(quantile, ndtri(quantile), volume * CELLS_PER_CM3)


def _by_arm(values: np.ndarray, dimensions: int) -> np.ndarray:
    """(courses,) as (courses, 1, ...), so that it broadcasts to the batch."""
    return values.reshape(len(values), *[1] * (dimensions - 1)) if dimensions else values[0]


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
