"""This engine's own tumour model: linear-quadratic kill, doomed cells that clear, and accelerated repopulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from simulators.tumour.dose_volume import DoseVolumeKinetics
from simulators.tumour.field import INVASION_MM2_PER_D, FieldKinetics
from twin import Belief, DoseGrid, PatientTwin


@dataclass(frozen=True)
class StandardTumour:
    """The `TumourModel` that beliefs are made for, in dose bins and as a field.

    Args:
        linear_above_gy: dose of a fraction above which survival goes on along its tangent (LQ-L), Gy.
        invasion_mm2_per_d: diffusion constant of viable tumour in images, mm2/d.
    """

    linear_above_gy: float = np.inf
    invasion_mm2_per_d: float = INVASION_MM2_PER_D

    name = "standard"

    def believed(self, twin: PatientTwin, belief: Belief, seed: int) -> Belief:
        """The belief as it is."""
        return belief

    def dose_bins(
        self, gtv0_cm3: float, bin_fraction: np.ndarray, relative_dose: Mapping[str, np.ndarray]
    ) -> DoseVolumeKinetics:
        """A compartment for each dose bin of the tumour.

        Args:
            gtv0_cm3: tumour volume at day 0, cm3.
            bin_fraction: (bins,) share of the tumour in each dose bin, summing to 1.
            relative_dose: dose grid name -> (bins,) ratio of the local dose to the prescribed one.
        """
        return DoseVolumeKinetics(gtv0_cm3, bin_fraction, relative_dose, self.linear_above_gy)

    def field(self, twin: PatientTwin, doses: Mapping[str, DoseGrid]) -> FieldKinetics:
        """Voxels of 2 mm around the tumour.

        Args:
            twin: the patient, with a GTV.
            doses: name in the courses -> dose.

        Raises:
            InputError: the tumour does not lie within its surroundings.
        """
        made = FieldKinetics.from_twin(twin, doses)
        return replace(made, linear_above_gy=self.linear_above_gy, invasion_mm2_per_d=self.invasion_mm2_per_d)


KINETICS = StandardTumour
