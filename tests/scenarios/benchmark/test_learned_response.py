"""What the shipped generator learned of the truth beyond its draft, on a patient it has never seen."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from scenarios.datasets.baseline import in_silico
from scenarios.datasets.patient import Patient
from scenarios.engine.course_dose import accumulated
from simulators.core.chance import Key, Purpose
from simulators.core.treatment import TreatmentRequest, TumourView
from simulators.names.generators import generator_named

SEED, DAY = 900_085, 80.0  # held out; lung behind its tumour is collapsed on day 0


@pytest.mark.slow
def test_lung_that_a_tumour_had_closed_opens_when_it_has_shrunk_and_stays_closed_when_it_grows():
    patient = Patient(f"{SEED:06d}", in_silico(SEED, f"{SEED:06d}"), SEED)
    scan, drawn = patient.acquired
    gtv_cm3 = float(drawn.gtv().sum()) * drawn.geometry.voxel_cm3
    away = distance_transform_edt(~drawn.gtv(), sampling=drawn.geometry.spacing_mm)
    closed = (patient.response.lung.collapsed > 0.9) & (away > 8.0) & (away < 25.0)
    before = scan.volume.array[closed].mean()
    assert closed.sum() > 500 and before > -150.0, "or the patient says nothing"

    def after(plan, relative):
        arm = patient.arm(plan)
        dose, eqd2, given = accumulated(
            arm.course, arm.doses, int(np.searchsorted(arm.course.time_days, DAY))
        )
        request = TreatmentRequest(
            scan, drawn, dose, eqd2, given, DAY, DAY - arm.course.end_days, patient.baseline.whole.clinical,
            TumourView(relative * gtv_cm3, gtv_cm3, 0.5), Key(0, patient.name, Purpose.IMAGE),
        )  # fmt: skip
        followup = generator_named("bridge").generate([request])[0]
        hu = scan.volume.array.copy()
        hu[scan.volume.geometry.box_of(followup.scan.geometry)] = followup.scan.array
        return hu[closed].mean()

    untreated = next(p for p in patient.plans if p.slug == "none")
    assert after(patient.plans[0], 0.25) < -500.0
    assert after(untreated, 1.3) > before - 150.0
