"""The in-silico head: of small maps that a test draws, with metastases, lesions and refusals."""

import zipfile

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from simulators.insilico.head import make_head
from simulators.insilico.head.maps import lesion_mask, tissue_maps
from twin import Geometry, InputError, Volume
from twin.files import nifti

GRID = Geometry((80, 110, 90), (2.0, 2.0, 2.0), (-89.0, -75.0, -70.0))


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """A zip of a brain that is an ellipsoid: a rind of grey matter, white within, and a hollow."""
    folder = tmp_path_factory.mktemp("maps")
    z, y, x = np.meshgrid(
        *(np.arange(n) * 2.0 + o for n, o in zip(GRID.shape, GRID.origin_mm[::-1], strict=True)),
        indexing="ij",
    )
    deep = np.sqrt(((x) / 66) ** 2 + ((y - 30) / 84) ** 2 + ((z - 8) / 62) ** 2)
    hollow = np.sqrt((x / 14) ** 2 + ((y - 30) / 30) ** 2 + ((z - 12) / 12) ** 2) < 1
    tissue = {"gm": (deep < 1) & (deep > 0.88), "wm": (deep <= 0.88) & ~hollow}
    with zipfile.ZipFile(folder / "maps.zip", "w") as packed:
        for name, mask in tissue.items():
            part = folder / f"mni152_{name}.nii.gz"
            nifti.write(part, Volume(GRID, mask.astype(np.float32), "MASK", "1"))
            packed.write(part, f"maps/{part.name}")
        for number in ("07", "08"):
            part = folder / f"patient{number}_lesion_mni.nii.gz"
            spot = (np.abs(x - 30) < 6) & (np.abs(y - 30) < 6) & (np.abs(z - 20) < 6)
            nifti.write(part, Volume(GRID, spot.astype(np.uint8), "MASK", "1"))
            packed.write(part, part.name)
    return folder / "maps.zip"


@pytest.fixture(scope="module")
def head(maps):
    return make_head(maps, 3, lesions=maps, metastases=2)


@pytest.mark.slow
def test_a_head_has_tissues_a_skull_and_metastases_with_what_belongs_to_them(head):
    twin, truth = head
    drawn, hu = twin.contours, twin.baseline.volume.array
    assert {"Brain", "GrayMatter", "WhiteMatter", "CSF", "WMLesions", "GTVm1", "GTVm2"} <= set(drawn.names)
    for name, low, high in (("GrayMatter", 30, 45), ("WhiteMatter", 22, 36), ("CSF", -5, 25)):
        inner = binary_erosion(
            drawn.mask(name), iterations=1 + (name == "CSF")
        )  # a rim of fluid holds some bone
        assert low < np.median(hu[inner]) < high
    brain, body = drawn.mask("Brain"), drawn.mask("Body")
    assert not (brain & ~body).any()
    k = brain.any(axis=(1, 2)).nonzero()[0].mean().astype(int)
    row = hu[k, brain[k].any(axis=1).nonzero()[0].mean().astype(int)]
    bone = np.flatnonzero(row > 600)
    inner = np.flatnonzero(brain[k].any(axis=0))
    assert bone[0] < inner[0] and bone[-1] > inner[-1]  # the skull lies on both sides of the brain
    for n, one in enumerate(truth["metastases"], start=1):
        cm3 = 4 / 3 * np.pi * one["radius_mm"] ** 3 / 1000
        assert 0.4 * cm3 < drawn[f"GTVm{n}"].cm3 < 1.6 * cm3
    assert truth["lesions"] == "patient 08"  # never one of the test heads, 07
    assert twin.in_silico


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_another_head(maps, head):
    again = make_head(maps, 3, lesions=maps, metastases=2)[0].baseline.volume.array
    assert np.array_equal(again, head[0].baseline.volume.array)
    assert not np.array_equal(again, make_head(maps, 4, metastases=0)[0].baseline.volume.array)


def test_maps_that_are_not_there_are_said(tmp_path, maps):
    with pytest.raises(InputError, match="no such file or folder"):
        tissue_maps(tmp_path / "none.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no map of grey matter of the MNI 152 template"):
        tissue_maps(tmp_path / "empty")
    with pytest.raises(InputError, match="holds no masks of lesions"):
        lesion_mask(tmp_path / "empty", np.random.default_rng(0))
    grey, white = tissue_maps(maps)
    assert grey.geometry == white.geometry and float(grey.array.max()) == 1.0


def test_the_real_maps_are_read(shared_data):
    grey, white = tissue_maps(shared_data / "mni152_tissue.zip")
    assert grey.array.sum() / 1000 == pytest.approx(1008, rel=0.01)  # cm3 at 1 mm
    assert white.array.sum() / 1000 == pytest.approx(670, rel=0.01)
