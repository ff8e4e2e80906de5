"""Smooth random fields: tissue texture, and the correlated noise of a CT reconstruction."""

from __future__ import annotations

import numpy as np


def smooth_field(shape, spacing_mm, length_mm: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian random field of unit variance with correlation length `length_mm`, periodic (float32).

    Args:
        shape: (z, y, x).
        spacing_mm: of the voxels, (z, y, x).
        length_mm: correlation length, mm.
        rng: of the field.
    """
    from scipy.fft import irfftn, rfftn

    white = rng.standard_normal(shape, dtype=np.float32)
    square: np.ndarray | float = 0.0
    for axis, (n, step) in enumerate(zip(shape, spacing_mm, strict=True)):
        f = np.fft.rfftfreq(n, step) if axis == len(shape) - 1 else np.fft.fftfreq(n, step)
        square = square + (f**2).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    gain = np.exp(-2 * (np.pi * length_mm) ** 2 * square).astype(np.float32)
    field = irfftn(rfftn(white, workers=2) * gain, s=shape, workers=2)
    return (field / field.std()).astype(np.float32)


def ct_noise(shape, pixel_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance with the band-pass spectrum of filtered back-projection (float32).

    The noise power rises with the frequency (ramp) and falls with the kernel's window: f exp(-(f / f0)^2)
    (Riederer 1978: ramp; the window is that of a soft-tissue kernel with its peak near 0.3 per mm).
    Neighbouring slices of a helical scan share a little of it.

    Args:
        shape: (z, y, x).
        pixel_mm: in plane, mm.
        rng: of the noise.
    """
    from scipy.fft import irfft2, rfft2

    nz, ny, nx = shape
    f = np.hypot(np.fft.fftfreq(ny, pixel_mm)[:, None], np.fft.rfftfreq(nx, pixel_mm)[None, :])
    gain = np.sqrt(f * np.exp(-((f / 0.34) ** 2)) + 0.004).astype(np.float32)
    noise = np.empty(shape, dtype=np.float32)
    for first in range(0, nz, 16):  # in blocks, to spare memory
        part = rng.standard_normal((min(16, nz - first), ny, nx), dtype=np.float32)
        noise[first : first + len(part)] = irfft2(rfft2(part, workers=2) * gain, s=(ny, nx), workers=2)
    noise[1:] += 0.35 * noise[:-1]
    noise /= noise[nz // 2].std()
    return noise
