import numpy as np
import pytest

from twin import InputError
from twin.dicom.organ import read_organ
from twin.importer import import_patient


@pytest.fixture
def grid(dicom_set):
    return import_patient(dicom_set()).contours.geometry


def _write(make, path, **rois):
    data = make.rtstruct(
        {n: [make.box_contour(z, (10, 20), (12, 22)) for z in range(1, 4)] for n in rois["names"]}
    )
    data.save_as(path, enforce_file_format=True)
    return path


def test_the_region_that_bears_the_organs_name_is_read(make, grid, tmp_path):
    found, _ = read_organ(_write(make, tmp_path / "s.dcm", names=("Herz", "Lunge li")), "Heart", grid)
    assert (found.name, found.role, found.estimated, len(found.contours)) == ("Heart", "OAR", False, 3)
    box = grid.box_of(found.mask.geometry)
    assert (box[0].start, box[0].stop) == (1, 4) and found.mask.array.all() == np.True_


def test_a_region_of_another_name_is_named_by_the_user(make, grid, tmp_path):
    file = _write(make, tmp_path / "s.dcm", names=("Organ 7", "Heart"))
    found, _ = read_organ(file, "Esophagus", grid, "Organ 7")
    assert found.name == "Esophagus"
    with pytest.raises(InputError, match="no regions Esophagus"):
        read_organ(file, "Esophagus", grid)


def test_a_file_that_is_no_structure_set_is_refused(make, grid, tmp_path):
    (tmp_path / "s.dcm").write_bytes(b"nothing")
    with pytest.raises(InputError):
        read_organ(tmp_path / "s.dcm", "Heart", grid)
