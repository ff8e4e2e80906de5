"""Scores of images against a true image; similarity and noise by MONAI, with the range stated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

_SSIM_VOXELS = 7


def mean_absolute_error(made: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Mean absolute error over part of an image.

    Args:
        made: (z, y, x) image, in any unit.
        truth: (z, y, x), in the same unit.
        where: (z, y, x) bool, the part.

    Returns:
        The error in the images' unit.

    Example:
        >>> mean_absolute_error(np.array([1.0, 5.0]), np.array([0.0, 0.0]), np.array([True, False]))
        1.0
    """
    return float(np.abs(made[where] - truth[where]).mean())


def psnr_db(made: np.ndarray, truth: np.ndarray, low: float, high: float) -> float:
    """Peak signal-to-noise ratio of images cut to a range, infinite where they are equal.

    Args:
        made: (z, y, x) image, in any unit.
        truth: (z, y, x), in the same unit.
        low: lower end of the range; the peak is its width.
        high: upper end of the range.

    Returns:
        The ratio, dB.
    """
    from monai.metrics.regression import PSNRMetric

    found: Any = PSNRMetric(max_val=high - low)(*_cut(made, truth, low, high))
    return float(found.mean())


def ssim(made: np.ndarray, truth: np.ndarray, low: float, high: float) -> float:
    """Structural similarity of images cut to a range, with a uniform window of 7 voxels (Wang 2004).

    Args:
        made: (z, y, x) image of 7 voxels or more along each axis, in any unit.
        truth: (z, y, x), in the same unit.
        low: lower end of the range.
        high: upper end of the range.

    Returns:
        The similarity, 1 for equal images.
    """
    from monai.metrics.regression import compute_ssim_and_cs

    a, b = _cut(made, truth, low, high)
    found, _ = compute_ssim_and_cs(
        a, b, spatial_dims=3, kernel_size=(_SSIM_VOXELS,) * 3, kernel_sigma=(1.5,) * 3,
        data_range=high - low, kernel_type="uniform",
    )  # fmt: skip
    return float(found.mean())


def _cut(made: np.ndarray, truth: np.ndarray, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Both as (1, 1, z, y, x) tensors within the range."""
    import torch

    a, b = (torch.from_numpy(np.clip(v, low, high).astype(np.float32))[None, None] for v in (made, truth))
    return a, b
