"""Enhanced (multi-frame) CT is read as its slices are; one without geometry is refused in one sentence."""

import numpy as np
import pytest

from twin import InputError
from twin.dicom.images.multiframe import slices
from twin.dicom.reader import read_series
from twin.importer import import_patient


@pytest.mark.parametrize("shared", [(), ("PlaneOrientationSequence", "PixelMeasuresSequence")])
def test_an_enhanced_ct_is_read_as_its_slices_are(dicom_set, enhanced, shared):
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
def test_a_damaged_enhanced_ct_is_one_sentence(dicom_set, enhanced, change, words):
    with pytest.raises(InputError, match=words) as caught:
        import_patient(enhanced(dicom_set(), change=change), gtv=["GTV-1"])
    assert "\n" not in str(caught.value)


def test_a_frame_is_called_as_its_file(dicom_set, enhanced):
    series = next(s for s in read_series(enhanced(dicom_set())) if s.modality == "CT")
    third = slices(series).files[2]
    assert third.file == "ct.dcm (frame 3)" and third.is_called("ct.d") and not third.is_called("frame")
