"""What drives control, survival and pneumonitis of one patient: Sobol indices of what is not known of them.

Inputs are those that the calibrated outcomes and the dose draw: the population's parameters by what they are about, the
terms of a trial and of its arm, the contour, the dose to organs, the fit of pneumonitis, and, of a twin that has
learned from its scans, how far they tell of control. Parameters of one group
keep their posterior's correlation; between groups it is taken away, so that shares of variance are defined; `coupling`
says what that costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from scenarios.engine.courses import realise
from scenarios.engine.organ_dose import dose_ratio, dose_spread
from scenarios.engine.planned_dose import planned_doses
from scenarios.plans.plan import TreatmentPlan
from scenarios.plans.scenario import Scenario
from scenarios.sensitivity.indices import Indices, sobol_indices
from simulators.calibration.model import PRIORS
from simulators.dose.dvh import dvh
from simulators.outcome.calibrated import learned
from simulators.outcome.cases import CONTOUR_SD, Cases, Population, complete
from simulators.outcome.complications import COMPLICATIONS, normal_tissue_eqd2
from simulators.outcome.given import Given
from twin import InputError, PatientTwin
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Seed

POPULATION = {  # parameters of the calibrated outcomes by what they are about; new ones are "other parameters"
    "dose response": ("alpha_per_gy", "alpha_spread", "alpha_beta_gy", "volume_power", "drug_log_kill"),
    "repopulation": ("time_loss_gy_per_d", "kickoff_d"),
    "times of failure": ("local_months", "local_spread", "distant_months", "distant_spread"),
    "relapse elsewhere": (
        "distant_1", "distant_2", "distant_3", "drug_distant", "regional", "decade_distant", "immune_ratio",
    ),
    "survival after failure": ("after_months", "after_early", "decade_death"),
    "deaths of other causes": ("other_early", "operable_ratio", "other_late"),
    "volume and failure": ("volume_hazard",),
}  # fmt: skip
TRIAL, ARM = "trial: era, staging, selection", "arm of a trial"
CONTOUR, LUNG, HEART = "contour of the tumour", "dose to the lungs", "dose to the heart"
FIT = "coefficients of pneumonitis"
LINK = "link of scans to control"
_TERMS = {TRIAL: ("trial_control", "trial_distant", "trial_death"), ARM: ("arm_control", "arm_death")}
OUTCOMES = ("tumour_control", "local_control_2y", "overall_survival_2y", "pneumonitis")
ROWS = 1024
_CARRIED = Population()
_RANKS = (np.arange(1000) + 0.5) / 1000


@dataclass(frozen=True, eq=False)
class _Case:
    """A patient under a plan, as a function of uniform numbers: a column an input, in the order of `groups`."""

    twin: PatientTwin
    plan: TreatmentPlan

    @cached_property
    def groups(self) -> dict[str, list[int]]:
        """Group -> its columns; of a group of parameters the first chooses the posterior's draw."""
        widths = dict.fromkeys(self.parameters, 1) | {TRIAL: 4, ARM: 3, CONTOUR: 1, LUNG: 1, HEART: 1, FIT: 2}
        if self.twin.belief is not None and self.twin.belief.kind != "prior":
            widths[LINK] = 1
        ends = np.cumsum(list(widths.values()))
        return {
            name: list(range(end - width, end))
            for (name, width), end in zip(widths.items(), ends, strict=True)
        }

    @cached_property
    def parameters(self) -> dict[str, tuple[str, ...]]:
        """Group -> parameters; those of trials and arms have groups of their own."""
        known = {name for names in (*POPULATION.values(), *_TERMS.values()) for name in names}
        others = tuple(prior.name for prior in PRIORS if prior.name not in known)
        return POPULATION | ({"other parameters": others} if others else {})

    @cached_property
    def organs(self) -> dict[str, tuple[float, float, float]]:
        """Organ -> relative SD of its dose, mean dose and mean EQD2, Gy; none where the organ is unknown."""
        found = {}
        grid = planned_doses(self.twin, [self.plan]).doses[self.plan.label]
        for organ in ("Lungs-GTV", "Heart"):
            try:
                curve = dvh(grid.volume, self.twin.contours, organ)
            except InputError:
                continue
            dose = dose_ratio(organ, grid) * np.interp(
                _RANKS, curve.volume_fraction[::-1], curve.dose_gy[::-1]
            )
            eqd2 = normal_tissue_eqd2(dose, self.plan.fractions)
            spread = dose_spread(organ, [grid])
            found[organ] = (spread, float(dose.mean()), float(eqd2.mean()))
        return found

    def outputs(self, u: np.ndarray) -> np.ndarray:
        """(m, outcomes) expected values at (m, inputs) uniform numbers."""
        from scipy.special import ndtri

        values = _CARRIED.parameters
        n = len(values["volume_hazard"])
        at = {name: (u[:, columns[0]] * n).astype(int) for name, columns in self.groups.items()}
        q = {p: values[p][at[group], 0] for group, names in self.parameters.items() for p in names}
        for group, spreads in _TERMS.items():
            z = ndtri(u[:, self.groups[group][1:]])
            for i, spread in enumerate(spreads):
                term = f"u_{spread.split('_')[1]}"
                q[term] = q.get(term, 0.0) + values[spread][at[group], 0] * z[:, i]
        lung, heart = (
            self._doses(u, organ, group) for organ, group in (("Lungs-GTV", LUNG), ("Heart", HEART))
        )
        fit = ndtri(u[:, self.groups[FIT]])
        if LINK in self.groups:
            q |= learned(q, self.twin, u[:, self.groups[LINK][0]])
        harm = {"pneumonitis": _pneumonitis(lung[1], fit), "mean_heart_dose": heart[0]}
        return self._judged(q, ndtri(u[:, self.groups[CONTOUR][0]]), harm)

    def _doses(self, u: np.ndarray, organ: str, group: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean dose and mean EQD2 of an organ, Gy, with its dose's error; nan where it is unknown."""
        from scipy.special import ndtri

        if organ not in self.organs:
            return np.full(len(u), np.nan), np.full(len(u), np.nan)
        spread, mean, eqd2 = self.organs[organ]
        factor = np.exp(spread * ndtri(u[:, self.groups[group][0]]) - spread**2 / 2)
        linear = 3.0 * mean / 5.0  # of EQD2 = (D d + 3 D) / 5; the rest goes with the factor's square
        return factor * mean, factor**2 * (eqd2 - linear) + factor * linear

    def _judged(
        self, q: Mapping[str, np.ndarray], contour: np.ndarray, harm: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        course = realise(Scenario.of(self.plan), self.twin, 365.0)
        given = Given.of([course]).broadcast(1, len(contour))
        of_patient = {k: v[None] for k, v in harm.items()}
        case = Cases.of(
            [self.twin.clinical], np.array([self.twin.gtv_cm3]), given, {k: v[None] for k, v in q.items()}, {},
            np.zeros(1), of_patient,
        )  # fmt: skip
        moved = case.cells.log_volume + CONTOUR_SD * contour
        ratio = case.cells.failure_ratio * np.exp(q["volume_hazard"] * CONTOUR_SD * contour)
        cells = replace(
            case.cells, log_volume=moved, volume_sd=0.0 * case.cells.volume_sd, failure_ratio=ratio
        )
        found = replace(case, cells=cells).at_two_years()
        told = 1.0 if complete(self.twin.clinical) else np.nan
        alive = told * found["overall_survival_2y"][0]
        return np.stack(
            [found["tumour_control"][0], found["local_control_2y"][0], alive, harm["pneumonitis"]], axis=1
        )


@bounded
def sensitivity(
    twin: PatientTwin, plan: TreatmentPlan, *, rows: int = ROWS, seed: Seed = 0
) -> tuple[pl.DataFrame, float]:
    """Sobol indices of a patient's expected outcomes under a plan.

    Args:
        twin: the patient, with a tumour; age, sex and a stage of I to III where survival is to be told.
        plan: whole, from day 0.
        rows: of each base sample; the model is evaluated for each of them once for each group and twice more.
        seed: of the sampling.

    Returns:
        A row for each group of inputs and outcome: group, outcome, first, first_error, total, total_error, sd (of the
        outcome, points); and the coupling: the largest relative change of an outcome's SD because groups of parameters
        were made independent.

    Raises:
        InputError: no tumour, or a plan that gives no dose.
    """
    if plan.total_gy <= 0 or plan.more:
        raise InputError("a sensitivity needs a whole plan that gives a dose, such as 60/30")
    case = _Case(twin, plan)
    found = sobol_indices(case.outputs, case.groups, n=rows, seed=seed)
    return _table(found), _coupling(case, found, rows, seed)


def _table(found: Indices) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "group": group,
                "outcome": outcome,
                "first": float(found.first[g, o]),
                "first_error": float(found.first_error[g, o]),
                "total": float(found.total[g, o]),
                "total_error": float(found.total_error[g, o]),
                "sd": 100 * float(found.sd[o]),
            }
            for o, outcome in enumerate(OUTCOMES)
            for g, group in enumerate(found.groups)
            if np.isfinite(found.sd[o])
        ]
    )


def _coupling(case: _Case, found: Indices, rows: int, seed: int) -> float:
    """How far the SD is off that of the posterior as it is, with one draw for all groups of parameters."""
    u = np.random.default_rng([seed, 2]).random((8 * rows, 1 + max(c[-1] for c in case.groups.values())))
    chosen = [case.groups[name][0] for name in (*case.parameters, TRIAL, ARM)]
    u[:, chosen] = u[:, chosen[:1]]
    whole = case.outputs(np.clip(u, 1e-9, 1 - 1e-9)).std(axis=0)
    known = np.isfinite(whole) & (whole > 0)
    return float(np.abs(found.sd[known] / whole[known] - 1.0).max())


def _pneumonitis(mean_eqd2_gy: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    row = next(c for c in COMPLICATIONS if c.name == "pneumonitis")
    return row.risk(mean_eqd2_gy, np.ones_like(mean_eqd2_gy), [], coefficients=coefficients)


def drivers(table: pl.DataFrame, outcome: str) -> Sequence[tuple[str, float, float]]:
    """(group, first, total) of one outcome, largest total first.

    Args:
        table: of `sensitivity`.
        outcome: which.
    """
    rows = table.filter(pl.col("outcome") == outcome).sort("total", descending=True)
    return rows.select("group", "first", "total").rows()
