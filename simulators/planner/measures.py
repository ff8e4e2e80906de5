"""What is asked of a plan's dose."""

from __future__ import annotations

import numpy as np

from simulators.dose.constraints import POINT_CM3
from simulators.dose.dvh import Dvh, dvh, share_outside
from simulators.dose.medium import union
from simulators.planner.sample import FAR_MM
from simulators.planner.template import Template
from twin import DoseGrid, InputError, StructureSet, Volume


def measures(dose: DoseGrid, structures: StructureSet, targets: StructureSet) -> dict[str, float | None]:
    """Coverage, conformity and organ doses of a plan.

    Args:
        dose: of the whole course.
        structures: with the organs and the body; what is not drawn comes out as None.
        targets: with the PTV.

    Returns:
        D95 of the PTV and the hottest 0.03 cm3 in % of the prescription, lung doses without the GTV, R100 and R50
        (volumes in the body that get all or half of the prescription, over the PTV's), and the highest dose 2 cm from
        the PTV, %.

    Raises:
        InputError: a dose grid that does not cover the PTV.
    """
    from scipy.ndimage import distance_transform_edt

    whole = dose.prescription_gy
    ptv = union(targets, "PTV")
    _covered(dose, ptv)
    cm3 = float(np.count_nonzero(ptv.array)) * ptv.geometry.voxel_cm3
    ptv_dose = np.sort(dose.volume.on(ptv.geometry)[ptv.array > 0])
    array, grid = dose.volume.array, dose.volume.geometry
    lungs, heart = _curve(dose, structures, "Lungs-GTV"), _curve(dose, structures, "Heart")
    oesophagus, cord = _curve(dose, structures, "Esophagus"), _curve(dose, structures, "SpinalCord")
    away = distance_transform_edt(ptv.on(grid) < 0.5, sampling=grid.spacing_mm) >= FAR_MM
    hottest = np.sort(array, axis=None)[-max(1, round(POINT_CM3 / grid.voxel_cm3))]
    return {
        "ptv_cm3": cm3,
        "ptv_d95_percent": 100 * float(np.percentile(ptv_dose, 5.0)) / whole,
        "dmax_percent": 100 * float(hottest) / whole,
        "lung_v5_percent": None if lungs is None else 100 * lungs.v(5),
        "lung_v20_percent": None if lungs is None else 100 * lungs.v(20),
        "mean_lung_gy": None if lungs is None else lungs.mean_gy,
        "mean_heart_gy": None if heart is None else heart.mean_gy,
        "oesophagus_mean_gy": None if oesophagus is None else oesophagus.mean_gy,
        "cord_max_gy": None if cord is None else cord.d_cm3(min(POINT_CM3, cord.volume_cm3)),
        "r100": float(np.count_nonzero(array >= whole)) * grid.voxel_cm3 / cm3,
        "r50": float(np.count_nonzero(array >= whole / 2)) * grid.voxel_cm3 / cm3,
        "d2cm_percent": 100 * float(array[away].max()) / whole,
    }


def of_organs(found: dict[str, float | None]) -> dict[str, float | None]:
    """The measures of organs, whose limits are in Gy and do not go with the prescription.

    Args:
        found: what `measures` found.

    Example:
        >>> of_organs({"cord_max_gy": 33.0, "r50": 4.0})
        {'cord_max_gy': 33.0}
    """
    return {name: value for name, value in found.items() if name.endswith("_gy") or name.startswith("lung_v")}


def beyond_limits(found: dict[str, float | None], template: Template, *, by: float = 0.0) -> tuple[str, ...]:
    """Which of a template's limits a plan does not keep, a sentence each.

    Args:
        found: what `measures` found.
        template: how it was planned.
        by: share of a limit by which it must be missed to be said.

    Example:
        >>> from simulators.planner.template import template_for
        >>> beyond_limits({"lung_v20_percent": 41.0}, template_for(2.0))
        ('lung_v20_percent is 41, above the 35 that the conventional template allows',)
    """
    said = []
    for name, (low, high) in template.limits_for(found.get("ptv_cm3") or 0.0).items():
        value = found.get(name)
        if value is None:
            continue
        if low is not None and value < (1 - by) * low - 0.05:
            said.append(
                f"{name} is {value:.3g}, below the {low:g} that the {template.name} template asks for"
            )
        if high is not None and value > (1 + by) * high + 0.05:
            said.append(
                f"{name} is {value:.3g}, above the {high:.3g} that the {template.name} template allows"
            )
    return tuple(said)


def _covered(dose: DoseGrid, ptv: Volume) -> None:
    """Refuse a dose grid beyond which part of the PTV lies.

    Raises:
        InputError: it does.
    """
    missed = share_outside(dose.volume, ptv)
    if missed > 0:
        raise InputError(
            f"the grid of the dose {dose.name} does not cover the target: {missed:.0%} of the PTV lies outside it"
        )


def _curve(dose: DoseGrid, structures: StructureSet, organ: str) -> Dvh | None:
    try:
        return dvh(dose.volume, structures, organ)
    except InputError:
        return None
