"""Damaged twin folders and images: each loads rightly or is refused with one sentence."""

import gzip

import numpy as np
import pytest
import SimpleITK

from twin import InputError, PatientTwin
from twin.importer import import_patient

CASES = 60


def _damage(path, rng):
    content = bytearray(path.read_bytes())
    if rng.random() < 0.4 and content:
        content = content[: rng.integers(len(content))]
    else:
        for at in rng.integers(len(content), size=int(rng.integers(1, 12))):
            content[at] = int(rng.integers(256))
    path.write_bytes(content)


def _sentence(error):
    said = str(error)
    assert said and "Traceback" not in said and len(said) < 600
    return said


def test_damaged_twin_folders(dicom_set, make, add, tmp_path):
    folder = dicom_set()
    add(folder, make.plan_file(), make.dose_file(np.full((8, 24, 32), 50.0)))
    sound = import_patient(folder)
    refused = 0
    for case in range(CASES):
        rng = np.random.default_rng([case, 1])
        path = tmp_path / f"{case}.twin"
        sound.save(path)
        files = sorted(p for p in path.rglob("*") if p.is_file())
        file = path / "twin.json" if rng.random() < 0.5 else files[rng.integers(len(files))]
        _damage(file, rng)
        try:
            twin = PatientTwin.load(path)
            for scan in twin.scans:
                assert scan.volume.array.shape == scan.volume.geometry.shape
            assert twin.gtv_cm3 > 0
            assert all(d.volume.array.size for d in twin.doses.values())
        except InputError as error:
            _sentence(error)
            refused += 1
    assert refused > CASES / 3


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha"])
def test_damaged_images(tmp_path, suffix):
    array = np.random.default_rng(0).integers(-900, 900, (6, 12, 14)).astype(np.int16)
    drawn = np.zeros(array.shape, np.uint8)
    drawn[2:4, 3:7, 3:7] = 1
    for case in range(CASES):
        rng = np.random.default_rng([case, 2])
        ct, mask = tmp_path / f"ct.{suffix}", tmp_path / f"mask.{suffix}"
        for path, voxels in ((ct, array), (mask, drawn)):
            SimpleITK.WriteImage(SimpleITK.GetImageFromArray(voxels), str(path))
        _damage((ct, mask)[case % 2], rng)
        try:
            twin = import_patient(ct, mask=mask)
            assert twin.contours.gtv().any() and np.isfinite(twin.baseline.volume.array).all()
        except InputError as error:
            _sentence(error)


def test_a_gzip_that_unpacks_without_end_is_refused(tmp_path):
    """A header that claims more voxels than any CT has is refused before they are read."""
    image = SimpleITK.Image(4, 4, 4, SimpleITK.sitkInt16)
    SimpleITK.WriteImage(image, str(tmp_path / "a.nii"))
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(InputError, match="too many"):
        import_patient(tmp_path / "a.nii.gz")
