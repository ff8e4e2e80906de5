"""Fractions with set-up errors on tissue that events have moved, in a dose that rises by 1 Gy a mm to the left."""

import numpy as np
import pytest

from scenarios.engine.arm import Arm
from scenarios.engine.delivery import Delivery, Shrinking
from scenarios.engine.organ_dose import place_shifts, place_spread_mm
from simulators.anatomy.events import AnatomyEvents
from simulators.anatomy.tissue_motion import TissueMotion
from simulators.core.chance import Key, Purpose
from simulators.core.course import Course, Event
from simulators.dose.accumulation import SetUp
from twin import Belief, DoseGrid, Geometry, PatientTwin, Scan, StructureSet, Volume

GRID = Geometry((40, 48, 48), (3.0, 3.0, 3.0), (-72.0, -72.0, -60.0))
N, SEED = 30, 4


def course() -> Course:
    times = np.array([7 * (i // 5) + i % 5 + 0.375 for i in range(N)] + [45.4])
    kind = np.array([Event.FRACTION] * N + [Event.IMAGING], dtype=np.int8)
    grid = np.array([0] * N + [-1], dtype=np.int16)
    share = np.array([1 / N] * N + [0.0])
    return Course(times, kind, share * 60, grid, share, ("60/30",))


def arm(events: AnatomyEvents | None) -> Arm:
    x = GRID.lps(np.moveaxis(np.indices(GRID.shape), 0, -1))[..., 0]
    dose = DoseGrid("60/30", Volume(GRID, (x + 100).astype(np.float32), "DOSE", "Gy"), 60.0)
    return Arm([course()], {"60/30": dose}, np.ones(1), {"60/30": np.ones(1)}, events=events)


@pytest.fixture(scope="module")
def patient() -> PatientTwin:
    points = GRID.lps(np.moveaxis(np.indices(GRID.shape), 0, -1))
    gtv = np.linalg.norm(points, axis=-1) < 12.0
    lung = (np.linalg.norm(points / (1.0, 1.0, 0.9), axis=-1) < 50.0) & ~gtv
    hu = np.where(gtv, 40, np.where(lung, -800, 40)).astype(np.int16)
    drawn = StructureSet(GRID, ()).with_mask("Lung_R", "OAR", lung).with_mask("GTVp", "GTV", gtv)
    return PatientTwin("p", scans=(Scan("ct", 0.0, Volume(GRID, hu, "CT", "HU")),), structures=(drawn,))


def moved_from_day(day: float) -> AnatomyEvents:
    never = np.array([np.inf])
    days = {"shift": np.array([day]), "atelectasis": never, "effusion": never, "infiltrate": never}
    return AnatomyEvents(days, {"shift": np.array([[0.0, 0.0, 6.0]]), "atelectasis": np.zeros((1, 3))})


def errors(sample: int) -> np.ndarray:
    return SetUp().shifts(Key(SEED, "p", Purpose.DOSE, sample), N)


def test_an_organ_s_uncertain_place_moves_its_maximum_by_the_gradient_times_millimetres(patient):
    """1 Gy a mm: the hottest point of a serial organ moves by as many Gy as the organ by mm, whatever its dose is."""
    organ = np.array([[x, 0.0, 0.0] for x in (-30.0, 0.0, 20.0)])
    still = Delivery(patient, arm(None), SEED)
    for estimated, sd in ((False, 2.6), (True, 5.2)):
        assert place_spread_mm("Esophagus", estimated=estimated) == sd
        moved = place_shifts("Esophagus", "p", 8, SEED, sd)
        gain = still.at(organ, 8, place_mm=moved).max(axis=1) - still.at(organ, 8).max(axis=1)
        np.testing.assert_allclose(gain, moved[:, 0], atol=1e-3)


def test_places_are_normal_the_same_under_every_plan_and_lungs_that_were_found_are_not_doubled():
    many = place_shifts("Heart", "p", 20_000, 0, 10.0)
    np.testing.assert_allclose(many.mean(axis=0), 0.0, atol=0.3)
    np.testing.assert_allclose(many.std(axis=0), 10.0, rtol=0.03)
    np.testing.assert_array_equal(many[:4], place_shifts("Heart", "p", 4, 0, 10.0))
    for name in ("Lung_L", "Lungs-GTV", "Lungs"):
        assert place_spread_mm(name, estimated=True) == place_spread_mm(name, estimated=False)


def test_every_fraction_of_every_sample_has_its_set_up_error(patient):
    delivery = Delivery(patient, arm(None), SEED)
    points = np.array([[0.0, 0.0, 0.0], [10.0, -7.0, 5.0]])
    found = delivery.at(points, 5)
    np.testing.assert_allclose(delivery.planned_at(points), [100.0, 110.0], rtol=1e-6)
    expected = [100 + errors(s)[:, 0].mean() for s in range(5)]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(found[:, 1] - found[:, 0], 10.0, atol=1e-3)
    a_few = delivery.at(points, 2)
    np.testing.assert_array_equal(a_few, found[:2])  # no sample depends on how many there are


def test_eqd2_is_taken_for_each_fraction_before_it_is_summed(patient):
    still = Delivery(patient, arm(None), SEED, SetUp(0.0, 0.0))
    late = still.at(np.zeros((1, 3)), 1, alpha_beta_gy=3.0)
    one = 100 / N
    assert late[0, 0] == pytest.approx(N * one * (one + 3) / 5, rel=1e-5)


def test_the_tumour_is_where_the_event_left_it_and_organs_stay(patient):
    delivery = Delivery(patient, arm(moved_from_day(14.0)), SEED, SetUp(0.0, 0.0))
    point = np.zeros((1, 3))
    assert delivery.at(point, 1)[0, 0] == pytest.approx(100, rel=1e-5)
    assert delivery.at(point, 1, tumour=True)[0, 0] == pytest.approx(100 + 6 * 20 / 30, rel=1e-5)


def test_the_dose_of_an_image_is_what_the_tissue_has_received(patient):
    delivery = Delivery(patient, arm(moved_from_day(14.0)), SEED)
    gtv = patient.contours.gtv()
    shift = errors(0)[:, 0] + np.where(np.arange(N) >= 10, 6.0, 0.0)
    planned = arm(None).doses["60/30"].volume.array
    for ordinal, n in ((5, 5), (20, 20), (N, N), (10, 10)):
        physical, eqd2, fractions = delivery.before(0, ordinal)
        assert fractions == n
        expected = planned[gtv] * n / N + shift[:n].sum() / N
        np.testing.assert_allclose(physical.array[gtv], expected, rtol=2e-4)
        each = (planned[gtv][:, None] + shift[:n]) / N
        np.testing.assert_allclose(eqd2.array[gtv], (each * (each + 3) / 5).sum(axis=1), rtol=5e-4)
    far = (slice(8, 10), slice(8, 12), slice(8, 12))  # beyond the reach of the tumour's motion
    physical = delivery.before(0, N)[0]
    np.testing.assert_allclose(physical.array[far], planned[far] + errors(0)[:, 0].mean(), rtol=1e-4)


def test_without_a_policy_an_image_carries_the_planned_dose(patient):
    physical, _, fractions = Delivery(patient, arm(None), SEED).before(0, 10)
    np.testing.assert_allclose(physical.array, arm(None).doses["60/30"].volume.array / 3, rtol=1e-5)
    assert fractions == 10


def test_tissue_follows_the_shrinking_tumour_fraction_by_fraction(patient):
    motion = TissueMotion.of(patient)
    belief = Belief({"erosion_fraction": np.array([0.0, 0.0, 1.0])})
    left = np.linspace(1.0, 0.4, 60)  # of the volume, day by day
    gtv_cm3 = motion.gtv_cm3 * np.stack([np.ones(60), left, left])
    still = SetUp(0.0, 0.0)
    delivery = Delivery(patient, arm(None), SEED, still, shrinking=Shrinking.of(motion, belief, gtv_cm3))
    beside = np.array([[-15.0, 0.0, 0.0], [15.0, 0.0, 0.0], [-60.0, 0.0, 0.0]])
    planned = Delivery(patient, arm(None), SEED, still).at(beside, 3)
    found = delivery.at(beside, 3)
    np.testing.assert_allclose(found[[0, 2]], planned[[0, 2]], rtol=1e-6)  # no loss; all of it re-aerates
    stages = motion.stage(np.interp(course().time_days[:N], np.arange(60), gtv_cm3[1]), np.array(0.0))
    paths = motion.paths(beside, stages.max())
    x = [np.interp(stages, np.arange(len(paths)), paths[:, i, 0]).mean() for i in range(3)]
    np.testing.assert_allclose(found[1], np.array(x) + 100, rtol=1e-5)
    assert x[0] > -15.0 + 0.3 and x[1] < 15.0 - 0.3 and x[2] == pytest.approx(-60.0)
