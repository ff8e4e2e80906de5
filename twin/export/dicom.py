"""DICOM files of radiotherapy, for planning systems and archives: RTSTRUCT, RTPLAN and RTDOSE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import uid
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from twin.contours.outlines import outlines
from twin.dose import method_words
from twin.errors import InputError
from twin.export.objects import (
    Origin,
    Series,
    decimal,
    item,
    mark,
    new_object,
    pixels,
    place,
    referenced,
    save,
)
from twin.structures import Structure, StructureSet
from twin.volume import Volume

_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"  # detached study management, as RTSTRUCT asks (PS3.3 C.8.8.5)
_INTERPRETED = {"GTV": "GTV", "CTV": "CTV", "PTV": "PTV", "OAR": "ORGAN", "EXTERNAL": "EXTERNAL", "OTHER": ""}
_COLOURS = (
    (255, 80, 0),
    (180, 220, 0),
    (0, 160, 255),
    (0, 200, 120),
    (255, 60, 60),
    (255, 200, 0),
    (200, 0, 255),
)
_CONTOUR_DATA = 0x30060050
_STEPS = 65_535  # of a 16-bit dose; 32-bit ones are refused by validators


def write_rtstruct(part: Path, structures: StructureSet, ct: Series, *, label: str, number: int = 2) -> str:
    """Write structures as contours along pixel edges, so that reading them gives the same masks.

    Args:
        part: the file.
        structures: masks on the CT's grid, whose axes may be turned.
        ct: the written series they are drawn on.
        label: of the structure set.
        number: SeriesNumber.

    Returns:
        Its SOPInstanceUID.

    Raises:
        InputError: the structures lie on another grid than the CT.
    """
    if not structures.geometry.turned(ct.geometry.direction)[0].same_grid(ct.geometry):
        raise InputError("structures are exported with the CT whose grid they share")
    origin = ct.origin
    sop = origin.uid("rtstruct", number)
    data = new_object(
        origin, uid.RTStructureSetStorage, sop, "RTSTRUCT", origin.uid("rts", number), number, label
    )
    data.StructureSetLabel, data.StructureSetDate, data.StructureSetTime = label[:16], "", ""
    data.ApprovalStatus, data.InstanceNumber = "UNAPPROVED", 1
    data.ReferencedFrameOfReferenceSequence = [_frame_reference(ct)]
    data.StructureSetROISequence, data.ROIContourSequence, data.RTROIObservationsSequence = [], [], []
    for n, structure in enumerate(structures, start=1):
        named = item(ROINumber=n, ReferencedFrameOfReferenceUID=origin.frame_uid, ROIName=structure.name)
        named.ROIGenerationAlgorithm = "AUTOMATIC" if structure.estimated or origin.generator else "MANUAL"
        drawn = item(
            ROIDisplayColor=list(structure.colour or _COLOURS[n % len(_COLOURS)]), ReferencedROINumber=n
        )
        drawn.ContourSequence = _contours(structure, ct)
        kind = _INTERPRETED[structure.role]
        seen = item(ObservationNumber=n, ReferencedROINumber=n, RTROIInterpretedType=kind, ROIInterpreter="")
        data.StructureSetROISequence.append(named)
        data.ROIContourSequence.append(drawn)
        data.RTROIObservationsSequence.append(seen)
    mark(data, origin)
    save(data, part)
    return sop


def write_rtplan(
    part: Path,
    origin: Origin,
    *,
    prescription_gy: float,
    fractions: int,
    structure_set_uid: str,
    method: str = "",
    number: int = 3,
) -> str:
    """Write a prescription without beams, to which a dose can refer.

    Args:
        part: the file.
        origin: where it comes from.
        prescription_gy: total dose to the target, Gy.
        fractions: planned number.
        structure_set_uid: the RTSTRUCT it belongs to.
        method: by which its dose was calculated, several joined by "and".
        number: SeriesNumber.

    Returns:
        Its SOPInstanceUID.
    """
    label = f"{prescription_gy:g}/{fractions}"
    sop = origin.uid("rtplan", number)
    data = new_object(origin, uid.RTPlanStorage, sop, "RTPLAN", origin.uid("plan", number), number, label)
    data.RTPlanLabel, data.RTPlanDate, data.RTPlanTime = label[:16], "", ""
    data.RTPlanGeometry, data.PlanIntent, data.ApprovalStatus = "PATIENT", "RESEARCH", "UNAPPROVED"
    data.InstanceNumber = 1
    if method:
        data.RTPlanDescription = method_words(method)
    data.ReferencedStructureSetSequence = [referenced(uid.RTStructureSetStorage, structure_set_uid)]
    target = item(DoseReferenceNumber=1, DoseReferenceStructureType="SITE", DoseReferenceType="TARGET")
    target.DoseReferenceDescription, target.TargetPrescriptionDose = "GTV", decimal(prescription_gy)
    data.DoseReferenceSequence = [target]
    group = item(FractionGroupNumber=1, NumberOfFractionsPlanned=fractions, NumberOfBeams=0)
    group.NumberOfBrachyApplicationSetups = 0
    data.FractionGroupSequence = [group]
    mark(data, origin)
    save(data, part)
    return sop


def write_rtdose(
    part: Path,
    dose: Volume,
    origin: Origin,
    *,
    plan_uid: str,
    description: str,
    method: str = "",
    number: int = 4,
) -> str:
    """Write a dose as 16-bit steps of a 65,535th of its maximum.

    Args:
        part: the file.
        dose: Gy, on any right-handed grid of the frame.
        origin: where it comes from.
        plan_uid: the RTPLAN it is the dose of.
        description: of the series.
        method: by which it was calculated, several joined by "and".
        number: SeriesNumber.

    Returns:
        Its SOPInstanceUID.

    Raises:
        InputError: the volume is not in Gy, or holds values that are negative or not finite.
    """
    if dose.unit != "Gy" or not (np.isfinite(dose.array).all() and dose.array.min() >= 0):
        raise InputError("a dose is exported in Gy, finite and not negative")
    sop = origin.uid("rtdose", number)
    data = new_object(
        origin, uid.RTDoseStorage, sop, "RTDOSE", origin.uid("dose", number), number, description
    )
    place(data, dose.geometry, 0)
    scaling = float(f"{max(float(dose.array.max()), 1e-3) / _STEPS:.8e}") * (1 + 1e-8)
    data.DoseGridScaling = decimal(scaling)
    steps = np.rint(dose.array / float(data.DoseGridScaling))
    pixels(data, np.minimum(steps, _STEPS).astype("<u2"), signed=False)
    frames = dose.geometry.shape[0]
    data.InstanceNumber, data.NumberOfFrames, data.FrameIncrementPointer = 1, frames, 0x3004000C
    data.GridFrameOffsetVector = [decimal(dose.geometry.spacing_mm[0] * n) for n in range(frames)]
    data.DoseUnits, data.DoseType, data.DoseSummationType = "GY", "PHYSICAL", "PLAN"
    if method:
        data.DoseComment = method_words(method)
    data.ReferencedRTPlanSequence = [referenced(uid.RTPlanStorage, plan_uid)]
    mark(data, origin)
    save(data, part)
    return sop


def _contours(structure: Structure, ct: Series) -> list[Dataset]:
    mask = structure.mask.turned(ct.geometry.direction)
    bottom, top, left = (s.start for s in ct.geometry.box_of(mask.geometry))
    found = []
    for n, plane in enumerate(mask.array, start=bottom):
        for corners in outlines(plane.astype(bool)):
            rows = corners + np.array([top, left])
            points = ct.geometry.lps(np.column_stack([np.full(len(rows), n), rows]))
            contour = item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=len(points))
            contour.ContourImageSequence = [referenced(uid.CTImageStorage, ct.sop_uids[n])]
            contour[_CONTOUR_DATA] = _raw_points(points)
            found.append(contour)
    return found


def _raw_points(points: np.ndarray) -> RawDataElement:
    """Points as the bytes of decimal strings to 0.1 um: pydicom's own would take ten times as long."""
    text = "\\".join(f"{v:.4f}" for v in points.ravel().tolist()).encode()
    text += b" " * (len(text) % 2)
    return RawDataElement(BaseTag(_CONTOUR_DATA), "DS", len(text), text, 0, True, True)


def _frame_reference(ct: Series) -> Dataset:
    series = item(SeriesInstanceUID=ct.series_uid)
    series.ContourImageSequence = [referenced(uid.CTImageStorage, sop) for sop in ct.sop_uids]
    study = referenced(_STUDY_CLASS, ct.origin.study_uid)
    study.RTReferencedSeriesSequence = [series]
    return item(FrameOfReferenceUID=ct.origin.frame_uid, RTReferencedStudySequence=[study])
