"""Where in the lungs a tumour lies."""

import numpy as np

from simulators.anatomy.tumour_place import mid_or_inferior
from twin import Geometry, StructureSet

GRID = Geometry((30, 20, 20), (10.0, 10.0, 10.0))


def structures(first: int, *, lungs: bool = True) -> StructureSet:
    gtv, left, right = (np.zeros(GRID.shape, dtype=bool) for _ in range(3))
    gtv[first : first + 2, 5:7, 5:7] = True
    left[:, :, 12:] = True
    right[:, :, :8] = True
    made = StructureSet(GRID, ()).with_mask("GTVp", "GTV", gtv)
    if not lungs:
        return made
    return made.with_mask("Lung_L", "OAR", left).with_mask("Lung_R", "OAR", right)


def test_the_upper_third_is_the_one_near_the_head():
    assert mid_or_inferior(structures(25)) is False
    assert mid_or_inferior(structures(14)) is True
    assert mid_or_inferior(structures(2)) is True


def test_without_both_lungs_it_is_unknown():
    assert mid_or_inferior(structures(25, lungs=False)) is None
