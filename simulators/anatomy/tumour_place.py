"""Where in the lungs a tumour lies."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from twin import InputError, StructureSet


@lru_cache(maxsize=2)  # all plans of a patient ask for it
def mid_or_inferior(structures: StructureSet) -> bool | None:
    """Whether the GTV's centre lies below the upper third of the lungs' height, or None without both lungs.

    A stand-in for lobes, which are seldom drawn [assumed: thirds of the height from apex to base].

    Args:
        structures: with the GTV and both lungs.
    """
    try:
        lungs = structures.mask("Lung_L", "Lung_R")
        gtv = structures.gtv()
    except InputError:
        return None
    # LPS: z grows towards the head.
    height = [structures.geometry.lps(np.argwhere(mask))[:, 2] for mask in (lungs, gtv)]
    base, apex = float(height[0].min()), float(height[0].max())
    return bool(height[1].mean() < apex - (apex - base) / 3)
