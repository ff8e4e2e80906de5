"""What an image, a mask and a forecast are judged by. Image scores by MONAI, with their range stated."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from twin.structures import bounding_box

HU_RANGE = 2048.0  # -1024 to 1024 HU: the range of PSNR and SSIM
_SSIM_VOXELS = 7
_BLOCK = 5  # voxels: lung density is compared in blocks of a cubic centimetre
_GROWTH_MM, _BORDER_MM = 15.0, 4.0
_SOFT_HU, _SOLID_HU = -400.0, 0.0  # midway between lung and tumour; scars are rarely as dense as water


def image_scores(
    made: np.ndarray, truth: np.ndarray, near: np.ndarray, body: np.ndarray, *, fine: bool = True
) -> dict[str, float]:
    """Errors of a whole image.

    Args:
        made, truth: (z, y, x) HU.
        near: (z, y, x) bool, within 3 cm of the tumour.
        body: (z, y, x) bool.
        fine: whether PSNR and SSIM are wanted, which take longer.

    Returns:
        `mae_near_hu` within 3 cm of the tumour and the body, `mae_body_hu`; PSNR (dB) and SSIM (uniform window of 7
        voxels) in the box around `near`, for values cut to -1024 to 1024 HU and a range of 2048 HU.
    """
    error = np.abs(made - truth)
    scores = {"mae_near_hu": float(error[near & body].mean()), "mae_body_hu": float(error[body].mean())}
    if fine:
        import torch
        from monai.metrics.regression import PSNRMetric, compute_ssim_and_cs

        box = bounding_box(near)
        a, b = (
            torch.from_numpy(np.clip(v[box], -1024, 1024).astype(np.float32))[None, None]
            for v in (made, truth)
        )
        ssim, _ = compute_ssim_and_cs(
            a, b, spatial_dims=3, kernel_size=(_SSIM_VOXELS,) * 3, kernel_sigma=(1.5,) * 3,
            data_range=HU_RANGE, kernel_type="uniform",
        )  # fmt: skip
        scores["ssim"] = float(ssim.mean())
        psnr: Any = PSNRMetric(max_val=HU_RANGE)(a, b)
        scores["psnr_db"] = float(psnr.mean()) if error[box].any() else np.inf
    return scores


def mask_scores(made: np.ndarray, truth: np.ndarray, spacing_mm) -> dict[str, float]:
    """Dice and 95 % Hausdorff distance (mm) of a tumour mask; nothing where one is empty and the other is not.

    Args:
        made, truth: (z, y, x) bool.
        spacing_mm: (z, y, x), mm.
    """
    if not made.any() or not truth.any():
        return {"dice": float(made.any() == truth.any())}
    import torch
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance

    box = bounding_box(made | truth, (1, 1, 1))
    a, b = (torch.from_numpy(v[box])[None, None].float() for v in (made, truth))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MONAI warns of its own call
        distance = compute_hausdorff_distance(
            a, b, include_background=True, percentile=95, spacing=list(map(float, spacing_mm))
        )
    dice = 2.0 * np.count_nonzero(made & truth) / (np.count_nonzero(made) + np.count_nonzero(truth))
    return {"dice": dice, "hd95_mm": float(distance)}


class Segmentation:
    """The fixed segmentation by which all images are measured.

    Tumour is what is denser than water after smoothing by a Gaussian of 1.5 mm, and what is denser than -400 HU (after
    1 mm) within 4 mm of it, in the place of the drawn baseline tumour or within 15 mm of it where there was lung, and
    hangs together with something in that place. One threshold alone takes scars for tumour. It sees no generator's
    mask; what it measures on the true image is the yardstick, not the true volume.

    Args:
        baseline: (z, y, x) HU of the scan that all started from.
        gtv: (z, y, x) bool, drawn on it.
        spacing_mm: (z, y, x), mm.
    """

    def __init__(self, baseline: np.ndarray, gtv: np.ndarray, spacing_mm) -> None:
        from scipy.ndimage import distance_transform_edt

        self._spacing = spacing_mm
        self._box = bounding_box(gtv, tuple(int(np.ceil((_GROWTH_MM + 6) / s)) for s in spacing_mm))  # type: ignore[arg-type]
        self._place = gtv[self._box]
        close = np.asarray(distance_transform_edt(~self._place, sampling=spacing_mm)) <= _GROWTH_MM
        self._where = self._place | (close & (self._smooth(baseline, 1.5) < _SOFT_HU))
        self._voxel_cm3 = float(np.prod(spacing_mm)) / 1000.0

    def cm3(self, hu: np.ndarray) -> float:
        """The tumour's volume on a (z, y, x) image in HU, cm3."""
        from scipy.ndimage import binary_propagation, distance_transform_edt

        solid = self._where & (self._smooth(hu, 1.5) > _SOLID_HU)
        if not solid.any():
            return 0.0
        border = np.asarray(distance_transform_edt(~solid, sampling=self._spacing)) <= _BORDER_MM
        dense = self._where & border & (self._smooth(hu, 1.0) > _SOFT_HU)
        return float(np.count_nonzero(binary_propagation(dense & self._place, mask=dense))) * self._voxel_cm3

    def _smooth(self, hu: np.ndarray, sigma_mm: float) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(hu[self._box].astype(np.float32), [sigma_mm / s for s in self._spacing])


def density_error(made: np.ndarray, truth: np.ndarray, lung: np.ndarray) -> float:
    """Mean absolute log ratio of lung density, made over true, in blocks of a cubic centimetre.

    Where no tissue is gained or lost this is the error of the log-Jacobian: density is mass over volume.

    Args:
        made, truth: (z, y, x) HU.
        lung: (z, y, x) bool, lung outside the tumour and near it.
    """
    blocks = [_block_means(v, lung) for v in (made, truth)]
    known = np.isfinite(blocks[0])
    if not known.any():
        return float("nan")
    a, b = (np.maximum(v[known] + 1000.0, 10.0) for v in blocks)
    return float(np.abs(np.log(a / b)).mean())


def _block_means(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Means over the true voxels of blocks; nan where fewer than half are."""
    shape = [n // _BLOCK for n in values.shape]
    cut = tuple(slice(0, n * _BLOCK) for n in shape)
    split = [s for n in shape for s in (n, _BLOCK)]
    w = where[cut].reshape(split).sum(axis=(1, 3, 5))
    total = np.where(where[cut], values[cut], 0.0).reshape(split).sum(axis=(1, 3, 5))
    return np.where(w >= _BLOCK**3 / 2, total / np.maximum(w, 1), np.nan)


def fair_crps(draws: np.ndarray, truth: float) -> float:
    """Continuous ranked probability score of a finite number of draws, fair in their number (Ferro 2014).

    Args:
        draws: (n,), n of 2 or more.
        truth: what happened.

    Example:
        >>> fair_crps(np.array([0.0, 2.0]), 1.0)
        0.0
        >>> fair_crps(np.array([3.0, 3.0]), 1.0)
        2.0
    """
    x = np.sort(np.asarray(draws, dtype=np.float64))
    n = x.size
    # The mean over all pairs, from the sorted values.
    apart = 2.0 * float(((2 * np.arange(1, n + 1) - n - 1) * x).sum()) / (n * (n - 1))
    return float(np.abs(x - truth).mean()) - 0.5 * apart


def rank_share(draws: np.ndarray, truth: float) -> float:
    """Share of the draws below what happened, ties counted half: uniform where a forecast is calibrated.

    Example:
        >>> rank_share(np.array([1.0, 2.0, 3.0, 4.0]), 2.5)
        0.5
    """
    x = np.asarray(draws, dtype=np.float64)
    return float(((x < truth).sum() + 0.5 * (x == truth).sum()) / x.size)
