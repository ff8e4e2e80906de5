"""Enhanced (multi-frame) CT is refused in one sentence, whatever of a classic slice it lacks."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from twin import InputError
from twin.importer import import_patient

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"


def enhanced(folder, *, position: bool):
    """The folder's CT as one enhanced object, as vendors write it: geometry in functional groups."""
    paths = sorted(folder.glob("ct*.dcm"))
    slices = [pydicom.dcmread(p) for p in paths]
    first = slices[0]
    first.SOPClassUID = first.file_meta.MediaStorageSOPClassUID = ENHANCED_CT
    first.NumberOfFrames = len(slices)
    first.PixelData = b"".join(s.PixelData for s in slices)
    frames = []
    for one in slices:
        plane = Dataset()
        plane.ImagePositionPatient = one.ImagePositionPatient
        frame = Dataset()
        frame.PlanePositionSequence = Sequence([plane])
        frames.append(frame)
    first.PerFrameFunctionalGroupsSequence = Sequence(frames)
    if not position:
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"):
            if keyword in first:
                delattr(first, keyword)
    for path in paths:
        path.unlink()
    pydicom.dcmwrite(folder / "ct.dcm", first)
    return folder


@pytest.mark.parametrize("position", [True, False])
def test_a_multi_frame_ct_is_a_typed_error_that_says_what_to_do(dicom_set, position):
    with pytest.raises(InputError, match=r"multi-frame image; convert it to single slices first") as caught:
        import_patient(enhanced(dicom_set(), position=position), gtv=["GTV-1"])
    assert "\n" not in str(caught.value)
    assert np.size(str(caught.value).split(". ")) == 1
