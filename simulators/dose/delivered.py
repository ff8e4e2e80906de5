"""What a twin's delivered fractions add up to on the anatomy of day 0, through the registered scans of later days."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from simulators.dose.accumulation import accumulated
from simulators.dose.deformed import DayDose, summed_over_days
from simulators.dose.dvh import dvh
from simulators.dose.medium import electron_density
from twin import Fraction, InputError, PatientTwin, Scan, Volume

_GRID_MM = 4.0
_SHOWN = ("GTVp", "GTVn", "Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord")


def delivered_doses(twin: PatientTwin) -> list[tuple[str, float, float]]:
    """Structure, its mean dose on tissue that stands still, and that on the anatomies of the scans, Gy.

    Args:
        twin: the patient, with delivered fractions and registered scans.
    """
    through = delivered_on_baseline(twin)
    planned = accumulated(twin.doses, twin.fractions, through.geometry)
    return [
        (name, dvh(planned, twin.contours, name).mean_gy, dvh(through, twin.contours, name).mean_gy)
        for name in _SHOWN
        if name in twin.contours
    ]


def delivered_on_baseline(twin: PatientTwin, *, alpha_beta_gy: float | None = None) -> Volume:
    """The delivered dose on the baseline CT's anatomy.

    Each fraction is given on the anatomy of the scan next to it in time, of the baseline and the registered ones. The
    patient lies as his scan was registered rigidly, and the dose stays as it was planned in the room, which
    megavoltage beams come near to; energy and mass are mapped together (`summed_over_days`).

    Args:
        twin: the patient, with fractions whose doses he holds.
        alpha_beta_gy: sum EQD2 with this alpha/beta, Gy; physical dose where None.

    Returns:
        Gy, on voxels of 4 mm over the baseline CT.

    Raises:
        InputError: no fraction has a dose, or a field that folds.
    """
    given = Counter((f.grid, f.scale, _nearest(twin, f)) for f in twin.fractions if f.grid is not None)
    if not given:
        raise InputError("no fraction with a known dose was delivered; nothing can be added up")
    days = []
    for (name, scale, scan), n in given.items():
        dose = twin.doses[str(name)].volume
        scaled = replace(dose, source=dose.array * np.float32(scale))
        density = Volume(scan.volume.geometry, electron_density(scan.volume.array), "DOSE", "1")
        days.append(DayDose(scaled, scan.deformation, density, n))
    grid = twin.baseline.volume.geometry.resampled(_GRID_MM)
    return summed_over_days(days, grid, alpha_beta_gy=alpha_beta_gy)


def _nearest(twin: PatientTwin, fraction: Fraction) -> Scan:
    """The scan whose anatomy a fraction was given on."""
    scans = [twin.baseline, *(s for s in twin.acquired if s.deformation is not None)]
    return min(scans, key=lambda s: abs(s.time_days - fraction.time_days))
