"""Enhanced (multi-frame) CT is read as its slices are; one without geometry is refused in one sentence."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from twin import InputError
from twin.importer import import_patient

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
_MOVED = (
    ("PlanePositionSequence", ("ImagePositionPatient",)),
    ("PlaneOrientationSequence", ("ImageOrientationPatient",)),
    ("PixelMeasuresSequence", ("PixelSpacing", "SliceThickness")),
    ("PixelValueTransformationSequence", ("RescaleSlope", "RescaleIntercept")),
)


def enhanced(folder, *, shared=("PlaneOrientationSequence", "PixelMeasuresSequence"), change=None):
    """The folder's CT as one enhanced object, as vendors write it: its frames in any order, geometry in groups."""
    paths = sorted(folder.glob("ct*.dcm"))
    slices = [pydicom.dcmread(p) for p in paths]
    slices = slices[1::2] + slices[::2]
    frames = [Dataset() for _ in slices]
    common = Dataset()
    for group, keywords in _MOVED:
        for one, frame in zip(slices, frames, strict=True):
            item = Dataset()
            for keyword in keywords:
                setattr(item, keyword, one.get(keyword))
            setattr(common if group in shared else frame, group, Sequence([item]))
    first = slices[0]
    first.SOPClassUID = first.file_meta.MediaStorageSOPClassUID = ENHANCED_CT
    first.NumberOfFrames = len(slices)
    first.PixelData = b"".join(s.PixelData for s in slices)
    for _, keywords in _MOVED:
        for keyword in keywords:
            del first[keyword]
    first.SharedFunctionalGroupsSequence = Sequence([common])
    first.PerFrameFunctionalGroupsSequence = Sequence(frames)
    if change is not None:
        change(first)
    for path in paths:
        path.unlink()
    pydicom.dcmwrite(folder / "ct.dcm", first)
    return folder


@pytest.mark.parametrize("shared", [(), ("PlaneOrientationSequence", "PixelMeasuresSequence")])
def test_an_enhanced_ct_is_read_as_its_slices_are(dicom_set, shared):
    folder = dicom_set()
    classic = import_patient(folder, gtv=["GTV-1"])
    ours = import_patient(enhanced(folder, shared=shared), gtv=["GTV-1"])
    assert ours.baseline.volume.geometry == classic.baseline.volume.geometry
    np.testing.assert_array_equal(ours.baseline.volume.array, classic.baseline.volume.array)
    assert ours.gtv_cm3 == classic.gtv_cm3


def drop_groups(ct):
    del ct.PerFrameFunctionalGroupsSequence


def drop_one_group(ct):
    del ct.PerFrameFunctionalGroupsSequence[-1]


def drop_position(ct):
    del ct.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence


def cut_pixels(ct):
    ct.PixelData = ct.PixelData[: len(ct.PixelData) // 2]


def drop_spacing(ct):
    del ct.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence


def lose_a_frame(ct):
    last = ct.Rows * ct.Columns * 2
    ct.PixelData, ct.NumberOfFrames = ct.PixelData[last:], ct.NumberOfFrames - 1
    del ct.PerFrameFunctionalGroupsSequence[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_groups, "multi-frame image without the geometry of its frames; convert it to single slices"),
        (drop_one_group, "frames and .* functional groups"),
        (drop_position, r"\(frame 2\): ImagePositionPatient is missing"),
        (drop_spacing, "PixelSpacing is missing"),
        (cut_pixels, "the pixels are damaged"),
        (lose_a_frame, "1 slice is missing between"),
    ],
)
def test_a_damaged_enhanced_ct_is_one_sentence(dicom_set, change, words):
    with pytest.raises(InputError, match=words) as caught:
        import_patient(enhanced(dicom_set(), change=change), gtv=["GTV-1"])
    assert "\n" not in str(caught.value)
