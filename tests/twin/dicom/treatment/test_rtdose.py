import shutil
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from twin import InputError
from twin.dicom.reader import read_series
from twin.dicom.treatment.rtdose import read_dose
from twin.dicom.treatment.rtplan import read_plan
from twin.importer import import_patient

SHAPE = (8, 24, 32)


@pytest.fixture
def read(tmp_path, add):
    def through_disk(*files):
        folder = tmp_path / "rt"
        folder.mkdir()
        add(folder, *files)
        return [read_dose(f) for s in read_series(folder) for f in s.files]

    return through_disk


def _dose(seed=0):
    return np.round(np.random.default_rng(seed).uniform(0, 60, SHAPE), 3)


def test_stored_values_are_scaled_to_gray_on_their_grid(read, make):
    expected = _dose()
    (got,) = read(make.dose_file(expected))
    np.testing.assert_allclose(got.volume.array, expected, atol=1e-4)
    assert got.volume.geometry.lps((2, 3, 4)).tolist() == pytest.approx([-15.0, -13.5, 106.0])


def test_planes_stored_from_head_to_feet_are_turned(read, make):
    expected = _dose()
    top = [-20.0, -18.0, 121.0]
    down = [-3.0 * n for n in range(8)]
    (got,) = read(make.dose_file(expected[::-1], ImagePositionPatient=top, GridFrameOffsetVector=down))
    np.testing.assert_allclose(got.volume.array, expected, atol=1e-4)
    assert got.volume.geometry.lps((0, 0, 0)).tolist() == pytest.approx([-20.0, -18.0, 100.0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"DoseUnits": "RELATIVE"}, "RELATIVE units"),
        ({"DoseType": "ERROR"}, "type ERROR"),
        ({"DoseGridScaling": 1e6}, "outside 0 to 400 Gy"),
        ({"DoseGridScaling": -0.001}, "outside 0 to 400 Gy"),
        ({"GridFrameOffsetVector": [0, 3, 6, 9, 12, 15, 18, 25]}, "unevenly spaced"),
        ({"GridFrameOffsetVector": [0, 3]}, "GridFrameOffsetVector needs 8"),
        ({"NumberOfFrames": 9, "GridFrameOffsetVector": [3.0 * n for n in range(9)]}, "damaged|do not fill"),
    ],
)
def test_what_is_no_dose_is_refused(read, make, changes, says):
    with pytest.raises(InputError, match=says):
        read(make.dose_file(_dose(), **changes))


def test_the_linked_pinnacle_plan_and_dose(unzipped, tmp_path):
    folder = next(Path(unzipped("dicom_rt_pieces")).rglob("pyorthanc_pinnacle"))
    for name in ("RTDOSE.dcm", "RTPLAN.dcm"):  # the RTSTRUCT beside them is of another patient
        shutil.copy(folder / name, tmp_path)
    files = {f.file: f for s in read_series(tmp_path) for f in s.files}
    plan, dose = read_plan(files["RTPLAN.dcm"]), read_dose(files["RTDOSE.dcm"])
    assert (plan.fractions, plan.beams, plan.stated) == (28, 8, False)
    assert dose.plans == {plan.uid}
    assert dose.volume.array.max() == pytest.approx(55.9, abs=0.05)
    assert dose.volume.geometry.spacing_mm == pytest.approx((4, 4, 4))


def test_plan_dose_and_records_become_the_history(dicom_set, make, add):
    folder = dicom_set()
    add(folder, make.plan_file(60.0, 30), make.dose_file(_dose()))
    days = ["20240307", "20240308", "20240311"]
    add(folder, *[make.record_file(d, "143000", n, beam) for n, d in enumerate(days, 1) for beam in (1, 2)])
    twin = import_patient(folder)
    assert list(twin.doses) == ["60/30"]
    assert twin.doses["60/30"].prescription_gy == 60.0 and twin.doses["60/30"].fractions == 30
    assert twin.doses["60/30"].method == "planning system"
    clock = 14.5 / 24
    assert [f.time_days for f in twin.fractions] == pytest.approx([1 + clock, 2 + clock, 5 + clock])
    assert all(f.dose_gy == 2.0 and f.grid == "60/30" for f in twin.fractions)
    assert twin.fractions[0].scale == pytest.approx(1 / 30)
    assert twin.now_days == pytest.approx(5 + clock)


def test_without_records_nothing_counts_as_delivered_until_the_user_says_so(dicom_set, make, add):
    folder = dicom_set()
    add(folder, make.plan_file(54.0, 3), make.dose_file(_dose()))
    waiting = import_patient(folder)
    assert waiting.fractions == () and "not counted as delivered" in " ".join(waiting.notes)
    given = import_patient(folder, delivered_from=2)  # a Wednesday's CT: Friday, then Monday and Tuesday
    assert [f.time_days for f in given.fractions] == [2.375, 5.375, 6.375]
    assert sum(f.scale for f in given.fractions) == pytest.approx(1.0)


def test_a_prescription_that_no_plan_states_is_said_to_be_assumed(dicom_set, make, add):
    folder = dicom_set()
    dose = np.zeros(SHAPE)
    dose[2:6, 7:12, 10:16] = 50.4
    add(folder, make.plan_file(None, 28), make.dose_file(dose))
    twin = import_patient(folder)
    assert twin.doses["50.4/28"].prescription_gy == 50.4
    assert twin.doses["50.4/28"].fractions is None, "so that it is asked before a plan is scaled from it"
    assert "median dose in the GTV" in " ".join(twin.notes)


def test_of_several_prescribed_doses_none_is_taken_for_the_tumours(dicom_set, make, add):
    folder = dicom_set()
    plan = make.plan_file(60.0, 30)
    nodes, organ = Dataset(), Dataset()
    nodes.DoseReferenceType, nodes.TargetPrescriptionDose = "TARGET", 54.0
    organ.DoseReferenceType, organ.TargetPrescriptionDose = "ORGAN_AT_RISK", 20.0
    plan.DoseReferenceSequence.extend([nodes, organ])
    add(folder, plan, make.dose_file(_dose()))
    twin = import_patient(folder)
    assert twin.doses["60/30"].fractions is None
    assert "prescribes 2 different doses to targets" in " ".join(twin.notes)


def test_a_dose_of_another_frame_is_left_out_and_said(dicom_set, make, add):
    folder = dicom_set()
    add(folder, make.plan_file(), make.dose_file(_dose(), FrameOfReferenceUID="1.2.3"))
    twin = import_patient(folder)
    assert not twin.doses and "RTDOSE, 1 file: it lies in a frame of reference that no scan" in " ".join(
        twin.notes
    )


@pytest.mark.parametrize(("gy", "fractions", "says"), [(60.0, 0, "0 fractions"), (6000.0, 30, "6000 Gy")])
def test_an_impossible_plan_is_left_out_and_said(dicom_set, make, add, gy, fractions, says):
    folder = dicom_set()
    add(folder, make.plan_file(gy, fractions))
    twin = import_patient(folder, delivered_from=1)
    assert not twin.fractions and "left out: RTPLAN, 1 file: " in " ".join(twin.notes)
    assert says in " ".join(twin.notes)
