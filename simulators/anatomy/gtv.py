"""The tumour as it is drawn."""

from __future__ import annotations

import numpy as np

from twin import StructureSet, Volume
from twin.structures import bounding_box


def gtv_volume(structures: StructureSet) -> Volume:
    """The union of all GTVs as a mask on its own bounding box.

    Args:
        structures: what is drawn on a scan.

    Raises:
        InputError: there is no GTV.
    """
    gtvs = structures.role("GTV")
    if len(gtvs) == 1:
        return gtvs[0].mask
    whole = structures.gtv()
    box = bounding_box(whole)
    return Volume(structures.geometry.crop(box), whole[box].astype(np.uint8), "MASK", "1")
