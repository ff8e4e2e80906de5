"""The examples of the task `denoise`, from a patient whose scan is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from simulators.anatomy.grain import given_back
from simulators.tasks.denoise import TASK, grain_share, noisy
from simulators.tasks.scan_pairs import FACTS
from twin import Geometry, InputError, PatientTwin, Scan, StructureSet, Volume
from twin.files.nifti import write

GRID = Geometry((24, 40, 40), (3.0, 6.0, 6.0), (-120.0, -120.0, -36.0))
Z, Y, X = np.indices(GRID.shape)
INSIDE = ((Y - 20) / 15) ** 2 + ((X - 20) / 18) ** 2 < 1
LUNG = ((Y - 20) / 9) ** 2 + ((X - 13) / 5) ** 2 < 1


def scan():
    hu = np.where(INSIDE, np.where(LUNG, -800, 40 + Z), -1000)
    return Volume(GRID, hu.astype(np.int16), "CT", "HU")


@pytest.fixture(scope="module")
def twin():
    """A body with one lung; no tumour is drawn."""
    return PatientTwin("one", scans=(Scan("CT", 0.0, scan()),), structures=(StructureSet(GRID, ()),))


def learned(source, cache, task=TASK, **options):
    return task.learned([source], cache, options, lambda step, share: None)


def test_each_level_of_noise_is_an_example_of_a_slab(twin, tmp_path):
    twin.save(tmp_path / "one.twin")
    found = learned(tmp_path, tmp_path / "cache", noise_hu=[20.0, 60.0])
    (subject,) = found.subjects
    assert subject.source.shape == subject.target.shape == (2, 16, 1, 40, 40)
    assert subject.vectors.shape == (2, 0) and found.facts["domain"] == {"noise_hu": [20.0, 60.0]}
    for k, sd_hu in enumerate((20.0, 60.0)):
        clean = subject.target[k, :, 0].astype(np.float32) * 1024
        first = round(float(clean[0, 20, 30])) - 40  # the slab's first slice
        np.testing.assert_allclose(clean, scan().array[first : first + 16], atol=1.0)  # half precision
        np.testing.assert_array_equal(subject.near[k], INSIDE[:16])
        noise = (subject.source[k, :, 0].astype(np.float32) * 1024 - clean)[:, 16:24, 22:34]
        assert noise.std() == pytest.approx(sd_hu, rel=0.25) and abs(noise.mean()) < 0.3 * sd_hu


def test_there_is_more_noise_behind_more_tissue():
    made = noisy(scan(), 40.0, np.random.default_rng(0)).array.astype(float) - scan().array
    assert made[:, 16:24, 22:34].std() > 1.5 * made[:, :5, :5].std()


def test_the_truths_of_a_patient_are_his(twin, tmp_path):
    for plan in ("60-30", "none"):
        twin.save(tmp_path / "set" / "one.truth" / f"{plan}.twin")
    assert [s.patient for s in learned(tmp_path / "set", tmp_path / "cache").subjects] == ["one", "one"]


def test_an_unknown_option_is_refused(twin, tmp_path):
    twin.save(tmp_path / "one.twin")
    with pytest.raises(InputError, match="knows no option 'noise'; it knows noise_hu and grain"):
        learned(tmp_path, tmp_path / "cache", noise=3)
    with pytest.raises(InputError, match="by the dose of pairs; of twins' noise it is not known"):
        learned(tmp_path, tmp_path / "cache", grain=True)


@pytest.mark.parametrize("dose", [0.1, 0.25, 0.5])
def test_with_its_grain_the_best_guess_of_a_ct_of_the_whole_dose_is_as_noisy_as_that(dose):
    chance = np.random.default_rng(0)
    whole = 10 * chance.normal(size=(60, 80, 80))
    low = whole + 10 * np.sqrt(1 / dose - 1) * chance.normal(size=whole.shape)
    nearest = (low * whole).sum() / (low**2).sum() * low
    grid = Geometry(whole.shape, (1.0, 1.0, 1.0))
    scans = [Volume(grid, np.rint(50 * v).astype(np.int16), "CT", "HU") for v in (nearest, low)]
    assert nearest.std() == pytest.approx(10 * np.sqrt(dose), rel=0.02)
    assert (given_back(*scans, grain_share(dose)).array / 50).std() == pytest.approx(10, rel=0.01)


def pair(folder, **facts):
    folder.mkdir(parents=True)
    for name in ("source", "target"):
        write(folder / f"{name}.nii.gz", scan())
    (folder / FACTS).write_text(json.dumps(facts))


def test_weights_tell_of_the_grain_of_pairs_of_one_dose(tmp_path):
    pair(tmp_path / "one" / "quarter", dose=0.25)
    assert learned(tmp_path, tmp_path / "cache", grain=True).facts == {"grain": pytest.approx(1 / 3)}
    assert learned(tmp_path, tmp_path / "cache").facts == {}
    pair(tmp_path / "one" / "unknown")
    with pytest.raises(InputError, match=r"where all pairs are of one dose, as their pair\.json says"):
        learned(tmp_path, tmp_path / "cache", grain=True)


def test_examples_of_another_version_are_made_again(twin, tmp_path):
    twin.save(tmp_path / "one.twin")
    stems = [
        learned(tmp_path, tmp_path / "cache", task).subjects[0].stem
        for task in (TASK, TASK, replace(TASK, version="x"))
    ]
    assert stems[0] == stems[1] != stems[2]


# Of each example of the twin above, mean and SD of clean scan and noise in HU, and the share that is near.
EXAMPLES = {
    "1": [
        [-525.031, 508.278, -0.022, 7.963, 0.522],
        [-523.722, 509.757, 0.051, 15.883, 0.522],
        [-523.286, 510.25, 0.74, 30.761, 0.522],
    ]
}


def test_stored_examples_change_only_with_a_new_version_of_the_task(twin, tmp_path):
    twin.save(tmp_path / "one.twin")
    (subject,) = learned(tmp_path, tmp_path / "cache").subjects
    clean = 1024 * subject.target.astype(np.float64)
    images = (clean, 1024 * subject.source.astype(np.float64) - clean)
    found = [
        [*(f(image[k]) for image in images for f in (np.mean, np.std)), subject.near[k].mean()]
        for k in range(len(clean))
    ]
    assert TASK.version in EXAMPLES, f"of version {TASK.version} they are:\n{np.round(found, 3).tolist()}"
    np.testing.assert_allclose(
        found, EXAMPLES[TASK.version], rtol=1e-3, atol=2e-3,
        err_msg="raise the task's version, so that no cache of the former one is used",
    )  # fmt: skip
