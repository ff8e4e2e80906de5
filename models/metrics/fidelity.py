"""Scores of what an image keeps of a true one: its information, its edges, its features. Slice by slice."""

from __future__ import annotations

from functools import cache

import numpy as np

from models.metrics.planes import halved, scaled, smoothed

_TOP = 255.0  # the range in which these scores' constants are published
_VIF_NOISE = 2.0
_VIF_WINDOWS = (17, 9, 5, 3)
_GMSD_CONSTANT = 170.0
_FSIM_PHASE, _FSIM_EDGE = 0.85, 160.0
_WAVES, _ANGLES = 4, 4
_SHORTEST, _LONGER, _BAND, _NARROW = 6.0, 2.0, 0.55, 1.2  # pixels, ratio, width of a band, of an angle
_ABOVE_NOISE, _NOISE_DIVISOR = 2.0, 1.7


def information_fidelity(
    made: np.ndarray, truth: np.ndarray, where: np.ndarray, low: float, high: float
) -> float:
    """Visual information fidelity in pixels (VIFp; Sheikh and Bovik, IEEE TIP 15:430, 2006), four scales.

    Args:
        made: (..., y, x) image of 41 voxels or more a side, in any unit.
        truth: the same of what is true.
        where: (..., y, x) bool, the part that counts.
        low, high: the range to which both are cut.

    Returns:
        1 for equal images, above 1 for a true image of more contrast; nan where the part holds nothing.
    """
    b, a, part = scaled(made, low, high, _TOP), scaled(truth, low, high, _TOP), where
    kept = whole = 0.0
    for scale, window in enumerate(_VIF_WINDOWS):
        margin, sigma = window // 2, window / 5
        inner = (..., slice(margin, -margin), slice(margin, -margin))

        def mean(image: np.ndarray, s: float = sigma, m: int = margin, i: tuple = inner) -> np.ndarray:
            return smoothed(image, s, m)[i]

        if scale:
            a, b, part = (v[..., ::2, ::2] for v in (mean(a), mean(b), part[inner]))
        there = part[inner]
        mean_a, mean_b = mean(a), mean(b)
        var_a, var_b = (np.maximum(mean(v * v) - m * m, 0.0) for v, m in ((a, mean_a), (b, mean_b)))
        gain, rest = _channel(var_a, var_b, mean(a * b) - mean_a * mean_b)
        kept += np.log10(1 + gain**2 * var_a / (rest + _VIF_NOISE))[there].sum()
        whole += np.log10(1 + var_a / _VIF_NOISE)[there].sum()
    return float(kept / whole) if whole > 0 else float("nan")


def _channel(var_a: np.ndarray, var_b: np.ndarray, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By how much a window of the true image is seen in the other, and the variance that is not its own."""
    least = 1e-10
    gain = both / (var_a + least)
    rest = var_b - gain * both
    flat = var_a < least
    gain, rest = np.where(flat, 0, gain), np.where(flat, var_b, rest)
    gain, rest = np.where(var_b < least, 0, gain), np.where(var_b < least, 0, rest)
    rest = np.where(gain < 0, var_b, rest)
    return np.maximum(gain, 0), np.maximum(rest, least)


def gradient_deviation(
    made: np.ndarray, truth: np.ndarray, where: np.ndarray, low: float, high: float
) -> float:
    """Gradient magnitude similarity deviation (GMSD; Xue et al., IEEE TIP 23:684, 2014), of means of 2 x 2 voxels.

    Args:
        made, truth, where, low, high: as in `information_fidelity`.

    Returns:
        0 for equal images, the more the worse; nan where the part holds nothing.
    """
    a, b = (_edges(halved(scaled(v, low, high, _TOP)), (1, 1, 1)) for v in (made, truth))
    there = halved(where.astype(float)) >= 0.5
    return float(_alike(a, b, _GMSD_CONSTANT)[there].std()) if there.any() else float("nan")


def feature_similarity(
    made: np.ndarray, truth: np.ndarray, where: np.ndarray, low: float, high: float
) -> float:
    """Feature similarity (FSIM; Zhang et al., IEEE TIP 20:2378, 2011): phase congruency and gradients (Scharr).

    Args:
        made, truth, where, low, high: as in `information_fidelity`; slices that are much wider than 256 voxels are
            averaged to about that.

    Returns:
        1 for equal images; nan where the part holds no feature.
    """
    a, b, part = scaled(made, low, high, _TOP), scaled(truth, low, high, _TOP), where.astype(float)
    step = max(1, round(min(a.shape[-2:]) / 256))
    a, b, part = (_binned(v, step) for v in (a, b, part))
    phases = [np.stack([_congruency(plane) for plane in v.reshape(-1, *v.shape[-2:])]) for v in (a, b)]
    phase_a, phase_b = (v.reshape(a.shape) for v in phases)
    edge_a, edge_b = (_edges(v, (3, 10, 3)) for v in (a, b))
    weight = np.where(part >= 0.5, np.maximum(phase_a, phase_b), 0.0)
    alike = _alike(phase_a, phase_b, _FSIM_PHASE) * _alike(edge_a, edge_b, _FSIM_EDGE)
    return float((alike * weight).sum() / weight.sum()) if weight.sum() > 0 else float("nan")


def _alike(a: np.ndarray, b: np.ndarray, constant: float) -> np.ndarray:
    return (2 * a * b + constant) / (a * a + b * b + constant)


def _edges(image: np.ndarray, across: tuple[float, float, float]) -> np.ndarray:
    """Length of the gradient by differences of both neighbours, weighted across by three numbers."""
    from scipy.ndimage import correlate1d

    weights = np.array(across) / sum(across)
    along = [
        correlate1d(
            correlate1d(image, [1, 0, -1], axis=axis, mode="nearest"), weights, axis=-3 - axis, mode="nearest"
        )
        for axis in (-2, -1)
    ]
    return np.hypot(*along)


def _binned(image: np.ndarray, step: int) -> np.ndarray:
    y, x = (n // step for n in image.shape[-2:])
    cut = image[..., : y * step, : x * step].reshape(*image.shape[:-2], y, step, x, step)
    return cut.mean(axis=(-3, -1))


@cache
def _filters(shape: tuple[int, int]) -> np.ndarray:
    """(angles, waves, y, x) log-Gabor filters in frequency, zero frequency first."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None]
    radius, angle = np.hypot(fy, fx), np.arctan2(-fy, fx)
    radius[0, 0] = 1.0
    calm = 1 / (1 + (radius / 0.45) ** 30)
    waves = []
    for k in range(_WAVES):
        middle = 1 / (_SHORTEST * _LONGER**k)
        waves.append(np.exp(-(np.log(radius / middle) ** 2) / (2 * np.log(_BAND) ** 2)) * calm)
        waves[-1][0, 0] = 0.0
    spread = np.pi / _ANGLES / _NARROW
    angles = []
    for k in range(_ANGLES):
        away = np.abs(np.angle(np.exp(1j * (angle - k * np.pi / _ANGLES))))
        angles.append(np.exp(-(away**2) / (2 * spread**2)))
    return np.array(angles)[:, None] * np.array(waves)[None]


def _congruency(plane: np.ndarray) -> np.ndarray:
    """(y, x) phase congruency (Kovesi, Videre 1:3, 1999), noise taken off as its shortest wave tells it."""
    filters = _filters(plane.shape)
    seen = np.fft.ifft2(np.fft.fft2(plane) * filters)
    least, total, amplitude = 1e-4, np.zeros(plane.shape), np.zeros(plane.shape)
    for waves, own in zip(seen, filters, strict=True):
        even, odd = waves.real.sum(axis=0), waves.imag.sum(axis=0)
        length = np.hypot(even, odd) + least
        even, odd = even / length, odd / length
        energy = (waves.real * even + waves.imag * odd - np.abs(waves.real * odd - waves.imag * even)).sum(0)
        total += np.maximum(energy - _noise(waves[0], own), 0.0)
        amplitude += np.abs(waves).sum(axis=0)
    return total / (amplitude + least)


def _noise(shortest: np.ndarray, filters: np.ndarray) -> float:
    """Energy that noise has in one angle, by the median of its shortest wave (Rayleigh's law)."""
    power = np.median(np.abs(shortest) ** 2) / np.log(2) / (filters[0] ** 2).sum()
    local = np.fft.ifft2(filters).real * np.sqrt(filters[0].size)
    own = (local**2).sum()
    pairs = sum((local[i] * local[j]).sum() for i in range(_WAVES) for j in range(i + 1, _WAVES))
    tau = np.sqrt((2 * power * own + 4 * power * pairs) / 2)
    return float(
        (tau * np.sqrt(np.pi / 2) + _ABOVE_NOISE * np.sqrt((2 - np.pi / 2) * tau**2)) / _NOISE_DIVISOR
    )
