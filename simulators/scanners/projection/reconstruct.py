"""Images from projections: filtered backprojection (Feldkamp, Davis and Kress, J Opt Soc Am A 1:612, 1984)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulators.scanners.projection.beam import Beam, place
from simulators.scanners.projection.weights import angle_steps, redundancy
from twin import Geometry

Window = Callable[[np.ndarray], np.ndarray]  # of spatial frequency, per mm
_TAPER = 0.25  # of the detector's width: how far a patient is assumed to go on beyond its edge
_CHUNK_BYTES = 64 << 20


def reconstruct(
    projections: np.ndarray,
    beam: Beam,
    geometry: Geometry,
    isocentre_mm: np.ndarray,
    *,
    window: Window | None = None,
    device: str | None = None,
) -> np.ndarray:
    """The image of an object from its line integrals.

    Args:
        projections: (views, nu, nv) as `project` gives them.
        beam: the rays.
        geometry: of the image, axes along the patient's.
        isocentre_mm: LPS (x, y, z), mm.
        window: what the ramp filter is multiplied by; nothing where None.
        device: a torch device; numba on the CPU's cores where None.

    Returns:
        (z, y, x) float32, per mm; 0 where no ray passes.

    Raises:
        InputError: the scan does not suffice, or the grid is turned against the patient.
    """
    return backproject(*filtered(projections, beam, window), geometry, isocentre_mm, device=device)


def hann(cutoff_per_mm: float) -> Window:
    """The Hann window.

    Args:
        cutoff_per_mm: where it reaches 0.
    """
    return lambda f: np.where(f < cutoff_per_mm, 0.5 + 0.5 * np.cos(np.pi * f / cutoff_per_mm), 0.0)


def filtered(projections: np.ndarray, beam: Beam, window: Window | None = None) -> tuple[np.ndarray, Beam]:
    """Projections that are weighted and ramp-filtered.

    Args:
        projections: (views, nu, nv).
        beam: the rays.
        window: what the ramp is multiplied by.

    Returns:
        (views, nu, nv) float32, and the rays that they are of: a detector that is moved sideways grows to the width of
        the whole field, as what was measured beside a ray tells of it.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    views, nu, nv = beam.shape
    du, _ = beam.step_mm
    whole, before = beam.symmetric()
    edge = int(_TAPER * nu) + whole.u_mm.size - nu
    n = next_fast_len(2 * (nu + 2 * edge), real=True)
    response = (_ramp(n, du) * (1.0 if window is None else window(np.arange(n // 2 + 1) / (n * du)))).astype(
        np.float32
    )
    across, along = beam.divergence
    cosine = 1 / np.sqrt(1 + (across * beam.u_mm[:, None]) ** 2 + (along * beam.v_mm) ** 2)
    share = redundancy(beam) * angle_steps(beam.angles_rad)[:, None]
    out = np.empty(whole.shape, np.float32)
    begin = edge - before
    inner = None if whole is beam else 0 if before else -1
    many = max(1, _CHUNK_BYTES // (4 * n * nv))
    for first in range(0, views, many):
        part = slice(first, first + many)
        weighted = (projections[part] * (cosine * share[part, :, None])).astype(np.float32)
        wide = _continued(weighted, edge, inner)
        spectrum = rfft(wide, n, axis=1, workers=-1)
        spectrum *= response[:, None]
        out[part] = irfft(spectrum, n, axis=1, workers=-1)[:, begin : begin + whole.u_mm.size]
    return out, whole


def _ramp(n: int, du: float) -> np.ndarray:
    """(n // 2 + 1,) frequency response of the band-limited ramp, sampled in space (Kak and Slaney, eq. 3.61)."""
    k = np.fft.fftfreq(n, 1 / n)
    odd = k.astype(int) % 2 == 1
    kernel = np.zeros(n)
    kernel[odd] = -1 / (np.pi * k[odd]) ** 2
    kernel[0] = 0.25
    return np.fft.rfft(kernel).real / du


def _continued(weighted: np.ndarray, edge: int, inner: int | None) -> np.ndarray:
    """Projections with their edges falling off smoothly, as of a patient wider than the field (Ohnesorge 2000); at the
    inner edge, 0 or -1, of a detector that is moved sideways they have fallen off already."""
    fall = (np.cos(np.pi / 2 * np.arange(1, edge + 1) / (edge + 1)) ** 2).astype(np.float32)[None, :, None]
    left, right = (weighted[:, part].mean(axis=1, keepdims=True) for part in (slice(0, 3), slice(-3, None)))
    if inner is not None:
        (left if inner == 0 else right)[:] = 0
    return np.concatenate([left * fall[:, ::-1], weighted, right * fall], axis=1)


def backproject(
    rays: np.ndarray, beam: Beam, geometry: Geometry, isocentre_mm: np.ndarray, *, device: str | None = None
) -> np.ndarray:
    """The sum of filtered projections over the voxels that they pass.

    Args:
        rays: (views, nu, nv) as `filtered` gives them.
        beam: the rays; beyond the first and last rows of pixels the nearest counts.
        geometry: of the image, axes along the patient's.
        isocentre_mm: LPS (x, y, z), mm.
        device: a torch device; numba on the CPU's cores where None.

    Returns:
        (z, y, x) float32.

    Raises:
        InputError: the grid is turned against the patient.
    """
    first, spacing = place(geometry, isocentre_mm)
    if device is not None:
        from simulators.scanners.projection.device import spread_back

        return np.moveaxis(spread_back(rays, first, spacing, geometry.shape, beam, device), -1, 0)
    from simulators.scanners.projection import backward_kernel

    nz, ny, nx = geometry.shape
    out = np.zeros((ny, nx, nz), np.float32)
    backward_kernel.spread_back(
        rays, first, spacing, beam.angles_rad, beam.u_mm, beam.v_mm, beam.divergence, out
    )
    return np.moveaxis(out, -1, 0)
