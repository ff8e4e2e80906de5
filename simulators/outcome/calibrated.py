"""The outcome model that is calibrated on published trials: each sample is a draw of the population's parameters.

A probability is an expected value: patients like this one averaged within each draw, by the closed forms of
`simulators.calibration`; its interval is the spread over draws, with the terms of a trial that nobody has seen and of
its arm. Lives are drawn one a sample from the same curves. What the twin learned of its tumour moves control as far as
an uncertain link lets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from simulators.belief.prior import DIMENSIONS, points, prior_of
from simulators.calibration.posterior import Posterior
from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.outcome import LifeTimes, Treated
from simulators.outcome.cases import EFFECTS, Cases, PatientEffects, Population, complete, of_arm, of_trial
from simulators.outcome.given import Given, plan_of
from simulators.outcome.life import DRAWS, draws
from simulators.outcome.standard import StandardOutcomes
from twin import InputError, PatientTwin


@dataclass(frozen=True)
class CalibratedOutcomes(StandardOutcomes):
    """Control and survival as calibrated on trials; complications are the standard ones.

    Args:
        constants: of the standard model; not looked at here.
        posterior: of the population's parameters; the one that this software carries where None.
        effects: of a patient against others of his stage, which trials do not tell.
    """

    posterior: Posterior | None = None
    effects: PatientEffects = EFFECTS

    name = "calibrated"
    notes: ClassVar[Mapping[str, str]] = {
        "control": "calibrated on trials (docs/evidence.md); this patient's scans move it by an uncertain link",
        "local_control": "no local failure by day 730; calibrated on trials",
        "survival": "from day 0; calibrated on trials",
    }

    @cached_property
    def population(self) -> Population:
        """Of the posterior and the effects."""
        return Population(self.posterior, self.effects)

    def control(self, treated: Treated) -> np.ndarray:
        """(n,) expected control in each draw of the population.

        Args:
            treated: what was given; survivors are not looked at.
        """
        return _cases(self.population, treated).control()[0]

    def expected(self, treated: Treated, harm: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Outcome -> (n,) expected values in each draw of the population; survival where stage, age and sex are known.

        Args:
            treated: what was given.
            harm: as for `lives`.
        """
        found = _cases(self.population, treated, harm).expected()
        known = complete(treated.twin.clinical)
        return {k: v[0] for k, v in found.items() if known or k in ("tumour_control", "local_control_2y")}

    def local_days(self, treated: Treated) -> np.ndarray:
        """(n,) day of local failure, whatever else happens; infinite where there is none.

        Args:
            treated: what was given.
        """
        return _cases(self.population, treated).local_days()[0]

    def lives(self, treated: Treated, harm: Mapping[str, np.ndarray]) -> LifeTimes:
        """Failure and death in each sample, drawn from the curves.

        Args:
            treated: what was given.
            harm: `mean_heart_dose` scales death as in the standard model, `pneumonitis` may be fatal.

        Raises:
            InputError: age, sex or a stage of I to III is missing.
        """
        if not complete(treated.twin.clinical):
            raise InputError("survival needs the clinical record's age_years, sex and a stage of I to III")
        found = _cases(self.population, treated, harm).lives()
        return LifeTimes(**{name: days[0] for name, days in vars(found).items()})


OUTCOME_MODEL = CalibratedOutcomes
_LEAST_ALPHA = 0.05  # of its mean: no tumour feels nothing


def _cases(of: Population, treated: Treated, harm: Mapping[str, np.ndarray] | None = None) -> Cases:
    """One patient: each sample's draw of the population, (1, n)."""
    n, twin, seed = len(treated.survivors), treated.twin, treated.seed
    each = {id(course): course for course in treated.courses}  # samples of an open loop share one
    given = Given.of(treated.courses, (treated.relative,), treated.bin_fraction)
    arm = of_arm(seed, plan_of(next(iter(each.values()))), n)
    q = of.drawn((np.arange(n) + 0.5)[None] / n, of_trial(seed, n)[None], arm[None])
    return Cases.of(
        [twin.clinical],
        np.array([twin.gtv_cm3]),
        given.reshaped(1, n),
        q | _of_scans(q, treated),
        dict(zip(DRAWS, np.moveaxis(draws(twin.id, seed, np.arange(n))[None], -1, 0), strict=True)),
        treated.end_days[None],
        harm or {},
        of.effects,
    )


def _of_scans(q: Mapping[str, np.ndarray], treated: Treated) -> dict[str, np.ndarray]:
    key = Key(treated.seed, treated.twin.id, Purpose.POPULATION, ordinal=1)
    return learned(q, treated.twin, uniforms(key, np.arange(len(treated.survivors)), 1)[:, 0])


def learned(q: Mapping[str, np.ndarray], twin: PatientTwin, link: np.ndarray) -> dict[str, np.ndarray]:
    """What a twin's own scans say of its radiosensitivity, as far as the link to control holds.

    A patient's radiosensitivity is standard normal before, r z + sqrt(1 - r^2) e with z that of the belief and e its
    own; z became normal with mean m and SD s, r is uniform from 0 to 1 in each sample. So alpha's mean grows by r m
    of its SDs, and its variance shrinks to 1 - r^2 (1 - s^2); before any observation nothing changes.

    Args:
        q: the population's parameters, (..., n).
        twin: the patient.
        link: (n,) r of each sample.

    Returns:
        The parameters that change.
    """
    belief = twin.belief
    if belief is None or belief.kind == "prior":
        return {}
    z = points(belief.samples, twin, prior_of(twin))[:, DIMENSIONS.index("alpha")]
    mean = 1.0 + q["alpha_spread"] * link * z.mean()
    spread = q["alpha_spread"] * np.sqrt(1.0 - link**2 * (1.0 - min(float(z.var()), 1.0)))
    mean = np.maximum(mean, _LEAST_ALPHA)
    return {"alpha_per_gy": q["alpha_per_gy"] * mean, "alpha_spread": spread / mean}
