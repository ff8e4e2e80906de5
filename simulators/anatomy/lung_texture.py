"""The same patient's anatomy without the tumour, and tumour where there was none yet.

Lung is copied, not invented: whole patches of the patient's own lung, moved by whole voxels so that vessels and
noise stay as the scanner drew them, and feathered where they meet.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfftn, next_fast_len, rfftn
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter, map_coordinates

from simulators.anatomy.conjugate_gradient import conjugate_gradient
from simulators.anatomy.tumour_site import TumourSite, rim_weight, smooth, smoothstep
from twin import Scan

_PARENCHYMA_HU = (-980.0, -600.0)
_LUNG_SHARE = 0.35
_FEATHER_MM = 2.0
_EDGE_MM = 1.2
_PATCHES = 4
_SEARCH_MM = 90.0
_FINE_MM = 1.2
_SIGMAS = 3.0


def without_tumour(site: TumourSite, scan: Scan, lungs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The baseline CT with lung where the tumour was, and the share of lung in each voxel after that.

    Args:
        site: the tumour's surroundings.
        scan: the whole CT, from which lung is copied.
        lungs: (z, y, x) bool on the whole grid.

    Returns:
        HU and lung share, (z, y, x) float32 on the site's crop. Where the mediastinum or the chest wall closes
        over the gap, the tumour's own soft tissue stays.
    """
    share = lung_share(site)
    weight = rim_weight(site) * share
    healthy, b = site.hu.copy(), site.inner
    target = weight[b] > 0.01
    if target.any():
        healthy[b] += weight[b] * (_patched(site, scan, lungs, target) - site.hu[b])
    return healthy, np.where(site.lung, np.float32(1.0), share)


def lung_share(site: TumourSite) -> np.ndarray:
    """(z, y, x) float32: how far the place of each GTV voxel belongs to the lung once the tumour is gone.

    A harmonic membrane is spanned between the lung (1) and all other tissue (0) that touch the tumour, and cut
    below its middle, since the lung bulges out against its walls.

    Args:
        site: the tumour and its surroundings.
    """
    unknown = site.gtv | site.gap
    known = np.where(site.lung, 1.0, 0.0)
    b, spacing = site.inner, site.geometry.spacing_mm
    height = _harmonic(unknown[b], known[b], spacing)
    cut = np.where(unknown[b], smoothstep((height - _LUNG_SHARE + 0.06) / 0.12), known[b])
    share = known.astype(np.float32)
    share[b] = np.where(unknown[b], smooth(cut, _EDGE_MM, spacing), share[b])
    return share


def _harmonic(unknown: np.ndarray, known: np.ndarray, spacing_mm) -> np.ndarray:
    """Laplace's equation in the unknown voxels, with the known values around them."""
    weights = [1.0 / s**2 for s in spacing_mm]
    inner = np.pad(unknown, 1)
    values = np.pad(known, 1, mode="edge")
    at = np.flatnonzero(inner.ravel())
    strides = [inner.shape[1] * inner.shape[2], inner.shape[2], 1]
    number = np.full(inner.size, -1)
    number[at] = np.arange(at.size)
    neighbours = np.stack([at + sign * stride for stride in strides for sign in (1, -1)])
    w = np.repeat(weights, 2)[:, None]
    links = number[neighbours]
    free = links >= 0
    right = (w * np.where(free, 0.0, values.ravel()[neighbours])).sum(axis=0)
    total = float(w.sum())
    safe = np.where(free, links, at.size)

    def apply(v):
        return total * v - (w * np.append(v, 0.0)[safe]).sum(axis=0)

    values.ravel()[at] = conjugate_gradient(apply, right, total)
    return values[1:-1, 1:-1, 1:-1]


def _patched(site: TumourSite, scan: Scan, lungs: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Lung HU for all target voxels of the inner box, from a few translated patches of the patient's lung."""
    spacing = site.geometry.spacing_mm
    source_hu = scan.volume.array
    valid = _sources(site, lungs)
    start = np.array([s.start + i.start for s, i in zip(site.box, site.inner, strict=True)])
    missing = target.copy()
    total = np.zeros(target.shape, dtype=np.float32)
    weights = np.zeros(target.shape, dtype=np.float32)
    around = site.lung & (site.distance_mm > -30.0) & (site.distance_mm < -6.0)
    here_hu = _parenchyma_hu(site.hu[around], _parenchyma_hu(site.hu[site.lung], -820.0))
    for shift in _translations(missing, valid, start, spacing):
        patch, usable = _shifted(source_hu, valid, start + shift, target.shape)
        mine = missing & usable
        if not mine.any():
            continue
        patch += here_hu - _parenchyma_hu(patch[target & usable], here_hu)
        weight = smooth(mine, _FEATHER_MM, spacing) * usable
        total += weight * patch
        weights += weight
        missing &= ~usable
    plain = np.float32(here_hu)
    filled = np.where(weights > 1e-3, total / np.maximum(weights, 1e-3), plain)
    if missing.any():
        filled = np.where(missing, _mended(filled, missing, spacing), filled)
    return filled


def _sources(site: TumourSite, lungs: np.ndarray) -> np.ndarray:
    """Whole-grid bool: lung that is fit to be copied, away from the tumour and the lung's own edge."""
    valid = lungs.copy()
    valid[site.box] &= site.distance_mm < -6.0
    planes = np.flatnonzero(valid.any(axis=(1, 2)))
    if planes.size:
        part = slice(planes[0], planes[-1] + 1)
        valid[part] = binary_erosion(valid[part], np.ones((1, 3, 3)), iterations=2)
    return valid


def _parenchyma_hu(hu: np.ndarray, otherwise: float) -> float:
    """Median HU of what is lung tissue and not vessel or airway."""
    low, high = _PARENCHYMA_HU
    tissue = hu[(hu > low) & (hu < high)]
    return float(np.median(tissue)) if tissue.size else otherwise


def _shifted(hu: np.ndarray, valid: np.ndarray, corner: np.ndarray, shape) -> tuple[np.ndarray, np.ndarray]:
    """A box of the scan whose first voxel is `corner`, which may lie outside; there nothing is usable."""
    patch, usable = np.full(shape, -820.0, dtype=np.float32), np.zeros(shape, dtype=bool)
    lo = np.maximum(corner, 0)
    hi = np.minimum(corner + shape, hu.shape)
    if (hi > lo).all():
        into = tuple(slice(a - c, b - c) for a, b, c in zip(lo, hi, corner, strict=True))
        box = tuple(slice(a, b) for a, b in zip(lo, hi, strict=True))
        patch[into], usable[into] = hu[box], valid[box]
    return patch, usable


def _translations(target: np.ndarray, valid: np.ndarray, start: np.ndarray, spacing_mm):
    """Yield whole-voxel translations (z, y, x) that cover the target with usable lung, best first.

    Each takes what the ones before left over. All translations of a coarse grid are scored at once by FFT:
    covered share, less a little for distance and for leaving the level of gravity.
    """
    step = np.array([max(1, int(5.0 // s)) for s in spacing_mm])
    coarse = tuple(slice(None, None, int(s)) for s in step)
    offset = -start % step  # first crop voxel that lies on the scan's coarse nodes
    first = (start + offset) // step
    usable = valid[coarse].astype(np.float32)
    left = target[tuple(slice(int(o), None, int(s)) for o, s in zip(offset, step, strict=True))].astype(
        np.float32
    )
    size = [next_fast_len(a + b) for a, b in zip(usable.shape, left.shape, strict=True)]
    spectrum = rfftn(usable, size)
    shifts = [np.arange(-first[k], usable.shape[k] - first[k]) for k in range(3)]
    mm = np.meshgrid(*[shifts[k] * step[k] * spacing_mm[k] for k in range(3)], indexing="ij", sparse=True)
    far = np.sqrt(mm[0] ** 2 + 4.0 * mm[1] ** 2 + mm[2] ** 2)
    for _ in range(_PATCHES):
        if left.sum() < 1:
            return
        overlap = irfftn(spectrum * np.conj(rfftn(left, size)), size)
        overlap = overlap[: usable.shape[0], : usable.shape[1], : usable.shape[2]]
        merit = overlap / left.sum() - 0.15 * np.minimum(far / _SEARCH_MM, 3.0)
        best = np.array(np.unravel_index(np.argmax(merit), merit.shape))
        if overlap[tuple(best)] < 0.5:
            return
        yield (best - first) * step
        _, covered = _shifted(usable, usable > 0, best, left.shape)
        left = left * ~covered


def _mended(filled: np.ndarray, missing: np.ndarray, spacing_mm) -> np.ndarray:
    """Plain lung for the few voxels that no patch covered, from what lies around them."""
    known = binary_dilation(missing, iterations=4) & ~missing
    weight = smooth(known, 6.0, spacing_mm)
    return smooth(np.where(known, filled, 0.0), 6.0, spacing_mm) / np.maximum(weight, 1e-3)


def grown_tumour(site: TumourSite, depth_mm: float = 3.0) -> np.ndarray:
    """(z, y, x) float32 HU: tumour tissue outside its first border, mirrored out of its own inside.

    Args:
        site: the tumour's surroundings.
        depth_mm: the mirror lies this far inside the GTV, below its blurred edge.
    """
    smoothed = smooth(site.distance_mm, 2.0, site.geometry.spacing_mm)
    slope = np.stack(np.gradient(smoothed, *site.geometry.spacing_mm))
    slope /= np.maximum(np.sqrt((slope**2).sum(axis=0)), 0.2)
    reach = np.maximum(0.0, depth_mm - site.distance_mm)
    grid = np.mgrid[tuple(slice(0, n) for n in site.gtv.shape)].astype(np.float32)
    for k, s in enumerate(site.geometry.spacing_mm):
        grid[k] += 2.0 * reach * slope[k] / s
    mirrored = map_coordinates(site.hu, grid, order=0, mode="nearest")
    core = site.hu[site.distance_mm > depth_mm] if (site.distance_mm > depth_mm).any() else site.hu[site.gtv]
    low, high = np.percentile(core, [20, 95])
    return np.where(reach > 0.0, np.clip(mirrored, low, high), site.hu).astype(np.float32)


def texture(hu: np.ndarray, most_hu: float, spacing_mm) -> np.ndarray:
    """(z, y, x) float32 HU: what of an image is fine and no larger than noise, which is noise and lung's own grain.

    Resampling smooths it and combs it into streaks where tissue is stretched; so tissue moves without it, and it is
    put back as it was.

    Args:
        hu: (z, y, x).
        most_hu: how far noise goes (`most_texture_hu`).
        spacing_mm: (z, y, x).
    """
    fine = _fine(hu, spacing_mm)
    # Tukey's biweight: noise comes away whole, a vessel not at all, and nothing is cut between them.
    return (fine * np.square(np.maximum(0.0, 1.0 - np.square(fine / most_hu)))).astype(np.float32)


def most_texture_hu(site: TumourSite) -> float:
    """How far what is fine goes in the site's lung where it is noise: three times its robust SD, HU.

    Args:
        site: the tumour and its surroundings.
    """
    fine = _fine(site.hu, site.geometry.spacing_mm)
    calm = fine[site.lung] if site.lung.any() else fine
    return _SIGMAS * 1.4826 * max(float(np.median(np.abs(calm))), 1e-3)


def _fine(hu: np.ndarray, spacing_mm) -> np.ndarray:
    return hu - gaussian_filter(hu, [0.0, *(_FINE_MM / s for s in spacing_mm[1:])], mode="nearest")
