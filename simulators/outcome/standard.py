"""This engine's own outcome model: Poisson control, published complications, and a life of competing failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from simulators.anatomy.tumour_place import mid_or_inferior
from simulators.core.outcome import Complication, LifeTimes, Treated
from simulators.outcome.complications import COMPLICATIONS, pneumonitis_with_risk_factors
from simulators.outcome.control import failure_days
from simulators.outcome.life import DRAWS, SurvivalConstants, draws, patient_life_times
from simulators.tumour.systemic import Systemic
from twin import PatientTwin


@dataclass(frozen=True)
class StandardOutcomes:
    """The `OutcomeModel` that follows the surviving clonogens.

    Args:
        constants: of survival; by the patient's ECOG (`life.constants_for`) where None.
    """

    constants: SurvivalConstants | None = None

    name = "standard"
    notes: ClassVar[Mapping[str, str]] = {
        "control": "no clonogen survives the course",
        "local_control": "no local failure by day 730",
        "survival": "from day 0; calibrated on unselected patients, see docs/model.md",
    }

    def control(self, treated: Treated) -> np.ndarray:
        """(n,) 1 where no clonogen survives, else 0: the draw is each sample's own.

        Args:
            treated: what the plan left of the tumour.
        """
        return (treated.survivors == 0).astype(np.float64)

    def local_days(self, treated: Treated) -> np.ndarray:
        """(n,) day of local failure with the plan's drugs, whatever else happens; infinite where there is none.

        Args:
            treated: what the plan left of the tumour.
        """
        failed = failure_days(treated.survivors, treated.samples, treated.twin.gtv_cm3, treated.end_days)
        chance = draws(treated.twin.id, treated.seed, np.arange(len(failed)))[:, DRAWS.index("immune")]
        return Systemic.of(treated.courses).local(failed, chance)

    def expected(self, treated: Treated, harm: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Nothing: the standard model has one population, and its probabilities are shares of samples.

        Args:
            treated: what the plan left of the tumour.
            harm: as for `lives`.
        """
        return {}

    def complications(self, twin: PatientTwin) -> Sequence[Complication]:
        """The dose-effect relations that hold for a patient; some need to know of concurrent drugs.

        Args:
            twin: the patient.
        """
        unknown = "whether drugs are concurrent" if twin.clinical.chemotherapy is None else ""
        held = [replace(c, missing=unknown) if c.alone else c for c in COMPLICATIONS]
        return [*held, _pneumonitis_by_risk_factors(twin)]

    def lives(self, treated: Treated, harm: Mapping[str, np.ndarray]) -> LifeTimes:
        """Failure and death by the multi-state model; `pneumonitis` and `mean_heart_dose` shorten lives.

        Args:
            treated: what the plan left of the tumour.
            harm: outcome -> (n,) what is known of the plan's dose to organs and of its complications.

        Raises:
            InputError: the clinical record lacks what survival needs.
        """
        return patient_life_times(
            treated.twin,
            treated.survivors,
            treated.samples,
            treated.end_days,
            seed=treated.seed,
            pneumonitis=harm.get("pneumonitis", 0.0),
            mean_heart_gy=harm.get("mean_heart_dose", np.nan),
            systemic=Systemic.of(treated.courses),
            constants=self.constants,
        )


OUTCOME_MODEL = StandardOutcomes


def _pneumonitis_by_risk_factors(twin: PatientTwin) -> Complication:
    place = mid_or_inferior(twin.contours)

    def probability(mean_lung_gy: np.ndarray) -> np.ndarray:
        risk = pneumonitis_with_risk_factors(mean_lung_gy, twin.clinical, place)
        return np.full(np.shape(mean_lung_gy), np.nan) if risk is None else risk

    unknown = pneumonitis_with_risk_factors(np.zeros(1), twin.clinical, place) is None
    return Complication(
        "pneumonitis_risk_factors",
        "radiation pneumonitis",
        "symptomatic",
        "within 6 months",
        "Lungs-GTV",
        "mean_gy",
        probability,
        "Appelt 2014",
        missing="smoking, comorbidity, age, chemotherapy and both lungs" if unknown else "",
    )
