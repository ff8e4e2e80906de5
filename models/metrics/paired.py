"""All scores of an image against its own true image, in one call."""

from __future__ import annotations

import numpy as np

from models.metrics.fidelity import feature_similarity, gradient_deviation, information_fidelity
from models.metrics.noise import noise_distance
from models.metrics.structure import multiscale_similarity, structural_similarity, universal_quality

# Of these less is better, of all others more.
LESS_IS_BETTER = frozenset({"mae", "rmse", "gmsd", "noise_spectrum_db"})
_BY_WINDOW = {
    "ssim": structural_similarity, "ms_ssim": multiscale_similarity, "vif": information_fidelity,
    "uqi": universal_quality, "gmsd": gradient_deviation, "fsim": feature_similarity,
    "noise_spectrum_db": noise_distance,
}  # fmt: skip


def paired_scores(
    made: np.ndarray, truth: np.ndarray, where: np.ndarray, low: float, high: float
) -> dict[str, float]:
    """Scores of an image against what is true, in part of it.

    Args:
        made: (..., y, x) image, slices of 41 voxels or more a side, in any unit.
        truth: the same of what is true.
        where: (..., y, x) bool, the part that counts, as the body.
        low, high: the range to which both are cut.

    Returns:
        `mae` and `rmse` in the images' unit, `psnr_db` (infinite for equal images), `ssim`, `ms_ssim`, `vif`, `uqi`,
        `gmsd`, `fsim`, `noise_spectrum_db`; nan where the part is empty, or too small for a score's window.

    Example:
        >>> image = np.zeros((48, 48))
        >>> round(paired_scores(image + 20, image, image == 0, -1000, 1000)["psnr_db"], 2)
        40.0
    """
    apart = (np.clip(made, low, high) - np.clip(truth, low, high)).astype(np.float64)[where]
    found = dict.fromkeys(("mae", "rmse", "psnr_db"), float("nan"))
    if apart.size:
        rmse = float(np.sqrt((apart**2).mean()))
        psnr = 20 * np.log10((high - low) / rmse) if rmse > 0 else np.inf
        found = {"mae": float(np.abs(apart).mean()), "rmse": rmse, "psnr_db": float(psnr)}
    return found | {name: score(made, truth, where, low, high) for name, score in _BY_WINDOW.items()}
