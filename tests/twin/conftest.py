"""Small DICOM sets for the tests of this floor, and the real ones unpacked once."""

import zipfile
from collections.abc import Callable
from pathlib import Path

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
