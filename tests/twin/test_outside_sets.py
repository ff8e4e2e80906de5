"""Real sets of other kinds load into the same nouns and give dose-volume histograms."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from simulators.dose.dvh import dvh
from twin import Geometry, StructureSet, Volume
from twin.dicom.reader import read_series
from twin.dicom.treatment.rtdose import read_dose


def _sparse(path, shape=(128, 128, 128)):
    """OpenKBP's sparse table: flat index, value; a mask has no values."""
    table = np.genfromtxt(path, delimiter=",", skip_header=1)
    dense = np.zeros(np.prod(shape))
    dense[table[:, 0].astype(int)] = np.where(np.isnan(table[:, 1]), 1.0, table[:, 1])
    return dense.reshape(shape)


def test_an_openkbp_patient_gives_the_dvh_of_its_levels(unzipped):
    folder = next(Path(unzipped("openkbp")).rglob("pt_1"))
    x_mm, y_mm, z_mm = np.loadtxt(folder / "voxel_dimensions.csv")
    # stored as (x, y, z) with y to the front and z to the head reversed; the DVH needs only one common grid
    geometry = Geometry((128, 128, 128), (float(x_mm), float(y_mm), float(z_mm)))
    dose = Volume(geometry, _sparse(folder / "dose.csv").astype(np.float32), "DOSE", "Gy")
    structures = StructureSet(geometry, ())
    for name, role in (("PTV70", "PTV"), ("PTV63", "PTV"), ("PTV56", "PTV"), ("SpinalCord", "OAR")):
        structures = structures.with_mask(name, role, _sparse(folder / f"{name}.csv") > 0)
    curves = {s.name: dvh(dose, structures, s.name) for s in structures}
    d95 = {name: curve.d(95) for name, curve in curves.items()}
    assert d95["PTV70"] > d95["PTV63"] > d95["PTV56"] > d95["SpinalCord"]
    assert d95["PTV70"] == pytest.approx(70, rel=0.08) and d95["PTV56"] == pytest.approx(56, rel=0.1)
    for structure in structures:
        assert curves[structure.name].volume_cm3 == pytest.approx(structure.cm3, rel=0.02)
        inside = dose.array[structures.mask(structure.name)]
        assert curves[structure.name].mean_gy == pytest.approx(inside.mean(), rel=0.03)


def test_the_pinnacle_dose_gives_a_dvh_where_it_is_high(unzipped, tmp_path):
    shutil.copy(next(Path(unzipped("dicom_rt_pieces")).rglob("pyorthanc_pinnacle/RTDOSE.dcm")), tmp_path)
    dose = read_dose(read_series(tmp_path)[0].first).volume
    hot = StructureSet(dose.geometry, ()).with_mask("hot", "OTHER", dose.array > 50.0)
    curve = dvh(dose, hot, "hot")
    assert curve.max_gy == pytest.approx(55.87, rel=0.01)
    assert 50.0 < curve.d(50) < 55.9
