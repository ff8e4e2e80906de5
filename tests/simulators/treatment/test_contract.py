"""What every virtual treatment owes, whoever draws the pixels. A new generator is added to `GENERATORS`."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from simulators import generator_named
from simulators.core.chance import Key, Purpose
from simulators.core.treatment import TreatmentRequest, TumourView
from twin import ClinicalRecord, Geometry, Scan, StructureSet, Volume

GRID = Geometry((36, 100, 100), (3.0, 1.2, 1.2), (-60.0, -50.0, -40.0))


def copying():
    from models import FAMILIES, FamilyConfig
    from simulators.learned.treatment import LearnedTreatment
    from simulators.tasks.follow_up import TASK

    undrafted = tuple(c.name for c in TASK.task.source if c.group == "draft")
    config = FamilyConfig(task=TASK.task, slices=1, widths=(4,), embedding=4, hidden=undrafted)
    return LearnedTreatment("copy", FAMILIES["copy"](config))


GENERATORS = {"mechanistic": lambda: generator_named("mechanistic"), "auto": lambda: generator_named("auto")}
if importlib.util.find_spec("torch"):
    GENERATORS["copying network"] = copying


@pytest.fixture(
    params=[pytest.param(n, marks=pytest.mark.long if n == "auto" else ()) for n in GENERATORS],
    scope="module",
)
def treatment(request):
    return GENERATORS[request.param]()


@pytest.fixture(scope="module")
def patient():
    """Scan and structures: a ball of tumour in noisy lung, beside a wall."""
    rng = np.random.default_rng(0)
    z, y, x = np.indices(GRID.shape)
    gtv = (3.0 * z - 54) ** 2 + (1.2 * y - 60) ** 2 + (1.2 * x - 70) ** 2 <= 14**2
    wall = x > 78
    hu = np.where(gtv, 40, np.where(wall, 50, -800)) + 25 * rng.standard_normal(GRID.shape)
    structures = StructureSet(GRID, ()).with_mask("GTVp", "GTV", gtv)
    structures = structures.with_mask("Lung_L", "OAR", ~gtv & ~wall)
    return Scan("ct", 0.0, Volume(GRID, np.rint(hu).astype(np.int16), "CT", "HU")), structures


def asked(patient, share=0.6, *, day=60.0, sample=0, tumour=True):
    scan, structures = patient
    gtv_cm3 = float(structures.gtv().sum()) * GRID.voxel_cm3
    dose = Volume(GRID.resampled(4.0), np.full(GRID.resampled(4.0).shape, 60, np.float32), "DOSE", "Gy")
    return TreatmentRequest(
        scan=scan,
        structures=structures,
        dose_since=dose,
        eqd2_since=dose,
        fractions_since=30,
        elapsed_days=day,
        since_rt_end_days=day - 40.0,
        clinical=ClinicalRecord(),
        tumour=TumourView(share * gtv_cm3, gtv_cm3, 0.5) if tumour else None,
        key=Key(0, "patient", Purpose.IMAGE, sample),
    )


def test_an_ordinary_patient_lies_inside_the_domain(treatment, patient):
    assert treatment.domain(asked(patient)) is None
    assert treatment.domain(asked(patient, tumour=False)) is None


@pytest.fixture(scope="module")
def requests(patient):
    """Two tumours, of which the second nearly vanished."""
    return [asked(patient, s, sample=i) for i, s in enumerate((0.8, 0.2))]


@pytest.fixture(scope="module")
def followups(treatment, requests):
    return treatment.generate(requests)


@pytest.fixture(scope="module")
def late(treatment, patient):
    """A follow-up with injured lung."""
    return treatment.generate([asked(patient, 0.5, day=200.0)])[0]


def test_one_follow_up_for_each_request_in_order(treatment, requests, followups):
    assert [f.request for f in followups] == requests
    assert treatment.generate([]) == []


def test_a_follow_up_is_a_whole_voxel_crop_of_its_scan(followups, late):
    for followup in (*followups, late):
        part = GRID.crop(GRID.box_of(followup.scan.geometry))
        for volume in (followup.scan, followup.gtv, followup.injury):
            assert volume.geometry.same_grid(part)
        assert followup.scan.modality == "CT" and followup.scan.unit == "HU"
        assert followup.scan.array.dtype == np.int16
        assert followup.displacement_mm.shape == (3, *part.shape)
        assert followup.displacement_mm.dtype == np.float32


def test_masks_are_0_and_1_and_apart(late):
    gtv, injury = late.gtv.array, late.injury.array
    assert gtv.dtype == injury.dtype == np.uint8
    assert set(np.unique(gtv)) <= {0, 1} and set(np.unique(injury)) <= {0, 1}
    assert not (gtv & injury).any()


def test_the_stated_volume_is_the_masks(followups):
    for followup in followups:
        mask_cm3 = float(followup.gtv.array.sum()) * GRID.voxel_cm3
        assert abs(followup.gtv_cm3 - mask_cm3) <= max(0.03 * mask_cm3, 0.1)


def test_values_are_those_of_a_ct(late):
    scan = late.scan.array
    assert scan.min() >= -1024 and scan.max() <= 3071


def test_the_displacement_is_finite_and_folds_nowhere(followups):
    from simulators.anatomy.deformation import jacobian

    shrunk = followups[1].displacement_mm
    assert np.isfinite(shrunk).all()
    assert jacobian(shrunk, GRID.spacing_mm).min() > 0


def test_a_follow_up_depends_on_its_own_request_only(treatment, patient, requests, followups):
    scan, structures = patient
    before, gtv = scan.volume.array.copy(), structures.gtv()
    for request, company in zip(requests, followups, strict=True):
        alone = treatment.generate([request])[0]
        np.testing.assert_array_equal(alone.scan.array, company.scan.array)
        np.testing.assert_array_equal(alone.gtv.array, company.gtv.array)
    np.testing.assert_array_equal(scan.volume.array, before)
    np.testing.assert_array_equal(structures.gtv(), gtv)


def test_it_works_without_biology_and_without_dose(treatment, patient):
    bare = replace(asked(patient, tumour=False), dose_since=None, eqd2_since=None, fractions_since=0)
    assert treatment.generate([bare])[0].gtv_cm3 > 0


def test_every_image_says_what_made_it(treatment, late):
    assert len(late.generator.split()) == 2 and treatment.name, "a name and a version"
