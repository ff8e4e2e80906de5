"""What delivered fractions add up to through the scans of later days."""

import numpy as np
import pytest

from simulators.dose import delivered_on_baseline
from twin import (
    DoseGrid,
    Field,
    Fraction,
    Geometry,
    InputError,
    Observation,
    PatientTwin,
    Registration,
    Scan,
    StructureSet,
    Volume,
)

GRID = Geometry((8, 10, 40), (4.0, 4.0, 4.0))
SHIFT_MM = 8.0


@pytest.fixture
def patient():
    """Water in a dose that rises along x, seen again on day 10, when all tissue lay further along x."""
    water = Volume(GRID, np.zeros(GRID.shape, np.int16), "CT", "HU")
    rising = np.broadcast_to(np.arange(40, dtype=np.float32), GRID.shape)
    dose = DoseGrid("20/10", Volume(GRID, rising, "DOSE", "Gy"), 20.0)
    mm = np.zeros((3, *GRID.shape))
    mm[2] = SHIFT_MM
    drawn = StructureSet(GRID, ()).with_mask("GTVp", "GTV", rising > 20)
    twin = PatientTwin("p", scans=(Scan("CT", 0.0, water),), structures=(drawn,))
    twin = twin.deliver([Fraction(float(d), 2.0, "20/10", 0.1) for d in range(10)], [dose])
    fits = Registration(1.5, 0.0, 0.0, False)
    later = Scan("CT day 10", 10.0, water, fits, deformation=Field(GRID, mm, "day"))
    return twin, twin.observe(Observation(10.0, "gtv_cm3", 9.0, later.name), later)


def test_fractions_go_to_the_anatomy_of_the_scan_that_is_next_in_time(patient):
    before, after = patient
    plain, through = (delivered_on_baseline(t).array[4, 5] for t in (before, after))
    np.testing.assert_allclose(plain[1:-1], np.arange(1, 39), atol=1e-4)
    # Six of ten fractions (days 0 to 5) lie nearer to day 0; in the others tissue got the dose two voxels further on.
    np.testing.assert_allclose(through[1:-3], plain[1:-3] + 0.4 * SHIFT_MM / 4.0, atol=1e-4)
    np.testing.assert_allclose(delivered_on_baseline(after.undone()).array[4, 5], plain)


def test_without_a_known_dose_nothing_is_added_up(patient):
    before, _ = patient
    with pytest.raises(InputError, match="no fraction with a known dose"):
        delivered_on_baseline(before.fork(fractions=(Fraction(0.0, 2.0),)))
