"""Tasks on pairs that lie on one another: what the network is shown, what comes back, and the yardsticks of each."""

import json
from dataclasses import replace

import numpy as np
import pytest

from simulators.core.imaging import TASKS, ScanTask
from simulators.tasks.nonlocal_means import denoised, noise_sd
from simulators.tasks.regrid import best_voxelwise, brought
from twin import Geometry, InputError, Volume
from twin.files.nifti import write

GRID = Geometry((5, 60, 64), (3.0, 2.0, 2.0), (-64.0, -60.0, -6.0))
Z, Y, X = np.indices(GRID.shape)
BODY = ((Y - 30) / 24) ** 2 + ((X - 32) / 27) ** 2 < 1
FAT = BODY & (((Y - 30) / 20) ** 2 + ((X - 32) / 22) ** 2 >= 1)
LESION = BODY & ((Y - 30) ** 2 + (X - 40) ** 2 < 36)
NAMES = ("mr-ct", "ct-pet", "t2-flair", "harmonise")
HU = np.where(BODY, np.where(FAT, -100, 40), -1000).astype(np.int16)
IMAGES = {
    "mr-ct": (np.where(BODY, np.where(FAT, 950, 300), 5), "MR", HU),
    "ct-pet": (HU, "CT", np.where(BODY, np.where(LESION, 8.0, 0.9), 0.0)),
    "t2-flair": (np.where(BODY, np.where(LESION, 900, 500), 0), "MR", np.where(BODY, np.where(LESION, 260, 170), 0)),
    "harmonise": (HU + np.where(BODY, 15 * (-1) ** (X + Y), 0), "CT", HU),
}  # fmt: skip


def scan(task, grid=GRID):
    values, modality, _ = IMAGES[task]
    unit = "HU" if modality == "CT" else "a.u."
    whole = Volume(GRID, np.asarray(values, np.int16 if unit == "HU" else np.float32), modality, unit)
    return (
        whole
        if grid is GRID
        else Volume(grid, brought(whole, grid).astype(whole.array.dtype), modality, unit)
    )


def pairs(folder, task):
    place = folder / "one" / "scan"
    place.mkdir(parents=True)
    target = np.asarray(IMAGES[task][2], np.int16 if TASKS[task].modality == "CT" else np.float32)
    write(place / "source.nii.gz", scan(task))
    write(place / "target.nii.gz", Volume(GRID, target, TASKS[task].modality, "1"))
    write(place / "gtv.nii.gz", Volume(GRID, LESION, "MASK", "1"))
    (place / "pair.json").write_text(json.dumps({"to": "standard"}))
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_what_the_truth_says_comes_back_on_the_scans_own_grid(name):
    task, own = TASKS[name], scan(name, GRID.resampled((3.0, 1.6, 1.6)))
    assert isinstance(task, ScanTask) and task.domain(own) is None
    shape = task.encode(own, 3).source.shape
    assert shape[1] == 3 and (shape[2] < own.geometry.shape[1]) == (task.pixel_mm > 1.6)
    channel = task.task.target[0]
    value = 0.5 * (channel.low + channel.high)
    made = task.decode(np.zeros((shape[0], 1, *shape[2:]), np.float32), own)
    inside = task.inside(own)
    assert made.geometry == own.geometry and made.modality == task.modality
    if name != "harmonise":  # which changes the scan in its body
        np.testing.assert_allclose(made.array[inside], value, atol=1)
        assert (made.array[~inside] == task.outside).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_pairs_is_learned_from_and_judged_with_yardsticks(name, tmp_path):
    task = TASKS[name]
    found = task.learned([pairs(tmp_path / "set", name)], tmp_path / "cache", {}, lambda step, share: None)
    (subject,) = found.subjects
    channel, near = task.task.target[0], subject.near[0]
    values = channel.values(subject.target[0, :, 0].astype(np.float32))[near]
    (case,) = task.cases(tmp_path / "set")
    assert np.median(values) == pytest.approx(np.median(case.truth.array[case.region]), rel=0.02, abs=1)
    assert subject.vectors.shape == (1, len(task.task.conditions))
    error = {
        n: np.abs(v.array.astype(float) - case.truth.array)[case.region].mean()
        for n, v in case.yardsticks.items()
    }
    assert error["oracle"] == 0 <= error["voxel-wise"] and set(error) >= set(task.yardsticks)
    classical = task.classical(case.source)
    assert classical.geometry == case.source.geometry
    figures = task.figures(case.truth, case)
    assert all(
        v == pytest.approx(0) for k, v in figures.items() if k.endswith(("error", "error_mm", "bias_mm"))
    )
    with pytest.raises(InputError, match="knows no option 'x'"):
        task.learned([tmp_path / "set"], tmp_path / "cache", {"x": 1}, lambda step, share: None)


def test_bulk_densities_know_fat_from_muscle_and_the_path_is_water():
    task, own = TASKS["mr-ct"], scan("mr-ct")
    bulk = task.classical(own).array
    assert (bulk[FAT & task.inside(own)] == -100).all() and (bulk[LESION] == 40).all()


def test_of_a_lesions_uptake_each_measure_is_told_apart(tmp_path):
    task = TASKS["ct-pet"]
    (case,) = task.cases(pairs(tmp_path, "ct-pet"))
    half = Volume(GRID, np.where(case.region, case.truth.array * 0.5, 0.0).astype(np.float32), "PT", "SUV")
    found = task.figures(half, case)
    assert found["lesion_suvmax_error"] == pytest.approx(0.5) and found["lesion_dice"] == pytest.approx(1)
    assert task.figures(case.yardsticks["blob"], case)["lesion_dice"] < 1


@pytest.mark.parametrize("name", ["ct-pet", "t2-flair"])
def test_a_lesion_outside_of_what_is_judged_has_no_figures_and_none_is_nan(name, tmp_path):
    task = TASKS[name]
    place = pairs(tmp_path, name) / "one" / "scan"
    write(place / "gtv.nii.gz", Volume(GRID, ~BODY, "MASK", "1"))
    (case,) = task.cases(tmp_path)
    assert "lesion" not in case.regions and task.figures(case.truth, case) == {}
    outside = replace(case, regions={"lesion": ~BODY})
    assert task.figures(case.truth, outside) == {}
    found = task.figures(case.truth, replace(case, regions={"lesion": ~BODY | LESION}))
    assert found == task.figures(case.truth, replace(case, regions={"lesion": LESION}))
    everywhere = task.figures(case.truth, replace(case, regions={"lesion": BODY}))
    assert np.isfinite(list(everywhere.values())).all()
    dark = Volume(GRID, np.zeros(GRID.shape, np.float32), case.truth.modality, case.truth.unit)
    dark_case = replace(case, truth=dark, regions={"lesion": LESION})
    assert np.isfinite(list(task.figures(case.truth, dark_case).values())).all()


def test_fluid_of_every_scanner_is_brought_to_one_brightness_and_what_is_dark_stays():
    numbers = []
    for fluid in (1000, 2000):
        values = np.where(BODY, np.where(LESION, fluid, np.where(FAT, 300, 500)), 0).astype(np.float32)
        numbers.append(TASKS["t2-flair"].source_numbers(Volume(GRID, values, "MR", "a.u.")))
    np.testing.assert_allclose(*numbers, rtol=1e-6)
    for where, value in ((LESION, 280), (FAT & ~LESION, 60), (BODY & ~FAT & ~LESION, 100)):
        np.testing.assert_allclose(numbers[0][where], value, rtol=1e-6)


def test_a_network_is_shown_no_holes_in_a_brain():
    whole = np.where(BODY, np.where(LESION, 1000, 500), 0).astype(np.float32)
    holed = whole.copy()
    z, y, x = np.argwhere(LESION).mean(axis=0).astype(int)
    holed[z, y, x] = 0
    seen, clean = (
        TASKS["t2-flair"].encode(Volume(GRID, v, "MR", "a.u."), 1).source.numpy() for v in (holed, whole)
    )
    np.testing.assert_allclose(seen, clean, atol=1e-5)
    inside = TASKS["t2-flair"].inside(Volume(GRID, holed, "MR", "a.u."))
    assert not inside[z, y, x], "and nothing is made there, nor judged"


def test_a_scan_of_another_modality_or_without_a_body_is_refused():
    assert "not MR" in TASKS["mr-ct"].domain(scan("ct-pet"))
    assert "nothing is found" in TASKS["ct-pet"].domain(
        Volume(GRID, np.full(GRID.shape, -1000, np.int16), "CT", "HU")
    )


def test_non_local_means_take_noise_and_leave_an_edge():
    clean = np.where(X > 32, 100.0, 0.0)
    noisy = clean + np.random.default_rng(0).normal(0, 10, GRID.shape)
    made = denoised(noisy, BODY)
    assert noise_sd(noisy, BODY) == pytest.approx(10, rel=0.1)
    assert (made - clean)[BODY].std() < 0.4 * 10
    flat = np.zeros((1, 8, 8))
    np.testing.assert_array_equal(denoised(flat, flat == 0), flat)


def test_the_best_guess_is_the_median_of_the_truth_at_each_value():
    source = np.array([[[1.0, 1.2, 5.0, 5.3, 9.0]]])
    truth = np.array([[[2.0, 4.0, 7.0, 9.0, 0.0]]])
    region = np.array([[[True, True, True, True, False]]])
    np.testing.assert_array_equal(best_voxelwise(source, truth, region, 1.0), [[[3, 3, 8, 8, 9]]])
