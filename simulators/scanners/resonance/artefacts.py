"""What stands between a body and its image: breathing while lines are read, the coils' field, thermal noise."""

from __future__ import annotations

import numpy as np

_BIAS_MM = 110.0
_LINES_A_BREATH = 11.3  # lines of phase encoding that one breath lasts


def acquired(
    signal: np.ndarray, spacing_mm: tuple[float, float, float], breath_mm: float, rng: np.random.Generator
) -> np.ndarray:
    """An image whose lines are read while the front of the body rises and falls: ghosts along phase encoding (y).

    The chest's wall moves most and what lies behind it less; each line sees the body as a mixture of its ends,
    so that copies of
    what moves are shifted by the field of view over the breath's lines, to whole rows (Wood and Henkelman, Med
    Phys 12:143, 1985).

    Args:
        signal: (z, y, x), y backwards.
        spacing_mm: (z, y, x).
        breath_mm: motion of the front wall, from end to end.
        rng: of the phase in which each slice begins.
    """
    if breath_mm == 0.0:
        return signal
    nz, ny, _ = signal.shape
    rows = np.flatnonzero((signal > 0.02 * signal.max()).any(axis=(0, 2)))
    front, back = (rows[0], rows[-1]) if rows.size else (0, ny - 1)
    share = np.clip((back - np.arange(ny)) / max(back - front, 1), 0, 1) ** 2
    at = np.clip(np.arange(ny) + breath_mm / spacing_mm[1] * share, 0, ny - 1)
    low = np.minimum(at.astype(int), ny - 2)
    part = (at - low).astype(np.float32)[:, None]
    # Line k sees a share cos^4(pi k / lines + begun) of the motion: a wave over the lines shifts the image.
    by = round(ny / _LINES_A_BREATH)
    out = np.empty(signal.shape, np.float32)
    for plane, made, begun in zip(signal, out, rng.uniform(0, 2 * np.pi, size=(nz,)), strict=True):
        difference = (1 - part) * plane[low] + part * plane[low + 1] - plane
        real, imaginary = plane.astype(np.float32), np.zeros(plane.shape, np.float32)
        for order, strength in ((1, 1 / 4), (2, 1 / 16)):
            ahead, behind = (np.roll(difference, way * order * by, axis=0) for way in (-1, 1))
            real += np.float32(strength * np.cos(2 * order * begun)) * (ahead + behind)
            imaginary += np.float32(strength * np.sin(2 * order * begun)) * (ahead - behind)
        np.hypot(real, imaginary, out=made)
    return out


def biased(
    signal: np.ndarray, spacing_mm: tuple[float, float, float], strength: float, rng: np.random.Generator
) -> np.ndarray:
    """An image as coils of uneven sensitivity see it.

    Args:
        signal: (z, y, x).
        spacing_mm: (z, y, x).
        strength: SD of the logarithm of the sensitivity.
        rng: of its shape.
    """
    place = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(signal.shape, spacing_mm, strict=True)]
    rows, columns = [], []
    waves = 4
    for _ in range(waves):
        wave = rng.standard_normal(3)
        wave *= np.pi / _BIAS_MM / 2 / np.linalg.norm(wave) * rng.uniform(0.5, 1.5)
        phase = rng.uniform(0, 2 * np.pi)
        z, y, x = (np.exp(1j * (p * w)).astype(np.complex64) for p, w in zip(place, wave, strict=True))
        plane = np.complex64(np.exp(1j * phase)) * z[:, None] * y
        rows += [plane.real, -plane.imag]
        columns += [x.real, x.imag]
    field = np.stack(rows, axis=-1) @ np.stack(columns)  # the sum of all waves' real parts
    field -= field[signal > 0.1 * signal.max()].mean() if signal.any() else 0.0
    return signal * np.exp(np.float32(strength / np.sqrt(waves / 2)) * field)


def with_noise(signal: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """The magnitude of a signal with Gaussian noise in both its channels: Rician (Gudbjartsson and Patz, MRM
    34:910, 1995).

    Args:
        signal: (z, y, x).
        deviation: of each channel.
        rng: of the noise.
    """
    one, two = (rng.standard_normal(signal.shape, dtype=np.float32) for _ in range(2))
    one *= np.float32(deviation)
    two *= np.float32(deviation)
    one += signal
    return np.hypot(one, two, out=one)
