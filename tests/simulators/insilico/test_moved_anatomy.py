"""Follow-ups after a baseline shift, a collapse and an effusion."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from simulators.anatomy.deformation import jacobian
from simulators.anatomy.events import AnatomyEvents
from simulators.core.chance import Key, Purpose
from simulators.core.treatment import TreatmentRequest, TumourView
from simulators.insilico.moved_anatomy import ChangedAnatomy
from simulators.treatment.copy import CopiedTreatment
from twin import ClinicalRecord, Geometry, Scan, StructureSet, Volume

GRID = Geometry((50, 60, 80), (3.0, 2.0, 2.0), (-80.0, -60.0, -75.0))
SHIFTS = {"shift": (0.0, 4.0, -6.0), "atelectasis": (8.3, -3.4, 0.6)}


@pytest.fixture(scope="module")
def anatomy() -> ChangedAnatomy:
    """A lung of -800 HU in soft tissue of 40 HU, and a tumour of radius 12 mm in it."""
    z, y, x = np.moveaxis(GRID.lps(np.moveaxis(np.indices(GRID.shape), 0, -1)), -1, 0)[::-1]
    lung = ((z / 68) ** 2 + (y / 50) ** 2 + ((x + 5) / 62) ** 2) < 1
    gtv = (z**2 + y**2 + (x - 5) ** 2) < 12.0**2
    hu = np.where(gtv, 40, np.where(lung, -800, 40)).astype(np.int16)
    drawn = StructureSet(GRID, ()).with_mask("Lung_R", "OAR", lung & ~gtv).with_mask("GTVp", "GTV", gtv)
    scan = Scan("ct", 0.0, Volume(GRID, hu, "CT", "HU"))
    return ChangedAnatomy(scan, drawn, Key(1, "p", Purpose.ANATOMY))


@pytest.fixture(scope="module")
def followup(anatomy):
    request = TreatmentRequest(
        scan=anatomy.scan,
        structures=anatomy.structures,
        dose_since=None,
        eqd2_since=None,
        fractions_since=5,
        elapsed_days=7.0,
        since_rt_end_days=-30.0,
        clinical=ClinicalRecord(),
        tumour=TumourView(7.0, 7.2, 0.5),
        key=Key(1, "p", Purpose.IMAGE),
    )
    return CopiedTreatment().generate([request])[0]


def events(**days) -> AnatomyEvents:
    kinds = ("shift", "atelectasis", "effusion", "infiltrate")
    day = {kind: np.array([days.get(kind, np.inf)]) for kind in kinds}
    return AnatomyEvents(day, {kind: np.array([mm]) for kind, mm in SHIFTS.items()})


def whole(anatomy, followup) -> tuple[np.ndarray, np.ndarray]:
    """HU and mask on the whole grid."""
    box = GRID.box_of(followup.scan.geometry)
    hu, gtv = anatomy.scan.volume.array.copy(), np.zeros(GRID.shape, bool)
    hu[box], gtv[box] = followup.scan.array, followup.gtv.array > 0
    return hu, gtv


def test_before_the_events_and_without_any_nothing_changes(anatomy, followup):
    assert anatomy.after(followup, events(), 0, 30.0) is followup
    assert anatomy.after(followup, events(shift=10.0), 0, 9.9) is followup


def test_a_baseline_shift_moves_the_tumour_as_a_whole_and_the_displacement_says_so(anatomy, followup):
    after = anatomy.after(followup, events(shift=5.0), 0, 7.0)
    (_, before), (hu, gtv) = whole(anatomy, followup), whole(anatomy, after)
    centre = [GRID.lps(np.argwhere(mask)).mean(axis=0) for mask in (before, gtv)]
    np.testing.assert_allclose(centre[1] - centre[0], [-6.0, 4.0, 0.0], atol=0.15)  # x, y and z
    assert gtv.sum() == pytest.approx(before.sum(), rel=0.02)
    assert hu[gtv].mean() > 20 and hu[before & ~gtv].mean() < -300  # soft inside, lung where it was
    part = after.scan.geometry
    inside = (slice(None), *np.argwhere(after.gtv.array).T)
    np.testing.assert_allclose(after.displacement_mm[inside].mean(axis=1), [0.0, -4.0, 6.0], atol=0.1)
    assert jacobian(after.displacement_mm, part.spacing_mm).min() > 0
    source = np.indices(part.shape) + after.displacement_mm / np.reshape(part.spacing_mm, (3, 1, 1, 1))
    came = map_coordinates(anatomy.scan.volume.crop(GRID.box_of(part)).array.astype(float), source, order=1)
    assert np.abs(came - after.scan.array)[after.gtv.array > 0].mean() < 40
    far = np.ones(GRID.shape, bool)
    far[GRID.box_of(part)] = False
    np.testing.assert_array_equal(hu[far], anatomy.scan.volume.array[far])


def test_where_tissue_has_gone_is_the_inverse_of_where_it_came_from(anatomy):
    moved = np.array(SHIFTS["shift"])
    forward = anatomy.forward_mm(moved, GRID)
    gtv = anatomy.structures.gtv()
    np.testing.assert_allclose(forward[:, gtv].T, np.broadcast_to(moved, (gtv.sum(), 3)), atol=0.05)
    assert np.abs(forward[:, 0]).max() == 0 and anatomy.forward_mm(np.zeros(3), GRID) is None


def test_a_collapsed_lobe_is_dense_beside_the_tumour_and_is_not_tumour(anatomy, followup):
    only = events(atelectasis=3.0)
    still = replace(only, shift_mm={"shift": only.shift_mm["shift"], "atelectasis": np.zeros((1, 3))})
    after = anatomy.after(followup, still, 0, 7.0)
    (old, before), (hu, gtv) = whole(anatomy, followup), whole(anatomy, after)
    np.testing.assert_array_equal(gtv, before)
    denser = (hu > -200) & (old < -700)
    assert 10.0 < denser.sum() * GRID.voxel_cm3 < 250.0
    np.testing.assert_allclose(hu[anatomy.scan.volume.array == 40], 40, atol=10)  # walls and tumour stay
    assert not after.displacement_mm.any()


def test_an_effusion_gathers_at_the_back_over_two_weeks(anatomy, followup):
    later = [whole(anatomy, anatomy.after(followup, events(effusion=3.0), 0, day))[0] for day in (6.0, 30.0)]
    wet = [(hu > -200) & (anatomy.scan.volume.array < -700) for hu in later]
    assert 0 < wet[1].sum() > wet[0].sum()
    assert GRID.lps(np.argwhere(wet[1])).mean(axis=0)[1] > 10  # posterior


def test_collapse_and_shift_come_together_in_any_generators_image(anatomy, followup):
    after = anatomy.after(followup, events(atelectasis=3.0), 0, 7.0)
    (_, before), (hu, gtv) = whole(anatomy, followup), whole(anatomy, after)
    centre = [GRID.lps(np.argwhere(mask)).mean(axis=0) for mask in (before, gtv)]
    np.testing.assert_allclose(centre[1] - centre[0], [0.6, -3.4, 8.3], atol=0.3)
    assert after.generator == followup.generator and after.request is followup.request
    assert ((hu > -200) & (anatomy.scan.volume.array < -700) & ~gtv).sum() * GRID.voxel_cm3 > 10
