"""Radiograph: one digital X-ray image for presentation, upright, dense tissue bright."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import uid

from twin.errors import InputError
from twin.export.objects import About, Origin, Series, code, decimal, mark, new_object, pixels, save
from twin.volume import Volume

_STEPS = 4095
_VIEWS = {"pa": "PA", "ap": "AP", "lateral": "LL"}
_CHEST = ("51185008", "Chest", "SCT")


def write(part: Path, volume: Volume, origin: Origin, about: About) -> Series:
    """Write a radiograph.

    Args:
        part: an existing folder.
        volume: from 0 to 1, one voxel deep from front to back or from right to left.
        origin: where it comes from.
        about: the scan; its option `view` says from where it was taken.

    Raises:
        InputError: the volume is no picture of that kind.
    """
    picture, lateral = _seen(volume.upright())
    name, number = about.name or "radiograph", about.number
    sop, series = origin.uid(name, number, 0), origin.uid(name, number)
    data = new_object(
        origin, uid.DigitalXRayImageStorageForPresentation, sop, "DX", series, number, about.description
    )
    del data.FrameOfReferenceUID, data.PositionReferenceIndicator, data.PatientPosition  # it is a projection
    spacing = volume.upright().geometry.spacing_mm
    data.ImagerPixelSpacing = [decimal(spacing[0]), decimal(spacing[1 if lateral else 2])]
    made = ("DERIVED", "SECONDARY") if origin.generator else ("ORIGINAL", "PRIMARY")
    data.ImageType, data.InstanceNumber = [*made, ""], 1
    data.PresentationIntentType, data.ImageLaterality = "FOR PRESENTATION", "U"
    data.PatientOrientation = ["P" if lateral else "L", "F"]
    data.PositionerType = ""
    if about.options.get("view") in _VIEWS:
        data.ViewPosition = _VIEWS[about.options["view"]]
    data.AnatomicRegionSequence, data.AcquisitionContextSequence = [code(*_CHEST)], []
    data.DetectorType, data.DetectorConfiguration = "SCINTILLATOR", "AREA"
    pixels(data, np.rint(np.clip(picture, 0.0, 1.0) * _STEPS).astype("<u2"), signed=False)
    data.BitsStored, data.HighBit = 12, 11
    data.PixelIntensityRelationship, data.PixelIntensityRelationshipSign = "LOG", 1
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "US"
    data.PresentationLUTShape, data.LossyImageCompression = "IDENTITY", "00"
    data.WindowCenter, data.WindowWidth = decimal((_STEPS + 1) / 2), decimal(_STEPS + 1)
    data.BurnedInAnnotation = "NO"  # pixels are those of the scanner
    mark(data, origin)
    save(data, part / f"{name}.dcm")
    return Series(origin, series, (sop,), volume.geometry)


def _seen(upright: Volume) -> tuple[np.ndarray, bool]:
    """The (rows, columns) picture with the head up, and whether it is a lateral one."""
    _, front, side = upright.geometry.shape
    if 1 not in (front, side):
        raise InputError("a radiograph is one voxel deep, from front to back or from right to left")
    picture = upright.array[::-1, 0] if front == 1 else upright.array[::-1, :, 0]
    return picture, front != 1
