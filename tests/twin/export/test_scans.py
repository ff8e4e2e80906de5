"""Scans of every modality as DICOM: they conform, say what they are, and are read back as what they were."""

import numpy as np
import pydicom
import pytest

from twin import Geometry, InputError, StructureSet, Volume
from twin.export import Origin, exported, write_rtstruct, write_scan
from twin.importer import import_patient

BOX = Geometry((5, 24, 26), (3.0, 2.0, 2.0), (-25.0, -23.0, -7.0))
FRONT = Geometry((30, 1, 32), (1.5, 1.0, 1.5), (-24.0, 4.0, -22.0))
SIDE = Geometry((30, 32, 1), (1.5, 1.5, 1.0), (3.0, -24.0, -22.0))
ORIGIN = Origin("P-0123456789ab", "run|60/30|90", "frame", "a scanner", "0.1.0", unannotated=True)


def scans():
    rng = np.random.default_rng(4)
    hu = rng.integers(-1000, 1000, BOX.shape).astype(np.int16)
    suv = rng.uniform(0, 12, BOX.shape).astype(np.float32)
    return {
        "CT": Volume(BOX, hu, "CT", "HU"),
        "CBCT": Volume(BOX, hu, "CBCT", "HU"),
        "PT": Volume(BOX, suv, "PT", "SUV"),
        "MR": Volume(BOX, rng.uniform(0, 900, BOX.shape).astype(np.float32), "MR", "a.u."),
        "DX": Volume(FRONT, rng.random(FRONT.shape, np.float32), "DX", "a.u."),
    }


@pytest.fixture(params=sorted(scans()))
def written(request, tmp_path):
    volume = scans()[request.param]
    write_scan(
        tmp_path, volume, ORIGIN, description=f"{request.param}, day 90", number=11, options={"view": "pa"}
    )
    return request.param, volume, tmp_path


def test_all_modalities_that_are_exported_are_tested_here():
    assert set(exported()) == set(scans())


def test_validators_find_no_error(written, dicom_errors):
    _, _, folder = written
    assert dicom_errors(*sorted(folder.iterdir())[:2]) == []


def test_scans_say_that_they_are_simulated_and_how(written):
    modality, _, folder = written
    data = pydicom.dcmread(min(folder.iterdir()))
    assert data.SyntheticData == "YES" and data.SeriesNumber == 11
    assert data.SeriesDescription == f"SYNTHETIC {modality}, day 90"
    assert "SIMULATED - research use only" in data.DerivationDescription
    assert data.BurnedInAnnotation == "NO"
    assert ("CBCT" in data.ImageType) == (modality == "CBCT")


def test_slices_are_read_back_as_what_they_were(written):
    modality, volume, folder = written
    if modality == "DX":
        return  # a twin holds no acquired radiographs
    base = Volume(BOX, np.full(BOX.shape, -50, np.int16), "CT", "HU")
    ball = np.zeros(BOX.shape, bool)
    ball[1:4, 8:14, 8:14] = True
    drawn = StructureSet(BOX, ()).with_mask("GTVp", "GTV", ball)
    (folder / "base").mkdir()
    series = write_scan(
        folder / "base", base, Origin("P-0123456789ab", "base", "frame"), description="baseline"
    )
    write_rtstruct(folder / "base" / "rs.dcm", drawn, series, label="baseline")
    names = sorted(f.name for f in folder.glob("*.dcm"))
    twin = import_patient(folder, days={names[0]: 21.0}, organs="none")
    later = next(s for s in twin.scans if s.time_days == 21.0)
    assert later.volume.modality == modality and later.volume.geometry.same_grid(BOX)
    np.testing.assert_allclose(later.volume.array, volume.array, atol=0.02 if modality == "MR" else 4e-4)


def test_a_radiograph_is_upright_and_says_which_side_is_left(tmp_path):
    ramp = np.linspace(0, 1, FRONT.shape[0], dtype=np.float32)[:, None, None] * np.ones(
        FRONT.shape, np.float32
    )
    write_scan(tmp_path, Volume(FRONT, ramp, "DX", "a.u."), ORIGIN, description="pa", options={"view": "pa"})
    data = pydicom.dcmread(tmp_path / "radiograph.dcm")
    assert (data.Rows, data.Columns) == (30, 32) and list(data.ImagerPixelSpacing) == [1.5, 1.5]
    assert list(data.PatientOrientation) == ["L", "F"] and data.ViewPosition == "PA"
    assert (
        data.pixel_array[0].min() == 4095 and data.pixel_array[-1].max() == 0
    )  # the brightest is the head's end
    side = Volume(SIDE, np.zeros(SIDE.shape, np.float32), "DX", "a.u.")
    write_scan(tmp_path, side, ORIGIN, description="lateral", name="side", options={"view": "lateral"})
    data = pydicom.dcmread(tmp_path / "side.dcm")
    assert list(data.PatientOrientation) == ["P", "F"] and data.ViewPosition == "LL"
    with pytest.raises(InputError, match="one voxel deep"):
        write_scan(tmp_path, Volume(BOX, np.zeros(BOX.shape), "DX", "a.u."), ORIGIN, description="x")
