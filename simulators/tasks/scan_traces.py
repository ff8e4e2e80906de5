"""What a scan shows of how it was taken, on its own grid: noise by band, streaks, and how far borders are blurred."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from twin.structures import bounding_box

_SCALES = (0.0, 0.6, 1.2, 2.4)  # voxels in plane
_NOISE = (1, -4, 6, -4, 1)  # a fourth difference along z: anatomy is smooth there, noise is not
_QUIET = (0.2, 0.5)  # of the blocks, which have little anatomy
_BLOCK = (1, 5, 5)
_BORDER_HU = (-650.0, -200.0)
_LEAST = 300  # voxels that a number takes
_MARGIN = 8  # voxels around the body, for what is smoothed
_COUNT = 34


def scan_traces(hu: np.ndarray, body: np.ndarray, slice_mm: float) -> list[float]:
    """Numbers that change with dose, kernel and motion more than from patient to patient.

    Args:
        hu: (z, y, x) on the grid on which the scan was made.
        body: (z, y, x) bool, the body in the field of view.
        slice_mm: between slices, which run upwards.

    Returns:
        (34,) logarithms, nan where there is too little of something.
    """
    from scipy.ndimage import binary_erosion, gaussian_filter

    if not body.any():
        return [float("nan")] * _COUNT
    box = bounding_box(body, (0, _MARGIN, _MARGIN))
    image, body = hu[box].astype(np.float32), body[box]
    smooth = [image if s == 0 else gaussian_filter(image, (0, s, s)) for s in _SCALES]
    core = binary_erosion(body, np.ones((1, 7, 7), bool))
    known = image[body & (image > -250) & (image < 300)]
    middle = float(np.median(known)) if known.size else 0.0
    tissues = core & (np.abs(smooth[2] - middle) < 150), core & (smooth[2] < -450)
    bands = [_noise(a - b) for a, b in pairwise(smooth)]
    found = []
    for tissue in tissues:
        found += _quiet(bands, tissue)
    edges = gaussian_filter(image, 0.7)
    found += _borders(edges, core)
    levels = [gaussian_filter(image, s) for s in (0.8, 1.6, 3.2)]
    for a, b in pairwise(levels):
        for tissue in tissues:
            found += _texture(a - b, tissue)
    return [*found, *_spans(edges, core, slice_mm)]


def _noise(band: np.ndarray) -> np.ndarray:
    """(z - 4, y, x) what differs from what the neighbouring slices tell, of the same variance where that is noise."""
    n = max(len(band) - len(_NOISE) + 1, 0)
    total = sum(w * band[k : k + n] for k, w in enumerate(_NOISE))
    return np.asarray(total) / float(np.hypot.reduce(_NOISE))


def _quiet(bands: list[np.ndarray], tissue: np.ndarray) -> list[float]:
    """Log SD of noise in the quieter blocks of a tissue, by band, and how much more of it runs along x than along y."""
    from scipy.ndimage import uniform_filter

    n = len(bands[0])
    where = np.logical_and.reduce([tissue[k : k + n] for k in range(len(_NOISE))])
    if np.count_nonzero(where) < _LEAST:
        return [float("nan")] * (len(_QUIET) * len(bands) + 1)
    variances = [uniform_filter(b * b, _BLOCK)[where] for b in bands]
    found = [0.5 * float(np.log(q + 0.01)) for v in variances for q in np.quantile(v, _QUIET)]
    fine = bands[0] + bands[1]
    along = [uniform_filter(np.gradient(fine, axis=k) ** 2, _BLOCK)[where] for k in (1, 2)]
    return [*found, float(np.median(np.log((along[0] + 0.01) / (along[1] + 0.01))))]


def _borders(smooth: np.ndarray, core: np.ndarray) -> list[float]:
    """How steep lung's borders across z are, which breathing blurs, and those along it; and how many there are."""
    if len(smooth) < 2:
        return [float("nan")] * 8
    slopes = np.gradient(smooth)
    square = sum(s * s for s in slopes) + 1.0
    near = core & (smooth > _BORDER_HU[0]) & (smooth < _BORDER_HU[1])
    across = slopes[0] ** 2 / square
    found = []
    for some in (near & (across > 0.6), near & (across < 0.2)):
        steep = 0.5 * np.log(square[some])
        enough = steep.size > 100
        found += [float(v) for v in np.quantile(steep, (0.25, 0.5, 0.8))] if enough else [float("nan")] * 3
        found.append(float(np.log((np.count_nonzero(some) + 50) / (np.count_nonzero(near) + 100))))
    return found


def _spans(smooth: np.ndarray, core: np.ndarray, slice_mm: float) -> list[float]:
    """Log mm along z from soft tissue up to lung, as over a diaphragm, and from lung up to soft tissue: two means."""
    n = len(smooth)
    state = np.where(smooth < _BORDER_HU[0], -1, np.where(smooth > _BORDER_HU[1], 1, 0))
    z = np.arange(n)[:, None, None]
    # The next slice above each that is lung or soft tissue and not between them.
    above = np.minimum.accumulate(np.where(state != 0, z, n)[::-1], axis=0)[::-1][1:]
    there = np.take_along_axis(state, np.minimum(above, n - 1), axis=0)
    spans = (above - z[:-1]) * slice_mm
    found = []
    for start in (1, -1):
        some = spans[core[:-1] & (state[:-1] == start) & (above < n) & (there == -start)]
        enough = some.size > 100
        found += [np.log(some.mean()), -np.log((1 / some).mean())] if enough else [float("nan")] * 2
    return [float(v) for v in found]


def _texture(band: np.ndarray, tissue: np.ndarray) -> list[float]:
    """Log size of what a tissue shows in a band, and of its change along z against that in plane."""
    pairs = [(tissue[1:] & tissue[:-1], 0), (tissue[:, 1:] & tissue[:, :-1], 1)]
    if min(np.count_nonzero(both) for both, _ in pairs) < _LEAST:
        return [float("nan")] * 2
    along, plane = (_log_size(np.diff(band, axis=axis)[both]) for both, axis in pairs)
    return [_log_size(band[tissue]), along - plane]


def _log_size(values: np.ndarray) -> float:
    return float(np.log(np.median(np.abs(values)) + 0.1))
