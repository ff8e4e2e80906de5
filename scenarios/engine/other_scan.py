"""A plan's dose on another scan of the patient, beside that on the baseline CT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulators.dose.dvh import dvh
from simulators.dose.gamma import gamma
from twin import DoseGrid, InputError, PatientTwin, Scan, StructureSet

if TYPE_CHECKING:
    from simulators.planner import FluencePlan

DVH_STEP_GY = 5.0


@dataclass(frozen=True, eq=False)
class OtherScan:
    """A plan's dose on another scan of the patient, beside that on the baseline CT.

    Args:
        dose: on the other scan, Gy.
        gamma_percent: local gamma of 2 % and 2 mm above half the prescription: voxels that pass, %.
        change: of each measure, other scan less baseline; organs as they are drawn on the baseline CT.
        dvh_change: structure -> (dose in steps of `DVH_STEP_GY`, change of the volume that gets it, points of %).
        path_mm: mean change of the beams' water-equivalent path to the isocentre, mm.
        largest_path_mm: the largest of any beam, mm.
    """

    dose: DoseGrid
    gamma_percent: float
    change: dict[str, float]
    dvh_change: dict[str, list[tuple[float, float]]]
    path_mm: float
    largest_path_mm: float


def on_other_scan(twin: PatientTwin, planned: FluencePlan, scan: Scan, body: StructureSet) -> OtherScan:
    """Recalculate a plan on another scan.

    Args:
        twin: the patient.
        planned: a plan on the baseline CT.
        scan: a CT of the twin.
        body: structures on it, with the body.

    Raises:
        InputError: a CT that does not hold the beams' paths.
    """
    from simulators.planner import measures  # loads numba

    dose = planned.recalculated(scan, body)
    first = measures(planned.dose, twin.contours, planned.targets)
    now = measures(dose, twin.contours, planned.targets)
    passed = gamma(
        planned.dose.volume, dose.volume, dose_percent=2.0, distance_mm=2.0, threshold_percent=50.0, local=True,
        normalisation_gy=dose.prescription_gy,
    )  # fmt: skip
    path = planned.depths_mm(scan, body) - planned.depths_mm(twin.baseline, twin.contours)
    change = {k: v - before for k, v in now.items() if v is not None and (before := first[k]) is not None}
    curves = _dvh_change(planned.dose, dose, twin.contours.extended(planned.targets.role("PTV")))
    largest = float(path[abs(path).argmax()])
    return OtherScan(dose, 100 * passed.pass_rate, change, curves, float(path.mean()), largest)


def _dvh_change(
    before: DoseGrid, after: DoseGrid, structures: StructureSet
) -> dict[str, list[tuple[float, float]]]:
    """How the DVHs of targets and organs change, points of volume at each dose."""
    names = [s.name for s in structures if s.role in ("GTV", "PTV", "OAR")]
    lungs = ["Lungs-GTV"] if {"Lung_L", "Lung_R"} <= set(names) else []
    found = {}
    for name in (*lungs, *names):
        first, now = (dvh(d.volume, structures, name) for d in (before, after))
        steps = np.arange(0.0, max(first.max_gy, now.max_gy) + DVH_STEP_GY, DVH_STEP_GY)
        shares = [np.interp(steps, c.dose_gy, c.volume_fraction, right=0.0) for c in (first, now)]
        found[name] = list(zip(steps.tolist(), (100 * (shares[1] - shares[0])).tolist(), strict=True))
    return found


def ct_named(twin: PatientTwin, name: str) -> Scan:
    """A CT of a twin.

    Args:
        twin: the patient.
        name: of the scan.

    Raises:
        InputError: there is none of that name, or its place is not known.
    """
    scans = [s for s in twin.scans if s.volume.modality == "CT"]
    for scan in scans:
        if scan.name == name:
            if scan.registration is not None and scan.registration.poor:
                raise InputError(
                    f"the scan {name} is not registered with the baseline CT well enough (mutual information "
                    f"{scan.registration.similarity:.2f} of 1 to 2); nothing can be calculated on it"
                )
            return scan
    raise InputError(f"the twin has no CT {name!r}; there are: {', '.join(s.name for s in scans)}")


def body_on(twin: PatientTwin, scan: Scan) -> StructureSet:
    """Structures on a scan's grid with the body: as drawn, else found in the scan.

    Args:
        twin: the patient.
        scan: a CT of the twin.
    """
    from twin.anatomy.organs import complete

    grid = scan.volume.geometry
    drawn = next((s for s in twin.structures if s.geometry.same_grid(grid)), StructureSet(grid, ()))
    return drawn if drawn.role("EXTERNAL") else complete(scan, drawn)
