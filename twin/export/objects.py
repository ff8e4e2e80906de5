"""What all exported DICOM objects share: patient, study, frame, equipment, marks of what is simulated, and slices."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileMetaDataset

from twin.errors import InputError
from twin.geometry import Geometry

SIMULATED = "SIMULATED - research use only"
_MAKER = "RT-Twin"


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
        body_part: DICOM BodyPartExamined.
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
    body_part: str = "CHEST"

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
class Series:
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
    """A UID that follows from what it names (a UUID's number under 2.25, PS3.5 B.2).

    Args:
        *parts: what it names.
    """
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


@dataclass(frozen=True)
class About:
    """What is said of a scan besides its voxels.

    Args:
        description: of the series, in words that name nobody.
        number: SeriesNumber.
        name: of its files and UIDs, or None for the modality's own.
        source: the CT that it was made from, or None.
        options: how a virtual scanner was set, by name.
    """

    description: str
    number: int = 1
    name: str | None = None
    source: Series | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SliceKind:
    """How a modality is written as one file a slice.

    Args:
        name: of its files and UIDs.
        sop_class: SOPClassUID.
        modality: DICOM Modality.
        image_type: values of ImageType after the second.
        fill: adds what only this modality has to a slice, given its number.
    """

    name: str
    sop_class: str
    modality: str
    image_type: tuple[str, ...]
    fill: Callable[[Dataset, int], None]


def write_slices(
    part: Path, stored: np.ndarray, geometry: Geometry, origin: Origin, kind: SliceKind, about: About
) -> Series:
    """Write an image as one file a slice, named `NAME-000.dcm` and so on.

    Args:
        part: an existing folder.
        stored: (z, y, x) int16 values as they are stored.
        geometry: its grid, of right-handed axes.
        origin: where it comes from; with a generator, the files say that they are synthetic.
        kind: the modality.
        about: the scan.

    Raises:
        InputError: its axes are left-handed.
    """
    name, number = about.name or kind.name, about.number
    uids = tuple(origin.uid(name, number, n) for n in range(geometry.shape[0]))
    written = Series(origin, origin.uid(name, number), uids, geometry)
    for n, plane in enumerate(stored):
        data = new_object(
            origin, kind.sop_class, uids[n], kind.modality, written.series_uid, number, about.description
        )
        made = ("DERIVED", "SECONDARY") if origin.generator else ("ORIGINAL", "PRIMARY")
        data.ImageType = [*made, *kind.image_type]
        place(data, geometry, n)
        data.SliceLocation = decimal(float(geometry.lps((n, 0, 0)) @ geometry.rotation[:, 2]))
        pixels(data, plane.astype("<i2"), signed=True)
        data.InstanceNumber = n + 1
        if origin.unannotated:
            data.BurnedInAnnotation = "NO"
        if about.source is not None:
            data.SourceImageSequence = [sources(about.source, n)]
        kind.fill(data, n)
        mark(data, origin)
        save(data, part / f"{name}-{n:03d}.dcm")
    return written


def new_object(
    origin: Origin, sop_class: str, sop: str, modality: str, series: str, number: int, description: str
) -> Dataset:
    """What all objects share: patient, study, series, frame and equipment; empty where nothing is known.

    Args:
        origin: where it comes from.
        sop_class: SOPClassUID.
        sop: SOPInstanceUID.
        modality: DICOM Modality.
        series: SeriesInstanceUID.
        number: SeriesNumber.
        description: of the series, in words that name nobody.
    """
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
    if not modality.startswith("RT"):  # without a body part, validators ask for a laterality
        data.BodyPartExamined, data.PatientPosition = origin.body_part, origin.position
    return data


def is_simulated(data: Dataset) -> bool:
    """Whether an object says that it was made by a generator, as those that are written here do.

    Args:
        data: the object.
    """
    makers = data.get("ContributingEquipmentSequence") or ()
    said = any(SIMULATED in str(item.get("ContributionDescription", "")) for item in makers)
    return said and data.get("SyntheticData") == "YES"


def mark(data: Dataset, origin: Origin) -> None:
    """Mark an object as made by a generator, by name, version and the hash of its weights.

    Args:
        data: the object; unmarked where no generator made it.
        origin: where it comes from.
    """
    if origin.generator is None:
        return
    data.SyntheticData = "YES"
    made = item(Manufacturer=_MAKER, ManufacturerModelName=origin.generator[:64])
    made.SoftwareVersions = origin.version or "0"
    weights = f"; weights sha256 {origin.weights_sha256}" if origin.weights_sha256 else ""
    made.ContributionDescription = f"{SIMULATED}; {origin.generator} {origin.version}{weights}"
    made.PurposeOfReferenceCodeSequence = [code("109103", "Modifying Equipment")]
    data.ContributingEquipmentSequence = [made]
    if "ImageType" in data:
        data.DerivationDescription = f"{SIMULATED}: made by {origin.generator} {origin.version}".strip()
        data.DerivationCodeSequence = [code("113131", "Extrapolated")]


def place(data: Dataset, geometry: Geometry, slice_number: int) -> None:
    """Where a slice lies.

    Args:
        data: of the slice.
        geometry: of the whole image.
        slice_number: from the first one on.

    Raises:
        InputError: the axes are left-handed.
    """
    rotation = geometry.rotation
    if np.linalg.det(rotation) < 0:
        raise InputError("a volume with left-handed axes has no DICOM slices; turn it upright first")
    position = geometry.lps((slice_number, 0, 0))
    data.ImagePositionPatient = [decimal(v) for v in position]
    data.ImageOrientationPatient = [decimal(v) for v in (*rotation[:, 0], *rotation[:, 1])]
    data.PixelSpacing = [decimal(geometry.spacing_mm[1]), decimal(geometry.spacing_mm[2])]
    data.SliceThickness = decimal(geometry.spacing_mm[0])


def pixels(data: Dataset, array: np.ndarray, *, signed: bool) -> None:
    """The voxels of an object.

    Args:
        data: of the object.
        array: (rows, columns) or (frames, rows, columns) of 16 bits.
        signed: whether they are.
    """
    data.Rows, data.Columns = array.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, int(signed)
    data.add_new("PixelData", "OW", array.tobytes())


def sources(source: Series, n: int) -> Dataset:
    """The source's slice at the same place, or its first where the grids differ.

    Args:
        source: the written CT.
        n: number of the slice.
    """
    found = referenced(uid.CTImageStorage, source.sop_uids[n if n < len(source.sop_uids) else 0])
    found.PurposeOfReferenceCodeSequence = [code("121322", "Source image for image processing operation")]
    return found


def referenced(sop_class: str, sop: str) -> Dataset:
    """A reference to an object.

    Args:
        sop_class: its SOPClassUID.
        sop: its SOPInstanceUID.
    """
    return item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop)


def code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    """A coded concept.

    Args:
        value: the code.
        meaning: in words.
        scheme: whose code it is: DICOM's own, or SCT.
    """
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def item(**values: object) -> Dataset:
    """A dataset of some attributes.

    Args:
        **values: by keyword.
    """
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def decimal(value: float) -> str:
    """A number as a decimal string of at most 16 characters (VR DS), as exact as they allow.

    Args:
        value: the number.
    """
    for digits in range(15, 4, -1):
        text = f"{float(value) + 0.0:.{digits}g}"
        if len(text) <= 16:
            return text
    return f"{float(value):.6g}"


def save(data: Dataset, part: Path) -> None:
    """Write an object, in implicit VR little endian: its lengths hold contours of any size.

    Args:
        data: the object.
        part: the file.
    """
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    dcmwrite(part, data, enforce_file_format=True)
