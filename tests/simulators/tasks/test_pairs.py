"""Examples of two scans, from a patient whose numbers are known."""

import numpy as np
import pytest

from simulators.tasks.crop import SHAPE, VECTOR, Crop, domain_of, outside
from simulators.tasks.follow_up import TASK
from simulators.tasks.pairs import pairs_of
from simulators.treatment.mechanistic import MechanisticTreatment
from twin import ClinicalRecord, DoseGrid, Fraction, Geometry, PatientTwin, Scan, StructureSet, Volume

GRID = Geometry((52, 104, 104), (2.0, 2.0, 2.0), (-104.0, -104.0, -52.0))
DAYS = (0.0, 10.5, 80.25)


def ball(radius_mm):
    z, y, x = np.indices(GRID.shape)
    return 4.0 * ((z - 25) ** 2 + (y - 52) ** 2 + (x - 52) ** 2) <= radius_mm**2


def contoured(day, radius_mm):
    hu = np.where(ball(radius_mm), 40, -800) + np.random.default_rng(int(day)).integers(-20, 20, GRID.shape)
    drawn = StructureSet(GRID, (), day).with_mask("Lung_R", "OAR", ~ball(radius_mm))
    if radius_mm:
        drawn = drawn.with_mask("GTVp", "GTV", ball(radius_mm))
    return Scan(f"CT {day:g}", day, Volume(GRID, hu.astype(np.int16), "CT", "HU")), drawn


@pytest.fixture(scope="module")
def twin():
    """Ten fractions of 3 Gy on days 1 to 10; the tumour shrinks and is gone on the last scan."""
    dates = [contoured(day, r) for day, r in zip(DAYS, (16.0, 12.0, 0.0), strict=True)]
    dose = Volume(GRID.resampled(4.0), np.full(GRID.resampled(4.0).shape, 30, np.float32), "DOSE", "Gy")
    return PatientTwin(
        "one",
        clinical=ClinicalRecord(
            age_years=70, sex="female", n_stage="N2a", tnm_edition=9, chemotherapy="concurrent"
        ),
        scans=tuple(scan for scan, _ in dates),
        structures=tuple(drawn for _, drawn in dates),
        doses={"30/10": DoseGrid("30/10", dose, 30.0)},
        fractions=tuple(Fraction(i + 1.375, 3.0, "30/10", 0.1) for i in range(10)),
    )


@pytest.fixture(scope="module")
def pairs(twin):
    return list(pairs_of(twin))


def numbers(pair):
    return dict(zip(VECTOR, pair.vector.tolist(), strict=True))


def test_every_later_scan_makes_a_pair_with_every_earlier_one_that_shows_a_tumour(twin, pairs):
    assert [(p.start_days, p.day) for p in pairs] == [(0.0, 10.5), (0.0, 80.25), (10.5, 80.25)]
    without = twin.fork(structures=twin.structures[1:])
    assert [(p.start_days, p.day) for p in pairs_of(without)] == [(10.5, 80.25)]


def test_the_dose_is_that_between_the_scans(pairs):
    first, whole, after = pairs
    assert numbers(first)["dose_gy"] == pytest.approx(30.0) and numbers(first)["fractions"] == 10
    # Ten times 3 Gy: EQD2 = 30 (3 + 3) / (2 + 3) = 36 Gy, in units of 60 Gy.
    middle = tuple(slice(10, -10) for _ in range(3))
    np.testing.assert_allclose(first.source[2][middle], 0.6, rtol=1e-5)
    np.testing.assert_allclose(whole.source[2][middle], 0.6, rtol=1e-5)
    assert numbers(after)["dose_gy"] == numbers(after)["fractions"] == 0 and not after.source[2].any()


def test_time_since_the_end_is_missing_without_dose_and_before_the_end(pairs):
    first, whole, after = pairs
    assert numbers(first)["since_rt_end_days"] == pytest.approx(0.125)
    assert numbers(whole)["since_rt_end_days"] == pytest.approx(80.25 - 10.375)
    assert np.isnan(numbers(after)["since_rt_end_days"])


def test_what_the_record_lacks_is_missing_and_never_filled_in(pairs):
    known = numbers(pairs[0])
    assert (known["age_years"], known["male"], known["n_stage"], known["chemotherapy"]) == (70, 0, 2, 1)
    for name in ("squamous", "t_stage", "ecog", "pack_years"):
        assert np.isnan(known[name])


def test_images_on_a_grid_of_2_mm_are_cut_and_not_resampled(twin, pairs):
    pair = pairs[0]
    grid = Crop.of(twin.scans[0], twin.structures[0], slices=SHAPE[0]).grid
    box = GRID.box_of(grid)
    assert pair.source.shape == (len(TASK.task.source), *SHAPE) and pair.target.shape == (2, *SHAPE)
    for image, scan in ((pair.source, twin.scans[0]), (pair.target, twin.scans[1])):
        np.testing.assert_allclose((image[0] + 1) * 1024 - 1024, scan.volume.array[box], atol=1e-3)
    np.testing.assert_array_equal(pair.source[1], ball(16.0)[box])
    np.testing.assert_array_equal(pair.target[1], ball(12.0)[box])
    np.testing.assert_array_equal(pair.source[3], ~ball(16.0)[box], "lung")


def test_a_tumour_that_is_gone_has_no_volume(pairs):
    first, whole, _ = pairs
    assert numbers(first)["relative_gtv"] == pytest.approx(ball(12.0).sum() / ball(16.0).sum())
    assert numbers(whole)["relative_gtv"] == 0.0 and not whole.target[1].any()


def test_the_draft_is_the_mechanistic_follow_up(pairs):
    for pair in pairs:
        assert pair.drawable
        assert pair.source[TASK.task.index("draft_share")].sum() * 0.008 == pytest.approx(
            pair.request.tumour.gtv_cm3, rel=0.01, abs=0.01
        )
    pair = pairs[0]  # before any injury, which the draft shows without its patches
    followup = MechanisticTreatment().generate([pair.request])[0]
    tissue, tumour, share = pair.source[4:7]
    assert ((share > 0.5) == (followup.gtv.on(pair.crop.grid, order=0) > 0)).mean() > 0.999
    drawn = (followup.scan.on(pair.crop.grid, fill=-3000) + 1024) / 1024 - 1
    shown = drawn > -1.5  # the follow-up holds no more than the region that changed
    made = tissue + share * (tumour - tissue)
    assert shown.any() and np.abs(made - drawn)[shown].max() * 1024 < 1.0


def test_what_it_learned_from_bounds_what_is_asked(pairs):
    vectors = np.stack([p.vector for p in pairs])
    domain = domain_of(vectors)
    assert domain["elapsed_days"] == [10.0, 81.0] and domain["fraction_gy"] == [3.0, 3.0]
    assert all(outside(v, domain) is None for v in vectors)
    more = vectors[0].copy()
    more[VECTOR.index("fractions")] = 5
    assert outside(more, domain) == "it learned from 3 to 3 Gy a fraction"


def test_a_tumour_too_wide_for_the_crop_gives_no_pairs(twin):
    wide = np.zeros(GRID.shape, dtype=bool)
    wide[25, 52, 10:90] = True
    sets = (twin.structures[0].with_mask("GTVp", "GTV", wide), *twin.structures[1:])
    assert [(p.start_days, p.day) for p in pairs_of(twin.fork(structures=sets))] == [(10.5, 80.25)]


# What the examples of the twin above look like, of each version of the task; a new one gets a row of its own.
EXAMPLES = {
    "7": {
        "source": [
            [
                [-0.777831, 0.004768, 0.600098, 0.995232, -0.781748, -0.432046, 0.002091, -0.954181],
                [-0.777831, 0.004768, 0.600098, 0.995232, -0.755537, -0.432044, 0, -0.954181],
                [-0.780025, 0.002091, 0, 0.997909, -0.78174, -0.476776, 0, -0.967537],
            ],
            [
                [0.05763, 0.068882, 0, 0.068882, 0.011218, 0.402181, 0.043839, 0.16092],
                [0.05763, 0.068882, 0, 0.068882, 0.010972, 0.402182, 0, 0.16092],
                [0.039144, 0.04568, 0, 0.04568, 0.011213, 0.391552, 0, 0.131145],
            ],
        ],
        "target": [
            [[-0.780025, 0.002091], [-0.781724, 0], [-0.781724, 0]],
            [[0.039144, 0.04568], [0.011344, 0], [0.011344, 0]],
        ],
        "near": [0.118442, 0.118442, 0.091107],
        "focus": [[7, 40], [7, 40], [9, 38]],
        "vectors": [
            [10.5, 30, 10, 0.125, 0.4386, 16.872, 70, 0, -1, -1, 2, -1, -1, 1],
            [80.25, 30, 10, 69.875, 0, 16.872, 70, 0, -1, -1, 2, -1, -1, 1],
            [69.75, 0, 0, -1, 0, 7.4, 70, 0, -1, -1, 2, -1, -1, 1],
        ],
        "outcomes": [
            [10.5, 30, 10, 0.125, 0.4386, 16.872, 70, 0, -1, -1, 2, -1, -1, 1],
            [80.25, 30, 10, 69.875, 0, 16.872, 70, 0, -1, -1, 2, -1, -1, 1],
        ],
    }
}


def summary(subject):
    """Numbers that change when stored examples do: of images, mean and spread of each example's channels."""

    def of(volumes):  # (m, z, c, y, x)
        values = volumes.astype(np.float64)
        return np.round([values.mean(axis=(1, 3, 4)), values.std(axis=(1, 3, 4))], 6).tolist()

    return {
        "source": of(subject.source),
        "target": of(subject.target),
        "near": np.round(subject.near.mean(axis=(1, 2, 3)), 6).tolist(),
        "focus": subject.focus.tolist(),
        "vectors": np.round(np.nan_to_num(subject.vectors, nan=-1.0), 4).tolist(),
        "outcomes": np.round(np.nan_to_num(subject.outcomes, nan=-1.0), 4).tolist(),
    }


def test_stored_examples_change_only_with_a_new_version_of_the_task(twin, tmp_path):
    twin.save(tmp_path / "one.twin")
    (subject,) = TASK.learned([tmp_path], tmp_path / "cache", {}, lambda step, share: None).subjects
    found = summary(subject)
    assert TASK.version in EXAMPLES, f"of version {TASK.version} they are:\n{found}"
    for name, value in EXAMPLES[TASK.version].items():
        np.testing.assert_allclose(
            np.array(found[name]), np.array(value), atol=2e-5, rtol=2e-3,
            err_msg=f"{name} changed: raise the task's version, so that no cache of the former one is used",
        )  # fmt: skip
