"""Scores of masks whose right value is known."""

import numpy as np
import pytest

pytest.importorskip("monai", reason="monai is in the [learned] extra")

from models.metrics.mask import mask_scores

SPACING_MM = (2.0, 2.0, 2.0)


def test_two_boxes_overlap_and_lie_apart_as_counted_by_hand():
    a, b = np.zeros((2, 20, 20, 20), dtype=bool)
    a[5:10, 5:10, 5:10], b[5:10, 5:10, 7:12] = True, True
    found = mask_scores(a, b, SPACING_MM)
    assert found["dice"] == pytest.approx(0.6) and found["hd95_mm"] == pytest.approx(4.0)


def test_an_empty_mask_has_no_distance():
    a = np.zeros((20, 20, 20), dtype=bool)
    a[5:10, 5:10, 5:10] = True
    assert mask_scores(a, np.zeros_like(a), SPACING_MM) == {"dice": 0.0}
    assert mask_scores(np.zeros_like(a), np.zeros_like(a), SPACING_MM) == {"dice": 1.0}
