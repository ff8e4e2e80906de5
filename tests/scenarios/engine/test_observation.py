"""A scan of another day becomes an observation, with what is carried to it, and can be taken back."""

import numpy as np
import pytest

from scenarios.engine.observation import CARRIED_ERROR, observe
from twin import Fraction, InputError, PatientTwin, Volume
from twin.files import nifti


@pytest.fixture(scope="module")
def patient(thorax):
    scan, drawn = thorax()
    return PatientTwin(
        "P-1", scans=(scan,), structures=(drawn,), fractions=(Fraction(1.0, 2.0),), now_days=1.0
    )


@pytest.fixture(scope="module")
def files(patient, thorax, tmp_path_factory):
    """The patient moved by 15 mm, in noise, and the tumour as somebody drew it there, smaller."""
    folder, grid = tmp_path_factory.mktemp("scan"), patient.baseline.volume.geometry
    noise = np.random.default_rng(2).normal(0, 15, grid.shape)
    moved = np.roll(patient.baseline.volume.array + noise, 3, axis=2).astype(np.int16)
    nifti.write(folder / "ct.nii.gz", Volume(grid, moved, "CT", "HU"))
    z, y, x = np.moveaxis(grid.lps(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)[::-1]
    small = (x - 90) ** 2 + (y + 10) ** 2 + z**2 < 15**2
    nifti.write(folder / "mask.nii.gz", Volume(grid, small.astype(np.uint8), "MASK", "1"))
    return folder


@pytest.mark.long
def test_a_scan_alone_gives_the_volume_of_the_tumour_that_was_carried(patient, files, tmp_path):
    after = observe(patient, 21.0, scan=files / "ct.nii.gz")
    seen, scan = after.observations[-1], after.scans[-1]
    assert (seen.kind, seen.scan, seen.error) == ("gtv_cm3", scan.name, CARRIED_ERROR["CT"])
    assert seen.value == pytest.approx(patient.gtv_cm3, rel=0.1)
    assert scan.simulated is None and scan.registration.shift_mm == pytest.approx(15, abs=1.5)
    tumour = patient.contours.geometry.lps(np.argwhere(patient.contours.gtv()))
    assert np.linalg.norm(scan.deformation.on_day(tumour) - tumour, axis=1).max() < 2
    on_it = after.structures[-1]
    assert {s.name for s in on_it} == {"GTVp", "Lung_L", "Lung_R", "SpinalCord"}
    assert all(s.estimated and s.carried_from == "CT" for s in on_it)
    after.save(tmp_path / "p.twin")
    back = PatientTwin.load(tmp_path / "p.twin").undone()
    assert [s.name for s in back.scans] == ["CT"] and len(back.structures) == 1 and not back.observations


@pytest.mark.long
def test_a_drawn_tumour_comes_before_the_carried_one(patient, files):
    after = observe(patient, 21.0, scan=files / "ct.nii.gz", mask=files / "mask.nii.gz")
    on_it, seen = after.structures[-1], after.observations[-1]
    drawn = nifti.read(files / "mask.nii.gz", "MASK", "1")
    assert seen.error == 0 and seen.value == pytest.approx(drawn.array.sum() * drawn.geometry.voxel_cm3)
    assert on_it["GTVp"].carried_from is None and on_it["SpinalCord"].carried_from == "CT"


def test_what_says_where_the_tumour_is_goes_with_a_scan(patient, files):
    with pytest.raises(InputError, match="give it with --scan"):
        observe(patient, 21.0, gtv_cm3=4.0, mask=files / "mask.nii.gz")
    with pytest.raises(InputError, match="give either --gtv-cm3, or --suv, or --scan"):
        observe(patient, 21.0, gtv_cm3=4.0, scan=files / "ct.nii.gz")
