"""Dose quantiles of an organ in a dose grid."""

from __future__ import annotations

import numpy as np

from twin import DoseGrid, InputError, PatientTwin


def organ_quantiles(
    grid: DoseGrid, twin: PatientTwin, organ: str, known: dict[tuple[int, str], np.ndarray], n: int = 1000
) -> np.ndarray:
    """(n,) rising dose quantiles of an organ, Gy; nan where the organ is unknown. Results are kept in `known`."""
    from simulators.dvh import dvh

    key = (id(grid), organ)
    if key not in known:
        try:
            curve = dvh(grid.volume, twin.contours, organ)
        except InputError:
            known[key] = np.full(n, np.nan)
        else:
            ranks = (np.arange(n)[::-1] + 0.5) / n
            known[key] = np.interp(ranks, curve.volume_fraction[::-1], curve.dose_gy[::-1])
    return known[key]
