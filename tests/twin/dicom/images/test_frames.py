import numpy as np
import pytest
from pydicom.dataset import Dataset

from twin import Geometry, Volume
from twin.dicom.images.frames import Frames, Link
from twin.importer import import_patient

SHAPE = (8, 24, 32)


def _motion(shift=(30.0, -20.0, 500.0), turn=0.1):
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:3, 3] = shift
    return matrix


def _registration(make, target, **sources):
    """A registration object: its frame, and for each other frame the matrices that lead to it, in their order."""
    data = make.plan_file()
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.1"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.99.90"
    data.Modality, data.SeriesInstanceUID, data.FrameOfReferenceUID = "REG", "1.2.826.0.1.99.91", target
    data.RegistrationSequence = []
    for source, matrices in sources.items():
        item, whole = Dataset(), Dataset()
        item.FrameOfReferenceUID = source.replace("_", ".")
        whole.MatrixSequence = []
        for matrix in matrices:
            step = Dataset()
            step.FrameOfReferenceTransformationMatrix = [float(v) for v in matrix.ravel()]
            step.FrameOfReferenceTransformationMatrixType = "RIGID"
            whole.MatrixSequence.append(step)
        item.MatrixRegistrationSequence = [whole]
        data.RegistrationSequence.append(item)
    return data


def _moved_dose(make, motion):
    dose = np.zeros(SHAPE)
    dose[2:6, 7:12, 10:16] = 60
    file = make.dose_file(dose, FrameOfReferenceUID="1.2.3.77")
    file.ImagePositionPatient = [float(v) for v in (motion @ [-20.0, -18.0, 100.0, 1.0])[:3]]
    file.ImageOrientationPatient = [float(v) for v in motion[:3, :2].T.ravel()]
    return file


@pytest.mark.parametrize("way", ["to the CT", "from the CT", "in two steps"])
def test_a_dose_of_another_frame_is_laid_by_a_registration_object(dicom_set, make, add, way):
    folder, motion = dicom_set(), _motion()
    frame = make.ct_slice(0, np.zeros((2, 2), np.int16)).FrameOfReferenceUID
    back = np.linalg.inv(motion)
    turned, shifted = _motion((0, 0, 0), 0.1), _motion((30.0, -20.0, 500.0), 0.0)
    files = {
        "to the CT": _registration(make, frame, **{"1_2_3_77": [back]}),
        "from the CT": _registration(make, "1.2.3.77", **{frame.replace(".", "_"): [motion]}),
        "in two steps": _registration(
            make, frame, **{"1_2_3_77": [np.linalg.inv(shifted), np.linalg.inv(turned)]}
        ),
    }
    add(folder, make.plan_file(), _moved_dose(make, motion), files[way])
    twin = import_patient(folder)
    there = twin.doses["60/30"].volume.on(twin.contours.geometry)
    assert np.median(there[twin.contours.gtv()]) == pytest.approx(60, abs=0.1)
    assert there[~twin.contours.gtv()].max() < 45  # half a voxel of the edge is interpolated


def test_what_is_not_rigid_is_left_out_and_said(dicom_set, make, add):
    folder = dicom_set()
    frame = make.ct_slice(0, np.zeros((2, 2), np.int16)).FrameOfReferenceUID
    add(
        folder,
        _moved_dose(make, _motion()),
        _registration(make, frame, **{"1_2_3_77": [np.diag([2.0, 1, 1, 1])]}),
    )
    twin = import_patient(folder)
    assert not twin.doses
    assert "left out: REG, 1 file: a registration that scales" in " ".join(twin.notes)


def test_links_are_followed_through_other_frames_and_the_newest_counts():
    a, b = _motion(turn=0.2), _motion((1.0, 2.0, 3.0), turn=-0.3)
    volume = Volume(Geometry((2, 2, 2), (1.0, 1.0, 1.0)), np.zeros((2, 2, 2), np.float32), "CT", "HU")
    links = [
        Link("far", "near", a, ("20240102",)),
        Link("far", "near", np.eye(4), ("20240101",)),
        Link("home", "near", b, ("20240101",)),
    ]
    for order in (links, links[::-1]):
        frames = Frames("home", volume, order)
        np.testing.assert_allclose(frames.matrix("far"), np.linalg.inv(b) @ a, atol=1e-12)
    assert frames.matrix("unknown") is None
