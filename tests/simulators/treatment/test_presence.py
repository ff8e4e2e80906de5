"""Where the tumours of many samples lie."""

import numpy as np
import pytest

from simulators.core.chance import Key, Purpose
from simulators.treatment.presence import Presence


def test_tumours_that_events_have_displaced_are_present_where_they_lie(phantom_twin):
    gtv_cm3 = phantom_twin.gtv_cm3
    presence = Presence.of(phantom_twin, gtv_cm3, furthest_mm=12.0)
    keys = [Key(0, "p", Purpose.IMAGE, s) for s in range(2)]
    away = np.array([12.0, -6.0, 9.0])
    volumes, erosion = np.full(2, 0.8 * gtv_cm3), np.full(2, 0.5)
    there, moved, half = (
        presence.share(volumes, erosion, keys, np.array(mm))
        for mm in ([[0, 0, 0]] * 2, [away] * 2, [[0, 0, 0], away])
    )
    assert moved.array.sum() == pytest.approx(there.array.sum(), rel=0.02)
    spacing = there.geometry.spacing_mm
    middle = [np.argwhere(v.array > 0.5).mean(axis=0) * spacing for v in (there, moved)]
    assert middle[1] - middle[0] == pytest.approx(away, abs=0.7)
    both = (there.array + moved.array) / 2
    assert np.abs(half.array - both).mean() < 0.02  # of two samples, each lies at a place of its own
