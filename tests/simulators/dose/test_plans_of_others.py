"""Dose, CT and masks of other planning systems give DVHs."""

import io
import zipfile

import numpy as np
import pytest

from simulators.dose.dvh import dvh, mask_dvh
from twin import Geometry, StructureSet, Volume


@pytest.fixture(scope="module")
def openkbp(shared_data):
    """OpenKBP's patient 1: dose and structures on 128 x 128 x 128 voxels, (z, y, x) here."""
    with zipfile.ZipFile(shared_data / "openkbp.zip") as files:
        folder = "openkbp/pt_1/"

        def table(name):
            text = files.read(f"{folder}{name}.csv").decode()
            rows = [line.split(",") for line in text.splitlines()[1:]]
            index = np.array([int(r[0]) for r in rows])
            values = np.array([float(r[1]) if r[1] else 1.0 for r in rows], np.float32)
            whole = np.zeros(128**3, np.float32)
            whole[index] = values
            return whole.reshape(128, 128, 128).transpose(2, 0, 1)

        x, y, z = np.loadtxt(io.StringIO(files.read(folder + "voxel_dimensions.csv").decode()))
        geometry = Geometry((128, 128, 128), (float(z), float(y), float(x)))
        structures = StructureSet(geometry, ())
        for name in (
            "PTV56",
            "PTV63",
            "PTV70",
            "SpinalCord",
            "Brainstem",
            "LeftParotid",
            "RightParotid",
            "Mandible",
        ):
            structures = structures.with_mask(name, "PTV" if name[0] == "P" else "OAR", table(name) > 0)
        return Volume(geometry, table("dose"), "DOSE", "Gy"), structures


def test_the_openkbp_plan_covers_its_targets_and_spares_the_cord(openkbp):
    dose, structures = openkbp
    for name, prescribed in (("PTV56", 56), ("PTV63", 63), ("PTV70", 70)):
        h = dvh(dose, structures, name)
        # OpenKBP keeps the bulk of each target within a few percent of its prescription.
        assert h.d(95) == pytest.approx(prescribed, rel=0.07)
        assert h.d(1) < 1.15 * 70
    assert dvh(dose, structures, "SpinalCord").max_gy < 50
    assert dvh(dose, structures, "Brainstem").max_gy < dvh(dose, structures, "PTV70").mean_gy


def test_dividing_voxels_moves_a_mean_by_less_than_the_gradient_across_one(openkbp):
    dose, structures = openkbp
    for s in structures:
        h = dvh(dose, structures, s.name)
        # Voxels of 3.9 mm: at a target's border the plain statistic of voxel centres is up to a gray too high.
        assert h.mean_gy == pytest.approx(dose.array[structures.mask(s.name)].mean(), abs=1.0)
        assert h.volume_cm3 == pytest.approx(s.cm3)


def test_the_pinnacle_dose_and_plan_load_and_give_a_dvh(shared_data, tmp_path):
    from twin.dicom.reader import read_series
    from twin.dicom.treatment.rtdose import read_dose
    from twin.dicom.treatment.rtplan import read_plan

    with zipfile.ZipFile(shared_data / "dicom_rt_pieces.zip") as files:
        for name in ("RTPLAN.dcm", "RTDOSE.dcm"):
            (tmp_path / name).write_bytes(files.read(f"dicom_rt_pieces/pyorthanc_pinnacle/{name}"))
    found = {s.modality: s.first for s in read_series(tmp_path)}
    plan, dose = read_plan(found["RTPLAN"]), read_dose(found["RTDOSE"]).volume
    assert plan.fractions == 28
    assert plan.beams == 8
    assert dose.array.max() == pytest.approx(55.9, abs=0.06)
    hot = (dose.array >= 0.5 * dose.array.max()).astype(np.uint8)
    h = mask_dvh(dose, Volume(dose.geometry, hot, "MASK", "1"), "half of the maximum")
    assert h.max_gy <= dose.array.max() + 1e-3
    assert h.volume_cm3 == pytest.approx(hot.sum() * dose.geometry.voxel_cm3)
    assert 0.5 * dose.array.max() < h.d(50) < dose.array.max()
