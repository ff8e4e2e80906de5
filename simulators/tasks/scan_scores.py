"""What the pairs of a task from cone-beam CT to CT are judged by, and what stands beside a synthetic CT."""

from __future__ import annotations

import numpy as np

from simulators.core.imaging import Paired
from simulators.tasks.regrid import best_voxelwise
from simulators.tasks.scan_pairs import ScanPair
from simulators.tasks.segmentation import Segmentation
from twin import Volume

_TRUE_SOFT_HU, _TRUE_LUNG_HU, _BONE_HU = (-150.0, 130.0), (-1000.0, -500.0), 200.0
_BINS_HU = 8.0


def regions(truth: Volume, region: np.ndarray, gtv: np.ndarray | None) -> dict[str, np.ndarray]:
    """Where errors are told apart, by what the truth shows: name -> (z, y, x) bool.

    Args:
        truth: CT, HU.
        region: (z, y, x) bool, where a synthetic CT is judged.
        gtv: (z, y, x) bool, or None where no tumour is drawn.
    """
    hu = truth.array
    found = {
        "lung": region & (hu > _TRUE_LUNG_HU[0]) & (hu < _TRUE_LUNG_HU[1]),
        "soft": region & (hu > _TRUE_SOFT_HU[0]) & (hu < _TRUE_SOFT_HU[1]),
        "bone": region & (hu > _BONE_HU),
    }
    if gtv is not None and (gtv & region).any():
        found["tumour"] = gtv & region
    return {name: where for name, where in found.items() if where.any()}


def figures(made: Volume, case: Paired) -> dict[str, float]:
    """The grain and its mean frequency in soft tissue; volume and Dice of the tumour by the fixed segmentation.

    Args:
        made: the synthetic CT.
        case: of which.
    """
    found = _grain(made, case)
    if "tumour" in case.regions:
        found |= _tumour(made, case)
    return found


def _grain(made: Volume, case: Paired) -> dict[str, float]:
    """What is fine in the error within soft tissue: its SD in HU, and the mean frequency of its power, per mm.

    Args:
        made: the synthetic CT.
        case: of which.
    """
    from scipy.ndimage import binary_erosion, gaussian_filter

    soft = case.regions.get("soft")
    if soft is None:
        return {}
    dy, dx = made.geometry.spacing_mm[1:]
    inside = binary_erosion(soft, np.ones((1, 3, 3), bool))
    error = np.where(inside, made.array.astype(np.float32) - case.truth.array, 0.0)
    share = gaussian_filter(inside.astype(np.float32), (0, 6 / dy, 6 / dx))
    fine = np.where(
        inside, error - gaussian_filter(error, (0, 6 / dy, 6 / dx)) / np.maximum(share, 1e-3), 0.0
    )
    power = (np.abs(np.fft.rfft2(fine)) ** 2).sum(axis=0)
    at = np.hypot(np.fft.fftfreq(fine.shape[1], dy)[:, None], np.fft.rfftfreq(fine.shape[2], dx))
    total = float(power.sum())
    found = {"grain_hu": float(fine[inside].std()) if inside.any() else 0.0}
    return found | ({"grain_per_mm": float((power * at).sum() / total)} if total > 0 else {})


def _tumour(made: Volume, case: Paired) -> dict[str, float]:
    truth = case.truth.array.astype(np.float32)
    by = Segmentation(truth, case.regions["tumour"], made.geometry.spacing_mm)
    one, other = by.found(made.array.astype(np.float32)), by.found(truth)
    n = int(np.count_nonzero(other))
    if n == 0:
        return {}
    both = np.count_nonzero(one & other)
    return {
        "tumour_dice": 2 * both / (np.count_nonzero(one) + n),
        "tumour_volume_error": abs(np.count_nonzero(one) - n) / n,
    }


def yardsticks(pair: ScanPair, truth: Volume, region: np.ndarray) -> dict[str, Volume]:
    """What stands beside source and synthetic CT: the best guess voxel by voxel, the truth, the uncorrected scan.

    Args:
        pair: the scans.
        truth: on the source's grid.
        region: (z, y, x) bool, where a synthetic CT is judged.
    """
    found = {"voxel-wise": _best_voxelwise(pair.source, truth, region), "oracle": truth}
    if pair.uncorrected is not None:
        found["uncorrected"] = pair.uncorrected
    return found


def _best_voxelwise(source: Volume, truth: Volume, region: np.ndarray) -> Volume:
    hu = best_voxelwise(source.array, truth.array, region, _BINS_HU)
    return Volume(source.geometry, np.rint(hu).astype(np.int16), "CT", "HU")
