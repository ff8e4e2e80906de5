"""A patient so small that calls that are taken are short."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def small_patient(folder: Path, twin: Any = None) -> Path:
    """The in-silico patient on voxels of 5 mm, saved as p.twin in a folder.

    Args:
        folder: where.
        twin: the patient on his own voxels; made where None.
    """
    import numpy as np

    from simulators.insilico.patient import make_patient
    from twin import Scan, StructureSet, Volume

    whole = make_patient(7)[0] if twin is None else twin
    grid = whole.baseline.volume.geometry.resampled(5.0)
    ct = np.rint(whole.baseline.volume.on(grid, fill=-1024.0)).astype(np.int16)
    drawn = StructureSet(grid, ())
    for s in whole.contours:
        mask = Volume(whole.contours.geometry, whole.contours.mask(s.name).astype(np.uint8), "MASK", "1")
        drawn = drawn.with_mask(s.name, s.role, mask.on(grid) > 0.5)
    scans = (Scan("CT", 0.0, Volume(grid, ct, "CT", "HU")),)
    whole.fork(scans=scans, structures=(drawn,)).save(folder / "p.twin")
    return folder / "p.twin"
