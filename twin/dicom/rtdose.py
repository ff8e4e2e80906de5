"""RTDOSE grids in Gy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from twin.dicom.series import Instance
from twin.errors import InputError
from twin.geometry import Geometry, Triple
from twin.volume import Volume

_WHOLE = ("PLAN", "MULTI_PLAN")
_MAX_GY = 400.0


@dataclass(frozen=True, eq=False)
class RtDose:
    """One RTDOSE file.

    Args:
        volume: Gy, axes upright.
        summation: DoseSummationType, "PLAN", "BEAM", "FRACTION", ...
        plan_uid: the plan it refers to; empty where none is named.
        frame: FrameOfReferenceUID.
    """

    volume: Volume
    summation: str
    plan_uid: str
    frame: str


def read_dose(file: Instance) -> RtDose:
    """The dose of an RTDOSE file: its stored values times DoseGridScaling (DICOM PS3.3 C.8.8.3).

    Raises:
        InputError: units other than Gy, uneven planes, or damaged values.
    """
    units, kind = file.word("DoseUnits"), file.word("DoseType")
    if units != "GY":
        raise InputError(f"{file.file}: a dose in {units or 'unknown'} units is not in Gy and cannot be used")
    if kind not in ("PHYSICAL", ""):
        raise InputError(f"{file.file}: an RTDOSE of type {kind} is not a physical dose")
    geometry = _grid(file)
    scaling = file.numbers("DoseGridScaling", 1)[0]
    try:
        stored = np.asarray(file.data.pixel_array)
    except Exception as error:  # pydicom raises many types on damaged pixels
        raise InputError(f"{file.file}: the dose values are damaged and cannot be read") from error
    if stored.size != np.prod(geometry.shape):
        raise InputError(f"{file.file}: the dose values do not fill their grid")
    dose_gy = stored.reshape(geometry.shape).astype(np.float32) * np.float32(scaling)
    if not (np.isfinite(dose_gy).all() and dose_gy.min() >= 0 and dose_gy.max() <= _MAX_GY):
        raise InputError(
            f"{file.file}: doses outside 0 to {_MAX_GY:g} Gy; DoseGridScaling or the file is damaged"
        )
    try:
        plans = file.get("ReferencedRTPlanSequence", ())
        plan_uid = str(plans[0].get("ReferencedSOPInstanceUID") or "") if plans else ""
    except Exception as error:  # pydicom raises many types on damaged items
        raise InputError(f"{file.file} is a damaged RTDOSE") from error
    volume = Volume(geometry, dose_gy, "DOSE", "Gy").upright()
    return RtDose(volume, file.word("DoseSummationType"), plan_uid, file.text("FrameOfReferenceUID"))


def _grid(file: Instance) -> Geometry:
    cosines = file.numbers("ImageOrientationPatient", 6)
    x_axis, y_axis = np.asarray(cosines[:3]), np.asarray(cosines[3:])
    origin = np.asarray(file.numbers("ImagePositionPatient", 3))
    rows, columns = (int(file.numbers(k, 1)[0]) for k in ("Rows", "Columns"))
    row_mm, column_mm = file.numbers("PixelSpacing", 2)
    frames = int(file.numbers("NumberOfFrames", 1)[0]) if file.get("NumberOfFrames") is not None else 1
    normal = np.cross(x_axis, y_axis)
    if frames == 1:
        step_mm = file.numbers("SliceThickness", 1)[0] if file.get("SliceThickness") else 1.0
    else:
        offsets = np.asarray(file.numbers("GridFrameOffsetVector", frames))
        steps = np.diff(offsets)
        step_mm = float(steps.mean())
        if step_mm == 0 or np.abs(steps - step_mm).max() > 0.02 * abs(step_mm):
            raise InputError(f"{file.file}: the dose planes are unevenly spaced")
    normal = normal * np.sign(step_mm)
    try:
        return Geometry(
            shape=(frames, rows, columns),
            spacing_mm=(abs(step_mm), row_mm, column_mm),
            origin_mm=cast(Triple, tuple(float(v) for v in origin)),
            direction=tuple(float(v) for v in np.column_stack([x_axis, y_axis, normal]).ravel()),
        )
    except InputError as error:
        raise InputError(f"{file.file}: {error}") from None


def summed(doses: Sequence[RtDose], fractions: int) -> Volume:
    """The dose of a whole plan: its own sum where there is one, else its fractions or its beams summed.

    Args:
        doses: all of one plan.
        fractions: planned number, by which a dose of one fraction is multiplied.

    Raises:
        InputError: none is the dose of a plan, a fraction or beams.
    """
    for dose in doses:
        if dose.summation in _WHOLE or (dose.summation == "" and len(doses) == 1):
            return dose.volume
    for dose in doses:
        if dose.summation == "FRACTION":
            whole = dose.volume.array * np.float32(fractions)
            return Volume(dose.volume.geometry, whole, "DOSE", "Gy")
    beams = [d.volume for d in doses if d.summation == "BEAM"]
    if not beams:
        kinds = ", ".join(sorted({d.summation for d in doses}))
        raise InputError(f"an RTDOSE of {kinds or 'unknown summation'} is not the dose of a plan")
    total = np.zeros(beams[0].geometry.shape, dtype=np.float32)
    for beam in beams:
        same = beam.geometry.same_grid(beams[0].geometry)
        total += beam.array if same else beam.on(beams[0].geometry)
    return Volume(beams[0].geometry, total, "DOSE", "Gy")
