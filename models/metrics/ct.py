"""Scores and features of CTs that need no true image, by what good CTs are like (`benchmarks/ct_scores.py`)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.metrics.natural import Naturalness, Spoiling, block_features, features
from models.metrics.planes import scaled

if TYPE_CHECKING:
    from models.networks.perceptual import PerceptualEncoder

FITS = Path(__file__).parent / "data" / "ct.safetensors"
HU_RANGE = (-1024.0, 1024.0)
COMPONENTS = 12
_LEAST = 200  # voxels of a part in a slice


def unpaired_scores(hu: np.ndarray, where: np.ndarray) -> dict[str, float]:
    """NIQE and BRISQUE of a CT, less is better.

    Args:
        hu: (..., y, x) CT in HU.
        where: (..., y, x) bool, the part that counts, as the body.

    Returns:
        `niqe`, the distance from the law of good CTs' squares of 32 voxels; `brisque`, which part of its structural
        similarity a good CT would have lost to look so, foretold from the image alone, percent. nan where the part is
        too small.
    """
    law, spoiling = _fits()
    return {
        "niqe": law.distance(block_features(hu, where, *HU_RANGE)),
        "brisque": spoiling.score(features(hu, where, *HU_RANGE)),
    }


@cache
def _fits() -> tuple[Naturalness, Spoiling]:
    from safetensors.numpy import load_file

    of = {k: v.astype(np.float64) for k, v in load_file(FITS).items()}
    mean, spread, points, weights = (of[f"brisque.{n}"] for n in ("mean", "spread", "points", "weights"))
    spoiling = Spoiling(mean, spread, points, weights, float(of["brisque.middle"][0]))
    return Naturalness(of["niqe.mean"], of["niqe.spread"]), spoiling


def encoded(hu: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(12,) what the project's own encoder sees in a part of a CT: for distances of sets, comparable with nothing else.

    Args:
        hu: (z, y, x) CT in HU.
        where: (z, y, x) bool, the part.

    Returns:
        Features of three levels, averaged over the part and the slices, along the principal directions of the slices
        that it learned from, each of SD 1 there; nan where the part is too small.
    """
    from models.networks.perceptual import PerceptualEncoder, learned

    rows = pooled(PerceptualEncoder.of_cts(), hu, where)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        return np.full(COMPONENTS, np.nan)
    middle, directions = (np.asarray(learned()[f"pooled.{n}"], np.float64) for n in ("middle", "directions"))
    return (rows.mean(axis=0) - middle) @ directions


def pooled(model: PerceptualEncoder, hu: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(z, f) features of all levels, averaged over the part in each slice; nan where it is too small there.

    Args:
        model: the encoder.
        hu: (z, y, x) CT in HU.
        where: (z, y, x) bool, the part.
    """
    import torch
    import torch.nn.functional as F

    images = torch.from_numpy(scaled(hu, *HU_RANGE, 2.0) - 1.0)[:, None].float()
    part = torch.from_numpy(where.astype(np.float32))[:, None]
    found = []
    with torch.no_grad():
        for level in model.features(images):
            share = F.interpolate(part, size=level.shape[-2:], mode="area")
            found.append((level * share).sum((2, 3)) / share.sum((2, 3)).clamp_min(1e-6))
    rows = torch.cat(found, dim=1).double().numpy()
    return np.where((where.sum(axis=(1, 2)) >= _LEAST)[:, None], rows, np.nan)
