"""Which dose a plan takes: a planning system's, by prescription and target, or an approximate one."""

import numpy as np
import pytest

from scenarios.engine.planned_dose import planned_doses, planning_system_dose
from scenarios.plans.plan import TreatmentPlan
from twin import DoseGrid, PatientTwin, Volume

PLANS = [TreatmentPlan.parse(p) for p in ("60/30", "55/20")]


@pytest.fixture
def patient(thorax):
    """A patient with planning-system doses of some names, of uniform dose but for a cold corner."""

    def made(*names, share=1.0):
        scan, contours = thorax()
        doses = {}
        for name in names:
            gy = float(name.partition("/")[0])
            array = np.full(contours.geometry.shape, share * gy, np.float32)
            array[:5] = 1.0
            doses[name] = DoseGrid(name, Volume(contours.geometry, array, "DOSE", "Gy"), gy)
        return PatientTwin("boxes", scans=(scan,), structures=(contours,), doses=doses)

    return made


def test_a_planning_systems_dose_serves_every_plan_of_its_technique(patient):
    twin = patient("60/30")
    doses = planned_doses(twin, PLANS)
    assert doses["60/30"] is twin.doses["60/30"]
    assert not doses["55/20"].approximate
    assert doses["55/20"].prescription_gy == 55
    np.testing.assert_allclose(doses["55/20"].volume.array, doses["60/30"].volume.array * 55 / 60, rtol=1e-6)


@pytest.mark.parametrize(
    ("names", "share", "stereotactic", "serves"),
    [
        (("60/30",), 1.0, False, True),
        (("60/30",), 1.0, True, False),  # another technique
        (("60/30",), 0.5, False, False),  # another target
        (("60/30", "66/33"), 1.0, False, False),  # which of them
        (("60/30", "54/3"), 1.0, True, True),
    ],
)
def test_which_dose_serves(patient, names, share, stereotactic, serves):
    assert (planning_system_dose(patient(*names, share=share), stereotactic) is not None) == serves
