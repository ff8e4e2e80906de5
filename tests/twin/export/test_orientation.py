"""What came in prone or feet first goes out as it came."""

import numpy as np
import pydicom
import pytest

from twin import import_patient
from twin.export import Origin, write_rtstruct, write_scan

ROWS = {
    "HFS": (1, 0, 0, 0, 1, 0),
    "HFP": (-1, 0, 0, 0, -1, 0),
    "FFS": (-1, 0, 0, 0, 1, 0),
    "FFP": (1, 0, 0, 0, -1, 0),
    "HFDR": (0, -1, 0, 1, 0, 0),
    "FFDL": (0, 1, 0, 1, 0, 0),
}


def laid(slices, position, cosines):
    """The same voxels of the patient as that scanner would lay them out: first file first along the normal."""
    x, y = np.array(cosines[:3]), np.array(cosines[3:])
    for data in slices:
        data.PatientPosition = position
        data.ImageOrientationPatient = list(cosines)
        if abs(x[1]) > 0.5:  # decubitus: rows and columns change places
            data.PixelSpacing = list(data.PixelSpacing)[::-1]
            data.Rows, data.Columns = data.Columns, data.Rows
        data.Rows, data.Columns = int(data.Rows), int(data.Columns)
        plane = data.pixel_array if abs(x[0]) > 0.5 else np.ascontiguousarray(_pixels(data).T)
        main = 0 if abs(x[0]) > 0.5 else 1
        plane = plane[:, ::-1] if x[main] < 0 else plane
        plane = plane[::-1] if y[1 - main] < 0 else plane
        first = np.array(data.ImagePositionPatient, float)
        row_mm, column_mm = map(float, data.PixelSpacing)
        first = first + np.where(x < 0, -x * column_mm * (data.Columns - 1), 0)
        first = first + np.where(y < 0, -y * row_mm * (data.Rows - 1), 0)
        data.ImagePositionPatient = first.tolist()
        data.PixelData = np.ascontiguousarray(plane).tobytes()


def _pixels(data):
    return np.frombuffer(data.PixelData, "<u2").reshape(int(data.Columns), int(data.Rows))


def by_place(folder):
    files = [pydicom.dcmread(f) for f in folder.glob("ct*.dcm")]
    return {round(float(d.ImagePositionPatient[2]), 2): d for d in files}


@pytest.mark.parametrize(("position", "cosines"), ROWS.items())
def test_position_axes_and_voxels_go_out_as_they_came(dicom_set, tmp_path, position, cosines):
    supine = import_patient(dicom_set(name="supine"))
    folder = dicom_set(lambda slices, drawn: laid(slices, position, cosines), name="laid")
    twin = import_patient(folder)
    scan = twin.baseline
    np.testing.assert_array_equal(scan.volume.array, supine.baseline.volume.array)
    np.testing.assert_array_equal(twin.contours.gtv(), supine.contours.gtv())
    twin.save(tmp_path / "p.twin")
    scan = type(twin).load(tmp_path / "p.twin").baseline
    assert scan.acquired.position == position

    out = tmp_path / "out"
    out.mkdir()
    origin = Origin("P", "seed", "frame", position=scan.acquired.position)
    ct = write_scan(out, scan.volume.turned(scan.acquired.direction), origin, description="baseline")
    write_rtstruct(out / "rs.dcm", twin.contours, ct, label="baseline")
    came, went = by_place(folder), by_place(out)
    assert came.keys() == went.keys()
    for z, data in came.items():
        assert went[z].PatientPosition == position
        np.testing.assert_allclose(went[z].ImageOrientationPatient, data.ImageOrientationPatient, atol=1e-9)
        np.testing.assert_allclose(went[z].ImagePositionPatient, data.ImagePositionPatient, atol=1e-4)
        np.testing.assert_array_equal(went[z].pixel_array, data.pixel_array.astype(int) - 1024)
    np.testing.assert_array_equal(import_patient(out).contours.gtv(), supine.contours.gtv())
