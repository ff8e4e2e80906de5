"""Cone-beam CT to CT: what the network is shown, and what comes back on the scan's own grid."""

import numpy as np
import pytest

from models.data.examples import Examples
from models.guard import Guard
from simulators.core.imaging import ScanTask
from simulators.tasks.cbct_ct import TASK
from simulators.tasks.cone_beam import prepared
from simulators.tasks.scan_pairs import pairs_in
from twin import Geometry, InputError, Volume
from twin.files.nifti import write

GRID = Geometry((12, 90, 102), (2.0, 2.0, 2.0), (-102.0, -90.0, -12.0))
Z, Y, X = np.indices(GRID.shape)
BODY = ((Y - 45) / 34) ** 2 + ((X - 51) / 40) ** 2 < 1
LUNG = ((Y - 45) / 20) ** 2 + ((X - 32) / 12) ** 2 < 1
FIELD = (Y - 44.5) ** 2 + (X - 50.5) ** 2 < 43**2


def truth(grid=GRID):
    return Volume(GRID, np.where(BODY, np.where(LUNG, -820, 40), -1000).astype(np.int16), "CT", "HU")


def cone_beam(seed=0, modality="CBCT"):
    grain = np.random.default_rng(seed).normal(0, 15, GRID.shape)
    hu = np.where(BODY, np.where(LUNG, -760, -30), -980) + np.where(FIELD, grain, 0)
    return Volume(GRID, np.where(FIELD, np.rint(hu), -1000).astype(np.int16), modality, "HU")


def coarser(volume, spacing):
    grid = volume.geometry.resampled(spacing)
    return Volume(grid, volume.on(grid, order=0, fill=-1000.0).astype(np.int16), volume.modality, "HU")


def pair(folder, scan=None, patient="one", name="first"):
    place = folder / patient / name
    place.mkdir(parents=True)
    write(place / "source.nii.gz", scan or cone_beam())
    write(place / "target.nii.gz", truth())
    write(place / "gtv.nii.gz", Volume(GRID, (Z - 6) ** 2 + (Y - 45) ** 2 + (X - 60) ** 2 < 16, "MASK", "1"))
    return place


def unchanged(scan):
    """What a network that changes nothing makes of a scan."""
    batch = TASK.encode(scan, 3)
    return batch.source[:, :1].numpy()


def test_it_is_a_scan_task_of_its_kind():
    assert isinstance(TASK, ScanTask) and (TASK.reads, TASK.modality) == ("CBCT", "CT")


@pytest.mark.parametrize("spacing", [2.0, (3.0, 1.0, 1.0), (4.0, 4.0, 4.0)], ids=["own", "fine", "coarse"])
def test_what_changes_nothing_gives_the_scan_on_its_own_grid(spacing):
    scan = cone_beam() if spacing == 2.0 else coarser(cone_beam(), spacing)
    made = TASK.decode(unchanged(scan), scan)
    assert made.geometry == scan.geometry and made.modality == "CT"
    difference = made.array.astype(float) - np.maximum(scan.array, -1024)
    outside = ~TASK.field(scan)
    assert outside.any() and (difference[outside] == 0).all()
    if spacing == 2.0:
        assert np.abs(difference).max() <= 1
    else:  # smoothed or interpolated, not moved
        deep = (slice(2, -2), slice(None), slice(None))
        assert abs(difference[deep][TASK.field(scan)[deep]].mean()) < 5


def test_outside_the_field_nothing_changes_whatever_the_network_says():
    scan = cone_beam()
    made = TASK.decode(np.zeros_like(unchanged(scan)), scan)
    np.testing.assert_array_equal(TASK.field(scan), FIELD)
    assert (made.array[~FIELD] == -1000).all() and (made.array[FIELD] == 512).all()


def test_air_far_from_the_body_is_neither_shown_to_the_network_nor_changed():
    grid = Geometry((6, 90, 160), (2.0, 2.0, 2.0), (-102.0, -90.0, -12.0))
    hu = np.full(grid.shape, -990, np.int16)
    hu[:, 20:70, 10:60] = 40
    hu[:, :1], hu[:, -1:] = -1000, -1000
    scan = Volume(grid, hu, "CBCT", "HU")
    source = unchanged(scan)
    assert source.shape == (6, 1, 90, 80)  # 16 voxels more on each side, to multiples of 16
    made = TASK.decode(np.zeros_like(source), scan).array
    assert (made[:, 1:-1, :80] == 512).all() and (made[:, :, 80:] == hu[:, :, 80:]).all()


def test_the_network_is_told_levels_grain_and_voxel():
    given = prepared(cone_beam(), TASK.field(cone_beam()))
    soft, lung, grain, voxel = given.vector
    assert (soft, lung) == pytest.approx((-30, -760), abs=3)
    assert grain == pytest.approx(15, rel=0.15) and voxel == 2.0
    axis = given.source[2]
    assert axis[0, 44, 50] < -0.98 and (axis[~FIELD] == 1).all()


@pytest.mark.parametrize(
    ("scan", "words"),
    [
        (cone_beam(modality="CT"), "the scan is CT, not CBCT"),
        (Volume(GRID, np.full(GRID.shape, -1000, np.int16), "CBCT", "HU"), "no body is found"),
        (coarser(cone_beam(), (8.0, 2.0, 2.0)), "its voxels are 8 mm long; 6 mm is the most"),
    ],
    ids=["modality", "body", "coarse"],
)
def test_what_it_is_not_made_for_is_a_sentence(scan, words):
    assert words in TASK.domain(scan)


def test_a_folder_of_pairs_becomes_windows_of_any_size(tmp_path):
    pair(tmp_path)
    pair(tmp_path, coarser(cone_beam(1), (3.0, 3.0, 3.0)), name="second")
    found = TASK.learned([tmp_path], tmp_path / "cache", {}, lambda step, share: None)
    assert [s.patient for s in found.subjects] == ["one", "one"]
    subject = found.subjects[0]
    assert subject.source.shape[2:] != GRID.shape[1:] and subject.source.shape[:3] == (2, 12, 3)
    wanted = subject.target[0, :, 0].astype(np.float32)[subject.near[0]]
    assert np.median(wanted) * 1536 + 512 == pytest.approx(40, abs=2)
    assert not np.array_equal(
        subject.source[0, :, 0], subject.source[1, :, 0]
    )  # the second is shaded otherwise
    np.testing.assert_array_equal(subject.target[0], subject.target[1])
    assert Guard.from_facts(found.facts["guard"]).distance(TASK.numbers(cone_beam())[None]).shape == (1,)
    batch = Examples(found.subjects, TASK.task, slices=3, batch=4, volumes=4, window=40).at(0)
    assert batch.source.shape == (4, 5, 40, 40) and batch.target.shape == (4, 1, 40, 40)


def test_a_case_has_its_regions_and_yardsticks(tmp_path):
    pair(tmp_path)
    (case,) = TASK.cases(tmp_path)
    assert TASK.patients(tmp_path) == {"one": tmp_path / "one"}
    assert set(case.regions) == {"lung", "soft", "tumour"} and not (case.region & ~FIELD).any()
    guess = case.yardsticks["voxel-wise"].array.astype(float)
    error = {n: np.abs(v - case.truth.array)[case.region].mean() for n, v in
             {"source": case.source.array.astype(float), "guess": guess}.items()}  # fmt: skip
    assert error["guess"] < 0.2 * error["source"]
    matched = TASK.classical(case.source).array.astype(float)
    assert abs((matched - case.truth.array)[case.region].mean()) < 10
    figures = TASK.figures(case.source, case)
    assert figures["grain_hu"] == pytest.approx(15, rel=0.2) and figures["grain_per_mm"] > 0.1
    assert figures["tumour_dice"] <= 1


def test_a_folder_without_pairs_and_one_without_a_target_are_a_sentence(tmp_path):
    with pytest.raises(InputError, match="there are no pairs in"):
        pairs_in(tmp_path, "CBCT")
    (pair(tmp_path) / "target.nii.gz").unlink()
    with pytest.raises(InputError, match="holds no target"):
        next(TASK.cases(tmp_path))
