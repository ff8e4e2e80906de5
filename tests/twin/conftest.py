"""Small DICOM sets for the tests of this floor, and the real ones unpacked once."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage

CT_SHAPE = (8, 24, 32)
SPACING_MM = (3.0, 1.5, 1.25)
FIRST_MM = (-20.0, -18.0, 100.0)


def _base(sop_class: str, uid: str, modality: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = sop_class, uid, modality
    data.PatientName, data.PatientID, data.PatientBirthDate = "Zebra^Quentin", "HOSP-4711", "19440229"
    data.InstitutionName, data.PatientSex = "Sankt Beispiel", "F"
    data.StudyInstanceUID, data.StudyDate = "1.2.826.0.1.99.7", "20240306"
    data.FrameOfReferenceUID = "1.2.826.0.1.99.8"
    return data


def ct_slice(number: int, plane: np.ndarray) -> FileDataset:
    data = _base(CTImageStorage, f"1.2.826.0.1.99.1.{number}", "CT")
    data.SeriesInstanceUID = "1.2.826.0.1.99.1"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.ImagePositionPatient = [FIRST_MM[0], FIRST_MM[1], FIRST_MM[2] + SPACING_MM[0] * number]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.SliceThickness = [SPACING_MM[1], SPACING_MM[2]], SPACING_MM[0]
    data.Rows, data.Columns = plane.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.PixelData = (plane + 1024).astype("<u2").tobytes()
    return data


def hu_array() -> np.ndarray:
    """Soft tissue that names its voxel, with a dark hole: every mix-up of axes shows."""
    z, y, x = np.indices(CT_SHAPE)
    hu = 20 + z + 3 * y + 2 * x
    hu[2:5, 6:12, 8:20] = -700
    return hu.astype(np.int16)


def rtstruct(rois: dict[str, list[list[float]]]) -> FileDataset:
    """Contours as flat lists of LPS triples by the name of their region."""
    data = _base(RTStructureSetStorage, "1.2.826.0.1.99.2.1", "RTSTRUCT")
    data.SeriesInstanceUID = "1.2.826.0.1.99.2"
    frame = Dataset()
    frame.FrameOfReferenceUID = data.FrameOfReferenceUID
    data.ReferencedFrameOfReferenceSequence = Sequence([frame])
    named, drawn = [], []
    for number, (name, contours) in enumerate(rois.items(), start=1):
        item = Dataset()
        item.ROINumber, item.ROIName = number, name
        item.ReferencedFrameOfReferenceUID = data.FrameOfReferenceUID
        named.append(item)
        points = Dataset()
        points.ReferencedROINumber, points.ROIDisplayColor = number, [255, 0, 0]
        points.ContourSequence = Sequence([_contour(c) for c in contours])
        drawn.append(points)
    data.StructureSetROISequence, data.ROIContourSequence = Sequence(named), Sequence(drawn)
    return data


def _contour(flat: list[float]) -> Dataset:
    item = Dataset()
    item.ContourGeometricType, item.NumberOfContourPoints = "CLOSED_PLANAR", len(flat) // 3
    item.ContourData = flat
    return item


def box_contour(z: int, rows: tuple[float, float], columns: tuple[float, float]) -> list[float]:
    """The outline of whole pixels [rows) x [columns) on slice z, LPS mm."""
    corners = [(rows[0], columns[0]), (rows[0], columns[1]), (rows[1], columns[1]), (rows[1], columns[0])]
    flat: list[float] = []
    for row, column in corners:
        flat += [
            FIRST_MM[0] + (column - 0.5) * SPACING_MM[2],
            FIRST_MM[1] + (row - 0.5) * SPACING_MM[1],
            FIRST_MM[2] + z * SPACING_MM[0],
        ]
    return flat


Change = Callable[[list[FileDataset], FileDataset], None]


@pytest.fixture
def dicom_set(tmp_path) -> Callable[..., Path]:
    """Writes a small CT with an RTSTRUCT (GTV 4 x 5 x 6 voxels, an empty region), changed as the test says."""

    def write(change: Change | None = None, name: str = "dicom") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        slices = [ct_slice(n, plane) for n, plane in enumerate(hu_array())]
        gtv = [box_contour(z, (7, 12), (10, 16)) for z in (4, 2, 5, 3)]
        drawn = rtstruct({"GTV-1": gtv, "Marker": []})
        if change is not None:
            change(slices, drawn)
        for n, data in enumerate(slices):
            pydicom.dcmwrite(folder / f"ct{n:02d}.dcm", data)
        pydicom.dcmwrite(folder / "rs.dcm", drawn)
        return folder

    return write


ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
_IN_GROUPS = (
    ("PlanePositionSequence", ("ImagePositionPatient",)),
    ("PlaneOrientationSequence", ("ImageOrientationPatient",)),
    ("PixelMeasuresSequence", ("PixelSpacing", "SliceThickness")),
    ("PixelValueTransformationSequence", ("RescaleSlope", "RescaleIntercept")),
)


def _enhanced(
    folder: Path,
    *,
    shared: tuple[str, ...] = ("PlaneOrientationSequence", "PixelMeasuresSequence"),
    change: Callable[[FileDataset], None] | None = None,
) -> Path:
    """The folder's CT as one enhanced object, as vendors write it: its frames in any order, geometry in groups."""
    paths = sorted(folder.glob("ct*.dcm"))
    slices = [pydicom.dcmread(p) for p in paths]
    slices = slices[1::2] + slices[::2]
    frames = [Dataset() for _ in slices]
    common = Dataset()
    for group, keywords in _IN_GROUPS:
        for one, frame in zip(slices, frames, strict=True):
            item = Dataset()
            for keyword in keywords:
                setattr(item, keyword, one.get(keyword))
            setattr(common if group in shared else frame, group, Sequence([item]))
    first = slices[0]
    first.SOPClassUID = first.file_meta.MediaStorageSOPClassUID = ENHANCED_CT
    first.NumberOfFrames = len(slices)
    first.PixelData = b"".join(s.PixelData for s in slices)
    for _, keywords in _IN_GROUPS:
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


@pytest.fixture(scope="session")
def enhanced() -> Callable[..., Path]:
    """Makes one enhanced object of a folder's CT slices."""
    return _enhanced


@pytest.fixture(scope="session")
def unzipped(shared_data, tmp_path_factory) -> Callable[[str], Path]:
    """A zip of the real data, unpacked once a session."""
    done: dict[str, Path] = {}

    def unpack(name: str) -> Path:
        if name not in done:
            done[name] = tmp_path_factory.mktemp(name)
            with zipfile.ZipFile(shared_data / f"{name}.zip") as packed:
                packed.extractall(done[name])
        return done[name]

    return unpack


def dose_file(dose_gy: np.ndarray, *, plan_uid: str = "1.2.826.0.1.99.5", **changes) -> FileDataset:
    """An RTDOSE of the CT's extent in steps of 1 mGy."""
    data = _base("1.2.840.10008.5.1.4.1.1.481.2", f"1.2.826.0.1.99.4.{changes.pop('number', 1)}", "RTDOSE")
    data.SeriesInstanceUID = "1.2.826.0.1.99.4"
    frames, data.Rows, data.Columns = dose_gy.shape
    data.NumberOfFrames, data.SamplesPerPixel, data.PhotometricInterpretation = frames, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.ImagePositionPatient, data.ImageOrientationPatient = list(FIRST_MM), [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.SliceThickness = [SPACING_MM[1], SPACING_MM[2]], SPACING_MM[0]
    data.FrameIncrementPointer = 0x3004000C
    data.GridFrameOffsetVector = [SPACING_MM[0] * n for n in range(frames)]
    data.DoseUnits, data.DoseType, data.DoseSummationType, data.DoseGridScaling = (
        "GY",
        "PHYSICAL",
        "PLAN",
        0.001,
    )
    plan = Dataset()
    plan.ReferencedSOPInstanceUID = plan_uid
    data.ReferencedRTPlanSequence = Sequence([plan])
    data.PixelData = np.rint(dose_gy * 1000).astype("<u2").tobytes()
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    return data


def plan_file(target_gy: float | None = 60.0, fractions: int = 30) -> FileDataset:
    data = _base("1.2.840.10008.5.1.4.1.1.481.5", "1.2.826.0.1.99.5", "RTPLAN")
    data.SeriesInstanceUID = "1.2.826.0.1.99.50"
    if target_gy is not None:
        target = Dataset()
        target.DoseReferenceType, target.DoseReferenceStructureType = "TARGET", "SITE"
        target.TargetPrescriptionDose = target_gy
        data.DoseReferenceSequence = Sequence([target])
    beam = Dataset()
    beam.BeamDose, beam.ReferencedBeamNumber = 1.1, 1
    group = Dataset()
    group.NumberOfFractionsPlanned, group.ReferencedBeamSequence = fractions, Sequence([beam, beam])
    data.FractionGroupSequence = Sequence([group])
    treat, setup = Dataset(), Dataset()
    treat.TreatmentDeliveryType, setup.TreatmentDeliveryType = "TREATMENT", "SETUP"
    data.BeamSequence = Sequence([treat, treat, setup])
    return data


def record_file(date: str, time: str, number: int, beam: int = 1) -> FileDataset:
    uid = f"1.2.826.0.1.99.6.{number}.{beam}"
    data = _base("1.2.840.10008.5.1.4.1.1.481.4", uid, "RTRECORD")
    data.SeriesInstanceUID, data.TreatmentDate, data.TreatmentTime = "1.2.826.0.1.99.60", date, time
    plan, session = Dataset(), Dataset()
    plan.ReferencedSOPInstanceUID = "1.2.826.0.1.99.5"
    session.CurrentFractionNumber = number
    data.ReferencedRTPlanSequence, data.TreatmentSessionBeamSequence = Sequence([plan]), Sequence([session])
    return data


def pet_slice(number: int, bq_ml: np.ndarray, **changes) -> FileDataset:
    """A PET slice in Bq/ml: 70 kg, 350 MBq of F-18 given an hour before the scan."""
    data = ct_slice(number, np.zeros_like(bq_ml, dtype=np.int16))
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.99.3.{number}"
    data.Modality, data.SeriesInstanceUID = "PT", "1.2.826.0.1.99.3"
    data.BitsStored, data.HighBit = 16, 15
    data.RescaleSlope, data.RescaleIntercept = 0.5 + number, 0
    data.PixelData = np.rint(bq_ml / (0.5 + number)).astype("<u2").tobytes()
    data.Units, data.DecayCorrection, data.PatientWeight = "BQML", "START", 70.0
    data.SeriesDate, data.SeriesTime, data.AcquisitionTime = "20240306", "110000", "110000"
    tracer = Dataset()
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = 350e6, 6586.2
    tracer.RadiopharmaceuticalStartTime = "100000.00"
    data.RadiopharmaceuticalInformationSequence = Sequence([tracer])
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    return data


@pytest.fixture
def make() -> SimpleNamespace:
    """The builders of single files."""
    return SimpleNamespace(
        ct_slice=ct_slice,
        rtstruct=rtstruct,
        dose_file=dose_file,
        plan_file=plan_file,
        record_file=record_file,
        pet_slice=pet_slice,
        box_contour=box_contour,
        hu_array=hu_array,
    )


@pytest.fixture
def add(tmp_path) -> Callable[..., None]:
    """Writes more files into a set."""

    def write(folder: Path, *files: FileDataset) -> None:
        start = len(list(folder.iterdir()))
        for n, data in enumerate(files, start=start):
            pydicom.dcmwrite(folder / f"more{n:03d}.dcm", data)

    return write
