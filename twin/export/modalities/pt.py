"""PET: one file a slice, in SUV by body weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset

from twin.errors import InputError
from twin.export.objects import About, Origin, Series, SliceKind, code, decimal, item, write_slices
from twin.volume import Volume

_STEPS = 32_767
_NO_DATE, _NO_TIME = "19000101", "000000"  # the standard asks for some; a scan without a clock has none
_FLUORINE_18 = ("77004003", "^18^Fluorine", "SCT")
_SUPINE = ("102538003", "recumbent", "SCT")
_HEAD_FIRST = ("102540008", "headfirst", "SCT")


def write(part: Path, volume: Volume, origin: Origin, about: About) -> Series:
    """Write a PET.

    Args:
        part: an existing folder.
        volume: SUV, right-handed axes.
        origin: where it comes from.
        about: the scan.

    Raises:
        InputError: the volume is not in SUV or its axes are left-handed.
    """
    if volume.unit != "SUV":
        raise InputError(f"a PET is exported in SUV, not in {volume.unit}")
    values = np.maximum(volume.array, 0.0)
    slope = decimal(max(float(values.max()), 1e-3) / _STEPS * (1.0 + 1e-6))
    stored = np.minimum(np.rint(values / float(slope)), _STEPS).astype(np.int16)
    frames = volume.geometry.shape[0]

    def fill(data: Dataset, number: int) -> None:
        data.SeriesDate, data.SeriesTime, data.AcquisitionDate, data.AcquisitionTime = (
            _NO_DATE, _NO_TIME, _NO_DATE, _NO_TIME,
        )  # fmt: skip
        data.ImageType = [data.ImageType[0], "PRIMARY"]  # the standard knows no other
        data.Units, data.SUVType, data.CountsSource = "GML", "BW", "EMISSION"
        data.SeriesType, data.NumberOfSlices = ["STATIC", "IMAGE"], frames
        data.CorrectedImage, data.DecayCorrection = ["DECY", "ATTN", "SCAT", "DTIM", "RAN", "NORM"], "START"
        data.CollimatorType, data.RandomsCorrectionMethod = "NONE", "DLYD"
        data.RescaleIntercept, data.RescaleSlope = 0, slope
        data.FrameReferenceTime, data.ActualFrameDuration, data.DecayFactor = 0, None, 1
        data.ImageIndex = number + 1
        data.WindowCenter, data.WindowWidth = 5, 10
        data.RadiopharmaceuticalInformationSequence = [
            item(RadionuclideCodeSequence=[code(*_FLUORINE_18)], Radiopharmaceutical="Fluorodeoxyglucose")
        ]
        del data.PatientPosition  # the two codes take its place
        data.PatientOrientationCodeSequence = [code(*_SUPINE)]
        data.PatientGantryRelationshipCodeSequence = [code(*_HEAD_FIRST)]

    kind = SliceKind("pet", uid.PositronEmissionTomographyImageStorage, "PT", (), fill)
    return write_slices(part, stored, volume.geometry, origin, kind, about)
