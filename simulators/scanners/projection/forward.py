"""Forward projection."""

from __future__ import annotations

import numpy as np

from simulators.scanners.projection.beam import Beam, place
from twin import Geometry


def project(
    values: np.ndarray, geometry: Geometry, beam: Beam, isocentre_mm: np.ndarray, *, device: str | None = None
) -> np.ndarray:
    """Line integrals of an object; in the plane nothing lies outside its grid, its first and last slices go on.

    Args:
        values: (z, y, x), attenuation per mm or any other density.
        geometry: its grid, axes along the patient's.
        beam: the rays.
        isocentre_mm: LPS (x, y, z), mm.
        device: a torch device; numba on the CPU's cores where None.

    Returns:
        (views, nu, nv) float32.

    Raises:
        InputError: the grid is turned against the patient.
    """
    first, spacing = place(geometry, isocentre_mm)
    planes = np.ascontiguousarray(np.moveaxis(np.asarray(values, dtype=np.float32), 0, -1))
    if device is not None:
        from simulators.scanners.projection.device import line_integrals

        return line_integrals(planes, first, spacing, beam, device)
    from simulators.scanners.projection import forward_kernel

    out = np.empty(beam.shape, np.float32)
    forward_kernel.line_integrals(
        planes, first, spacing, beam.angles_rad, beam.u_mm, beam.v_mm, beam.divergence, out
    )
    return out
