"""What a CT's voxels are made of, as far as X-rays see it: soft tissue that counts as water, and cortical bone."""

from __future__ import annotations

import numpy as np

SOFT_TO_HU = 100.0  # above it, bone begins
BONE_HU = 1558.0  # cortical bone of 1.92 g/cm3 at 70 keV
BONE_G_CM3 = 1.92


def soft_and_bone(hu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Densities of soft tissue and bone, g/cm3.

    Tissue up to 100 HU is water of another density; above, bone takes a share that is linear in HU.

    Args:
        hu: of a CT.

    Returns:
        Two float32 arrays of its shape.

    Example:
        >>> [round(float(x), 2) for x in soft_and_bone(np.array(1558.0))]
        [0.0, 1.92]
    """
    hu = np.asarray(hu, dtype=np.float32)
    soft, bone = np.empty_like(hu), np.empty_like(hu)
    given, made = np.atleast_1d(hu), (np.atleast_1d(soft), np.atleast_1d(bone))
    for k in range(len(given)):  # slice by slice, what is worked on stays in the processor's cache
        part = slice(k, k + 1)
        made[0][part], made[1][part] = _densities(given[part])
    return soft, bone


def _densities(hu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    share = np.clip((hu - SOFT_TO_HU) / (BONE_HU - SOFT_TO_HU), 0.0, 1.0)
    soft = np.clip(1 + hu / 1000, 0.0, 1 + SOFT_TO_HU / 1000) * (1 - share)
    dense = np.maximum(hu - BONE_HU, 0.0) / (1000 + BONE_HU)
    return soft, BONE_G_CM3 * share * (1 + dense)
