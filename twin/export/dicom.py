"""DICOM files for planning systems and archives: CT series, RTSTRUCT, RTPLAN and RTDOSE."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmwrite, uid
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import BaseTag

from twin.contours.outlines import outlines
from twin.dose import method_words
from twin.errors import InputError
from twin.geometry import Geometry
from twin.structures import Structure, StructureSet
from twin.volume import Volume

SIMULATED = "SIMULATED - research use only"
_MAKER = "RT-Twin"
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


@dataclass(frozen=True)
class Origin:
    """Where exported files come from, and what makes their UIDs.

    Args:
        patient_id: the twin's pseudonym.
        seed: what tells this export's study from all others, such as run, plan and sample; equal seeds give
            equal UIDs.
        frame: what tells the frame of reference; files share it where their geometry is shared.
        generator: what made the images; None for an acquired image.
        version: the generator's version.
        weights_sha256: hash of a learned generator's weights.
        position: how the patient lay, DICOM PatientPosition.
        unannotated: it is known that no text is burned into the images.
        names_kept: names of structures may name somebody.
    """

    patient_id: str
    seed: str
    frame: str
    generator: str | None = None
    version: str = ""
    weights_sha256: str = ""
    position: str = "HFS"
    unannotated: bool = False
    names_kept: bool = False

    def uid(self, *parts: object) -> str:
        """A UID from the seed and what it names."""
        return new_uid(self.seed, *parts)

    @property
    def study_uid(self) -> str:
        """StudyInstanceUID."""
        return self.uid("study")

    @property
    def frame_uid(self) -> str:
        """FrameOfReferenceUID."""
        return new_uid(self.frame, "frame")


@dataclass(frozen=True)
class CtSeries:
    """A written CT series, for others to refer to.

    Args:
        origin: where it comes from.
        series_uid: SeriesInstanceUID.
        sop_uids: SOPInstanceUID of each slice, from foot to head.
        geometry: its grid.
    """

    origin: Origin
    series_uid: str
    sop_uids: tuple[str, ...]
    geometry: Geometry


def new_uid(*parts: object) -> str:
    """A UID that follows from what it names (a UUID's number under 2.25, PS3.5 B.2)."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def write_ct(
    part: Path,
    volume: Volume,
    origin: Origin,
    *,
    description: str,
    number: int = 1,
    source: CtSeries | None = None,
) -> CtSeries:
    """Write a CT as one file a slice.

    Args:
        part: an existing folder; the files are named `ct-000.dcm` and so on.
        volume: HU, int16, right-handed axes.
        origin: where it comes from; with a generator, the files say that they are synthetic.
        description: of the series, in words that name nobody.
        number: SeriesNumber.
        source: the CT that it was made from.

    Raises:
        InputError: the volume is not in HU or its axes are left-handed.
    """
    if volume.unit != "HU":
        raise InputError(f"a CT is exported in HU, not in {volume.unit}")
    geometry = volume.geometry
    written = CtSeries(
        origin,
        origin.uid("ct", number),
        tuple(origin.uid("ct", number, n) for n in range(geometry.shape[0])),
        geometry,
    )
    for n, plane in enumerate(volume.array):
        data = _file(
            origin, uid.CTImageStorage, written.sop_uids[n], "CT", written.series_uid, number, description
        )
        kind = "DERIVED\\SECONDARY" if origin.generator else "ORIGINAL\\PRIMARY"
        data.ImageType = f"{kind}\\AXIAL".split("\\")
        _place(data, geometry, n)
        _pixels(data, plane.astype("<i2"), signed=True)
        data.InstanceNumber, data.AcquisitionNumber, data.KVP = n + 1, None, None
        data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "HU"
        data.WindowCenter, data.WindowWidth = 40, 400
        if origin.unannotated:
            data.BurnedInAnnotation = "NO"
        if source is not None:
            data.SourceImageSequence = [_sources(source, n)]
        _say_synthetic(data, origin)
        _save(data, part / f"ct-{n:03d}.dcm")
    return written


def write_rtstruct(part: Path, structures: StructureSet, ct: CtSeries, *, label: str, number: int = 2) -> str:
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
    data = _file(origin, uid.RTStructureSetStorage, sop, "RTSTRUCT", origin.uid("rts", number), number, label)
    data.StructureSetLabel, data.StructureSetDate, data.StructureSetTime = label[:16], "", ""
    data.ApprovalStatus, data.InstanceNumber = "UNAPPROVED", 1
    data.ReferencedFrameOfReferenceSequence = [_frame_reference(ct)]
    data.StructureSetROISequence, data.ROIContourSequence, data.RTROIObservationsSequence = [], [], []
    for n, structure in enumerate(structures, start=1):
        named = _item(ROINumber=n, ReferencedFrameOfReferenceUID=origin.frame_uid, ROIName=structure.name)
        named.ROIGenerationAlgorithm = "AUTOMATIC" if structure.estimated or origin.generator else "MANUAL"
        drawn = _item(
            ROIDisplayColor=list(structure.colour or _COLOURS[n % len(_COLOURS)]), ReferencedROINumber=n
        )
        drawn.ContourSequence = _contours(structure, ct)
        kind = _INTERPRETED[structure.role]
        seen = _item(ObservationNumber=n, ReferencedROINumber=n, RTROIInterpretedType=kind, ROIInterpreter="")
        data.StructureSetROISequence.append(named)
        data.ROIContourSequence.append(drawn)
        data.RTROIObservationsSequence.append(seen)
    _say_synthetic(data, origin)
    _save(data, part)
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
    data = _file(origin, uid.RTPlanStorage, sop, "RTPLAN", origin.uid("plan", number), number, label)
    data.RTPlanLabel, data.RTPlanDate, data.RTPlanTime = label[:16], "", ""
    data.RTPlanGeometry, data.PlanIntent, data.ApprovalStatus = "PATIENT", "RESEARCH", "UNAPPROVED"
    data.InstanceNumber = 1
    if method:
        data.RTPlanDescription = method_words(method)
    data.ReferencedStructureSetSequence = [_referenced(uid.RTStructureSetStorage, structure_set_uid)]
    target = _item(DoseReferenceNumber=1, DoseReferenceStructureType="SITE", DoseReferenceType="TARGET")
    target.DoseReferenceDescription, target.TargetPrescriptionDose = "GTV", _ds(prescription_gy)
    data.DoseReferenceSequence = [target]
    group = _item(FractionGroupNumber=1, NumberOfFractionsPlanned=fractions, NumberOfBeams=0)
    group.NumberOfBrachyApplicationSetups = 0
    data.FractionGroupSequence = [group]
    _say_synthetic(data, origin)
    _save(data, part)
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
    data = _file(origin, uid.RTDoseStorage, sop, "RTDOSE", origin.uid("dose", number), number, description)
    _place(data, dose.geometry, 0)
    scaling = float(f"{max(float(dose.array.max()), 1e-3) / _STEPS:.8e}") * (1 + 1e-8)
    data.DoseGridScaling = _ds(scaling)
    steps = np.rint(dose.array / float(data.DoseGridScaling))
    _pixels(data, np.minimum(steps, _STEPS).astype("<u2"), signed=False)
    frames = dose.geometry.shape[0]
    data.InstanceNumber, data.NumberOfFrames, data.FrameIncrementPointer = 1, frames, 0x3004000C
    data.GridFrameOffsetVector = [_ds(dose.geometry.spacing_mm[0] * n) for n in range(frames)]
    data.DoseUnits, data.DoseType, data.DoseSummationType = "GY", "PHYSICAL", "PLAN"
    if method:
        data.DoseComment = method_words(method)
    data.ReferencedRTPlanSequence = [_referenced(uid.RTPlanStorage, plan_uid)]
    _say_synthetic(data, origin)
    _save(data, part)
    return sop


def _file(
    origin: Origin, sop_class: str, sop: str, modality: str, series: str, number: int, description: str
) -> Dataset:
    """What all files share: patient, study, series, frame and equipment; empty where nothing is known."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = sop_class, sop, modality
    data.PatientName, data.PatientID = f"{origin.patient_id}^Twin", origin.patient_id
    data.PatientBirthDate, data.PatientSex = "", ""
    data.PatientIdentityRemoved = "NO" if origin.names_kept else "YES"
    if not origin.names_kept:
        data.DeidentificationMethod = "keyed pseudonym; dates and free text removed"
    data.StudyInstanceUID, data.StudyID = origin.study_uid, ""
    data.StudyDate, data.StudyTime, data.AccessionNumber, data.ReferringPhysicianName = "", "", "", ""
    data.StudyDescription = SIMULATED if origin.generator else "RT-Twin export"
    data.SeriesInstanceUID, data.SeriesNumber = series, number
    words = f"SYNTHETIC {description}" if origin.generator else description
    data.SeriesDescription = words[:64]
    data.OperatorsName = ""
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = origin.frame_uid, ""
    data.Manufacturer, data.ManufacturerModelName = _MAKER, _MAKER
    data.SoftwareVersions = origin.version or "0"
    if modality == "CT":  # without a body part, validators ask for a laterality
        data.BodyPartExamined, data.PatientPosition = "CHEST", origin.position
    return data


def is_simulated(data: Dataset) -> bool:
    """Whether an object says that it was made by a generator, as those that are written here do."""
    makers = data.get("ContributingEquipmentSequence") or ()
    said = any(SIMULATED in str(item.get("ContributionDescription", "")) for item in makers)
    return said and data.get("SyntheticData") == "YES"


def _say_synthetic(data: Dataset, origin: Origin) -> None:
    """Mark a file as made by a generator, by name, version and the hash of its weights."""
    if origin.generator is None:
        return
    data.SyntheticData = "YES"
    made = _item(Manufacturer=_MAKER, ManufacturerModelName=origin.generator[:64])
    made.SoftwareVersions = origin.version or "0"
    weights = f"; weights sha256 {origin.weights_sha256}" if origin.weights_sha256 else ""
    made.ContributionDescription = f"{SIMULATED}; {origin.generator} {origin.version}{weights}"
    made.PurposeOfReferenceCodeSequence = [_code("109103", "Modifying Equipment")]
    data.ContributingEquipmentSequence = [made]
    if data.Modality == "CT":
        data.DerivationDescription = f"{SIMULATED}: made by {origin.generator} {origin.version}".strip()
        data.DerivationCodeSequence = [_code("113131", "Extrapolated")]


def _place(data: Dataset, geometry: Geometry, slice_number: int) -> None:
    rotation = geometry.rotation
    if np.linalg.det(rotation) < 0:
        raise InputError("a volume with left-handed axes has no DICOM slices; turn it upright first")
    position = geometry.lps((slice_number, 0, 0))
    data.ImagePositionPatient = [_ds(v) for v in position]
    data.ImageOrientationPatient = [_ds(v) for v in (*rotation[:, 0], *rotation[:, 1])]
    data.PixelSpacing = [_ds(geometry.spacing_mm[1]), _ds(geometry.spacing_mm[2])]
    data.SliceThickness = _ds(geometry.spacing_mm[0])
    if data.Modality == "CT":
        data.SliceLocation = _ds(float(position @ rotation[:, 2]))


def _pixels(data: Dataset, array: np.ndarray, *, signed: bool) -> None:
    data.Rows, data.Columns = array.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, int(signed)
    data.add_new("PixelData", "OW", array.tobytes())


def _contours(structure: Structure, ct: CtSeries) -> list[Dataset]:
    mask = structure.mask.turned(ct.geometry.direction)
    bottom, top, left = (s.start for s in ct.geometry.box_of(mask.geometry))
    found = []
    for n, plane in enumerate(mask.array, start=bottom):
        for corners in outlines(plane.astype(bool)):
            rows = corners + np.array([top, left])
            points = ct.geometry.lps(np.column_stack([np.full(len(rows), n), rows]))
            item = _item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=len(points))
            item.ContourImageSequence = [_referenced(uid.CTImageStorage, ct.sop_uids[n])]
            item[_CONTOUR_DATA] = _raw_points(points)
            found.append(item)
    return found


def _raw_points(points: np.ndarray) -> RawDataElement:
    """Points as the bytes of decimal strings to 0.1 um: pydicom's own would take ten times as long."""
    text = "\\".join(f"{v:.4f}" for v in points.ravel().tolist()).encode()
    text += b" " * (len(text) % 2)
    return RawDataElement(BaseTag(_CONTOUR_DATA), "DS", len(text), text, 0, True, True)


def _frame_reference(ct: CtSeries) -> Dataset:
    series = _item(SeriesInstanceUID=ct.series_uid)
    series.ContourImageSequence = [_referenced(uid.CTImageStorage, sop) for sop in ct.sop_uids]
    study = _referenced(_STUDY_CLASS, ct.origin.study_uid)
    study.RTReferencedSeriesSequence = [series]
    return _item(FrameOfReferenceUID=ct.origin.frame_uid, RTReferencedStudySequence=[study])


def _sources(source: CtSeries, n: int) -> Dataset:
    """The source's slice at the same place, or its first where the grids differ."""
    item = _referenced(uid.CTImageStorage, source.sop_uids[n if n < len(source.sop_uids) else 0])
    item.PurposeOfReferenceCodeSequence = [_code("121322", "Source image for image processing operation")]
    return item


def _referenced(sop_class: str, sop: str) -> Dataset:
    return _item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop)


def _code(value: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator="DCM", CodeMeaning=meaning)


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _ds(value: float) -> str:
    """A number as a decimal string of at most 16 characters (VR DS), as exact as they allow."""
    for digits in range(15, 4, -1):
        text = f"{float(value) + 0.0:.{digits}g}"
        if len(text) <= 16:
            return text
    return f"{float(value):.6g}"


def _save(data: Dataset, part: Path) -> None:
    """Implicit VR little endian: its lengths hold contours of any size."""
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    dcmwrite(part, data, enforce_file_format=True)
