import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from twin import Geometry, Volume
from twin.dicom.left_out import LeftOut
from twin.dicom.reader import read_series
from twin.dicom.treatment.rtdose import read_doses
from twin.dicom.treatment.rtplan import FractionGroup, Plan
from twin.dicom.treatment.summation import plan_doses, sum_on_one_grid
from twin.importer import import_patient

SHAPE = (8, 24, 32)
UID = "1.2.826.0.1.99.5"


def _dose(seed=0):
    return np.round(np.random.default_rng(seed).uniform(0, 60, SHAPE), 3)


def _flat(gy):
    return np.full(SHAPE, float(gy))


def _plan(uid=UID, gy=60.0, fractions=30, beams=2, doses=frozenset()):
    group = FractionGroup(1, fractions, gy / fractions, {n: 1.0 for n in range(1, beams + 1)})
    return Plan(uid, gy, True, (group,), beams, doses=doses)


def _refer(file, *uids, group=None, beam=None):
    plans = []
    for uid in uids:
        plan = Dataset()
        plan.ReferencedSOPInstanceUID = uid
        if group is not None:
            of_group = Dataset()
            of_group.ReferencedFractionGroupNumber = group
            if beam is not None:
                of_beam = Dataset()
                of_beam.ReferencedBeamNumber = beam
                of_group.ReferencedBeamSequence = [of_beam]
            plan.ReferencedFractionGroupSequence = [of_group]
        plans.append(plan)
    file.ReferencedRTPlanSequence = plans
    return file


@pytest.fixture
def summed(tmp_path, add):
    """The doses of plans, by the UIDs that they are of, and what was left out."""

    def through_disk(*files, plans=()):
        folder = tmp_path / f"rt{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        add(folder, *files)
        left_out = LeftOut()
        doses = read_doses([f for s in read_series(folder) for f in s.files], left_out)
        found = plan_doses(doses, {p.uid: p for p in plans}, left_out)
        return {(d.plans, "sum") if d.total else d.plans: d.volume for d in found}, left_out.notes

    return through_disk


def test_beams_are_summed(summed, make):
    beams = [make.dose_file(_dose(n) / 2, number=n, DoseSummationType="BEAM") for n in (1, 2)]
    found, _ = summed(*beams, plans=[_plan()])
    np.testing.assert_allclose(found[frozenset({UID})].array, (_dose(1) + _dose(2)) / 2, atol=2e-3)


def test_a_plan_sum_stands_for_its_beams(summed, make):
    files = [make.dose_file(_dose(1), DoseSummationType="BEAM"), make.dose_file(_dose(2), number=2)]
    found, _ = summed(*files, plans=[_plan()])
    np.testing.assert_allclose(found[frozenset({UID})].array, _dose(2), atol=2e-3)


def test_a_beam_that_is_missing_leaves_no_dose(summed, make):
    found, notes = summed(make.dose_file(_dose(), DoseSummationType="BEAM"), plans=[_plan(beams=2)])
    assert not found and "1 of the plan's beams are missing" in notes[0]


def test_a_beam_calculated_again_counts_once(summed, make):
    files = [
        _refer(
            make.dose_file(_flat(gy), number=n, DoseSummationType="BEAM", ContentDate=day),
            UID,
            group=1,
            beam=b,
        )
        for n, (gy, b, day) in enumerate([(10, 1, "20240301"), (20, 2, "20240301"), (12, 1, "20240302")])
    ]
    found, notes = summed(*files, plans=[_plan()])
    assert found[frozenset({UID})].array.max() == pytest.approx(32, abs=0.01)
    assert "newer" in " ".join(notes)


def test_doses_of_fraction_groups_add_up_and_of_one_session_are_multiplied(summed, make):
    groups = tuple(FractionGroup(n, f, 2.0, {1: 1.0}) for n, f in ((1, 25), (2, 8)))
    plan = Plan(UID, 66.0, True, groups, 1)
    whole = [
        _refer(make.dose_file(_flat(gy), number=n, DoseSummationType="FRACTION"), UID, group=n)
        for n, gy in ((1, 50), (2, 16))
    ]
    one = [
        _refer(make.dose_file(_flat(2), number=n, DoseSummationType="FRACTION_SESSION"), UID, group=n)
        for n in (1, 2)
    ]
    for files in (whole, one):
        found, _ = summed(*files, plans=[plan])
        assert found[frozenset({UID})].array.max() == pytest.approx(66, abs=0.01)
    found, notes = summed(whole[0], plans=[plan])
    assert not found and "1 of the plan's fraction groups are missing" in notes[0]


@pytest.mark.parametrize("summation", ["MULTI_PLAN", "PLAN"])
def test_a_sum_of_plans_is_the_dose_of_none_of_them(summed, make, summation):
    total = _refer(make.dose_file(_flat(60), number=9, DoseSummationType=summation), "1.1", "1.2")
    first = _refer(make.dose_file(_flat(40), number=1), "1.1")
    found, _ = summed(total, first, plans=[_plan("1.1"), _plan("1.2")])
    assert {k: v.array.max().round() for k, v in found.items()} == {
        frozenset({"1.1"}): 40.0,
        (frozenset({"1.1", "1.2"}), "sum"): 60.0,
    }


def test_a_sum_that_names_one_of_its_plans_is_not_that_plans_dose(summed, make):
    total = _refer(make.dose_file(_flat(60), number=9, DoseSummationType="MULTI_PLAN"), "1.1")
    first = _refer(make.dose_file(_flat(40), number=1), "1.1")
    for files in ([total, first], [first, total]):
        found, _ = summed(*files, plans=[_plan("1.1")])
        assert found[frozenset({"1.1"})].array.max().round() == 40.0
        assert found[frozenset({"1.1"}), "sum"].array.max().round() == 60.0


def test_a_dose_that_names_no_plan_belongs_to_the_plan_that_names_it(summed, make):
    file = make.dose_file(_flat(40))
    del file.ReferencedRTPlanSequence
    plans = [_plan("1.1", doses=frozenset({file.SOPInstanceUID})), _plan("1.2")]
    found, _ = summed(file, plans=plans)
    assert set(found) == {frozenset({"1.1"})}
    found, _ = summed(file, plans=[_plan("1.3")])
    assert set(found) == {frozenset({"1.3"})}
    found, _ = summed(file, plans=[_plan("1.3"), _plan("1.4")])
    assert set(found) == {frozenset()}


def test_of_two_doses_of_a_plan_the_newer_is_used_and_that_is_said(summed, make):
    files = [
        make.dose_file(_flat(40), number=2, ContentDate="20240301"),
        make.dose_file(_flat(50), ContentDate="20240302"),
    ]
    found, notes = summed(*files, plans=[_plan()])
    assert found[frozenset({UID})].array.max().round() == 50.0
    assert notes == ("left out: RTDOSE, 1 file: a newer dose of the same plan is used",)


def test_planes_in_files_of_their_own_are_put_together(summed, make):
    dose = _dose(3)
    planes = []
    for n in range(8):
        plane = make.dose_file(dose[n : n + 1], number=10 + n)
        plane.ImagePositionPatient = [-20.0, -18.0, 100.0 + 3.0 * n]
        del plane.GridFrameOffsetVector, plane.NumberOfFrames, plane.FrameIncrementPointer
        planes.append(plane)
    found, _ = summed(*planes[::-1], plans=[_plan()])
    np.testing.assert_allclose(found[frozenset({UID})].array, dose, atol=2e-3)
    found, notes = summed(*planes[:3], *planes[4:], plans=[_plan()])
    assert not found and "1 slice is missing" in notes[0]
    found, notes = summed(planes[0], plans=[_plan()])
    assert not found and "one plane alone" in notes[0]


grids = st.tuples(*[st.integers(-3, 3)] * 3, *[st.integers(2, 6)] * 3, st.sampled_from([1, 2, 4]))


@settings(max_examples=40, deadline=None)
@given(st.lists(grids, min_size=1, max_size=4))
def test_doses_on_different_grids_are_summed_on_one_that_holds_all(boxes):
    """A dose that is linear in space is met exactly at every voxel that lies inside all grids, whatever they are."""
    volumes = []
    for z, y, x, nz, ny, nx, step in boxes:
        geometry = Geometry((nz, ny, nx), (float(step),) * 3, (4.0 * x, 4.0 * y, 4.0 * z))
        p = geometry.lps(np.argwhere(np.ones(geometry.shape)))
        values = (30 + p @ [0.1, 0.2, 0.3]).reshape(geometry.shape).astype(np.float32)
        volumes.append(Volume(geometry, values, "DOSE", "Gy"))
    total = sum_on_one_grid(volumes)
    index = np.argwhere(np.ones(total.geometry.shape))
    points = total.geometry.lps(index)
    expected = np.zeros(len(points))
    for v in volumes:
        at = v.geometry.index(points)
        inside = ((at > -1e-6) & (at < np.asarray(v.geometry.shape) - 1 + 1e-6)).all(axis=1)
        expected += np.where(inside, 30 + points @ [0.1, 0.2, 0.3], 0)
        low, high = total.geometry.index(v.geometry.lps([(0, 0, 0), np.subtract(v.geometry.shape, 1)]))
        assert (low > -1e-6).all() and (high < np.asarray(total.geometry.shape) - 1 + 1e-6).all()
    np.testing.assert_allclose(total.array.ravel(), expected, rtol=1e-5)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)))
def test_the_order_of_files_changes_no_dose(dicom_set, make, add, order, tmp_path):
    folder = dicom_set(name=f"set{len(list(tmp_path.iterdir()))}")
    one, two = make.plan_file(40.0, 20), make.plan_file(20.0, 10)
    two.SOPInstanceUID = two.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.99.5.2"
    files = [
        one, two,
        make.dose_file(_flat(40), number=1),
        _refer(make.dose_file(_flat(12), number=2, DoseSummationType="BEAM"), two.SOPInstanceUID),
        _refer(make.dose_file(_flat(8), number=3, DoseSummationType="BEAM"), two.SOPInstanceUID),
        _refer(make.dose_file(_flat(60), number=4, DoseSummationType="MULTI_PLAN"), UID, two.SOPInstanceUID),
    ]  # fmt: skip
    add(folder, *[files[n] for n in order])
    twin = import_patient(folder)
    assert {n: (d.prescription_gy, d.volume.array.max().round(1)) for n, d in twin.doses.items()} == {
        "40/20": (40.0, 40.0),
        "20/10": (20.0, 20.0),
        "40/20+20/10": (60.0, 60.0),
    }
