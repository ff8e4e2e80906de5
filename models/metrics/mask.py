"""Scores of masks against a true mask; the distance by MONAI."""

from __future__ import annotations

import warnings

import numpy as np

from twin.geometry import Triple
from twin.structures import bounding_box


def mask_scores(made: np.ndarray, truth: np.ndarray, spacing_mm: Triple) -> dict[str, float]:
    """Dice coefficient and 95 % Hausdorff distance of a mask.

    Args:
        made: (z, y, x) bool.
        truth: (z, y, x) bool.
        spacing_mm: (z, y, x), mm.

    Returns:
        `dice` and `hd95_mm`. Where one is empty there is no distance, and the Dice coefficient is 1 if both are.
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
