"""What a generator is told of a tumour."""

import numpy as np
import pytest

from simulators.tasks.crop import depth


def test_depth_sees_the_tumour_on_other_slices():
    mask = np.zeros((21, 9, 9))
    mask[10:] = 1
    deep = depth(mask) * 15
    assert deep[10, 4, 4] == pytest.approx(0.5) and deep[9, 4, 4] == pytest.approx(-0.5)
    assert deep[13, 4, 4] == pytest.approx(3.5) and deep[2, 0, 0] == pytest.approx(-7.5)
    assert (depth(np.zeros((3, 4, 4))) == -1).all()
