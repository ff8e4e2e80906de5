import shutil
import subprocess

import numpy as np
import pydicom
import pytest

from twin import Geometry, InputError, StructureSet, Volume
from twin.export import Origin, write_rtdose, write_rtplan, write_rtstruct, write_scan
from twin.importer import import_patient

TILT = np.deg2rad(12)
OBLIQUE = (
    1.0,
    0.0,
    0.0,
    0.0,
    float(np.cos(TILT)),
    -float(np.sin(TILT)),
    0.0,
    float(np.sin(TILT)),
    float(np.cos(TILT)),
)


def _patient(direction=(1.0, 0, 0, 0, 1, 0, 0, 0, 1)):
    geometry = Geometry((9, 40, 44), (3.0, 0.9766, 0.9766), (-250.0, -163.019, -847.123456), direction)
    rng = np.random.default_rng(2)
    ct = Volume(geometry, rng.integers(-1024, 3000, geometry.shape).astype(np.int16), "CT", "HU")
    drawn = rng.random(geometry.shape) < 0.6
    drawn[:2] = False
    structures = StructureSet(geometry, ()).with_mask("GTVp", "GTV", drawn)
    node = np.zeros(geometry.shape, bool)
    node[4:6, 10:14, 20:25] = True
    structures = structures.with_mask("Heart", "OAR", node, estimated=True, colour=(9, 8, 7))
    grid = geometry.resampled(4.0)
    dose = Volume(grid, rng.uniform(0, 71, grid.shape).astype(np.float32), "DOSE", "Gy")
    return ct, structures, dose


def _export(folder, direction=(1.0, 0, 0, 0, 1, 0, 0, 0, 1)):
    ct, structures, dose = _patient(direction)
    first = Origin("P-0123456789ab", "run|baseline", "frame")
    later = Origin("P-0123456789ab", "run|60/30|90", "frame", "mechanistic", "0.1.0", "ab" * 32)
    (folder / "baseline").mkdir(parents=True)
    (folder / "later").mkdir()
    source = write_scan(folder / "baseline", ct, first, description="baseline")
    series = write_scan(folder / "later", ct, later, description="60/30 day 90", source=source)
    drawn = write_rtstruct(folder / "later" / "rs.dcm", structures, series, label="60/30 day 90")
    plan = write_rtplan(
        folder / "later" / "plan.dcm", later, prescription_gy=60, fractions=30, structure_set_uid=drawn
    )
    write_rtdose(
        folder / "later" / "dose.dcm", dose, later, plan_uid=plan, description="accumulated to day 90"
    )
    return ct, structures, dose


@pytest.mark.parametrize("direction", [(1.0, 0, 0, 0, 1, 0, 0, 0, 1), OBLIQUE])
def test_importing_an_export_gives_everything_back(tmp_path, direction):
    ct, structures, dose = _export(tmp_path / "out", direction)
    twin = import_patient(tmp_path / "out" / "later")
    np.testing.assert_array_equal(twin.baseline.volume.array, ct.array)
    assert twin.baseline.volume.geometry.same_grid(ct.geometry)
    for name in ("GTVp", "Heart"):
        np.testing.assert_array_equal(twin.contours.mask(name), structures.mask(name))
        assert twin.contours[name].role == structures[name].role
    back = twin.doses["60/30"]
    assert back.prescription_gy == 60.0 and back.volume.geometry.same_grid(dose.geometry)
    np.testing.assert_allclose(back.volume.array, dose.array, atol=6e-4)


def test_validators_find_no_error(tmp_path, dicom_errors):
    _export(tmp_path / "out")
    assert dicom_errors(*sorted((tmp_path / "out").rglob("*.dcm"))) == []


def test_dcmtk_reads_every_file(tmp_path):
    if shutil.which("dcmdump") is None:
        pytest.skip("dcmtk is not installed")
    _export(tmp_path / "out")
    for file in (tmp_path / "out" / "later").glob("*.dcm"):
        done = subprocess.run(["dcmdump", "-q", str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr


def test_synthetic_images_say_so_and_acquired_ones_do_not(tmp_path):
    _export(tmp_path / "out")
    made = pydicom.dcmread(tmp_path / "out" / "later" / "ct-003.dcm")
    assert made.ImageType == ["DERIVED", "SECONDARY", "AXIAL"] and made.SyntheticData == "YES"
    assert made.SeriesDescription == "SYNTHETIC 60/30 day 90"
    assert "research use only" in made.DerivationDescription
    source = pydicom.dcmread(tmp_path / "out" / "baseline" / "ct-003.dcm")
    assert made.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    equipment = made.ContributingEquipmentSequence[0]
    assert equipment.ManufacturerModelName == "mechanistic" and "ab" * 32 in equipment.ContributionDescription
    assert "SyntheticData" not in source and source.ImageType[0] == "ORIGINAL"
    assert made.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert made.StudyInstanceUID != source.StudyInstanceUID and made.SOPInstanceUID != source.SOPInstanceUID


def test_the_same_run_gives_the_same_bytes(tmp_path):
    _export(tmp_path / "a")
    _export(tmp_path / "b")
    for file in (tmp_path / "a").rglob("*.dcm"):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


def test_uids_are_valid_and_differ_between_runs():
    one, two = Origin("P", "run 1", "f"), Origin("P", "run 2", "f")
    assert one.study_uid != two.study_uid and one.frame_uid == two.frame_uid
    assert pydicom.uid.UID(one.study_uid).is_valid


def test_what_cannot_be_exported_is_refused(tmp_path):
    ct, _, dose = _patient()
    origin = Origin("P", "run", "f")
    left = Volume(
        Geometry(ct.geometry.shape, ct.geometry.spacing_mm, direction=(1, 0, 0, 0, 1, 0, 0, 0, -1)),
        ct.array, "CT", "HU",
    )  # fmt: skip
    with pytest.raises(InputError, match="left-handed"):
        write_scan(tmp_path, left, origin, description="x")
    with pytest.raises(
        InputError, match="no way to write DOSE as DICOM; there is one for CBCT, CT, DX, MR, PT"
    ):
        write_scan(tmp_path, dose, origin, description="x")
    with pytest.raises(InputError, match="in HU"):
        dose = Volume(ct.geometry, ct.array, "CT", "SUV")
        write_scan(tmp_path, dose, origin, description="x")
    series = write_scan(tmp_path, ct, origin, description="x")
    other = StructureSet(ct.geometry.resampled(4.0), ())
    with pytest.raises(InputError, match="whose grid they share"):
        write_rtstruct(tmp_path / "rs.dcm", other, series, label="x")
    with pytest.raises(InputError, match="in Gy"):
        write_rtdose(tmp_path / "d.dcm", ct, origin, plan_uid="1.2", description="x")
