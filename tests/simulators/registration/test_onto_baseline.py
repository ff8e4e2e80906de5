"""Registration against a field that is known, and what is carried through it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from simulators.registration import carried, moved, register
from twin import InputError, Volume


@pytest.fixture(scope="module")
def seen_again(thorax):
    """A thorax, its structures, the thorax of another day in another frame, and the field that leads back from it."""
    scan, drawn = thorax()
    ct, grid = scan.volume, scan.volume.geometry
    rng = np.random.default_rng(4)
    at = np.indices(grid.shape, dtype=float)
    fine = gaussian_filter(rng.normal(size=grid.shape), 1.0)
    textured = ct.array + np.where(ct.array > -950, 60 * fine / fine.std(), 0.0)
    back = np.stack([gaussian_filter(rng.normal(size=grid.shape), 7.0) for _ in range(3)])
    back *= 3.0 / back.std(axis=(1, 2, 3), keepdims=True)  # mm
    lung = gaussian_filter(drawn.mask("Lung_L", "Lung_R").astype(float), 2.0)
    back[0] += 8.0 * lung * np.linspace(1, 0, grid.shape[0])[:, None, None]
    index = at + back / 5.0
    day = map_coordinates(textured, index, order=1, cval=-1000.0) + 10 * rng.normal(size=grid.shape)
    gtv = map_coordinates(drawn.gtv().astype(float), index, order=1) > 0.5
    frame = np.eye(4)
    frame[:3, 3] = 30.0, -14.0, 22.0
    other = Volume(grid.moved(frame), day.astype(np.int16), "CT", "HU")
    return replace(ct, source=textured.astype(np.int16)), drawn, other, back, gtv, frame


@pytest.fixture(scope="module")
def found(seen_again):
    baseline, _, day, *_ = seen_again
    return register(day, baseline)


def test_tissue_is_found_where_a_known_field_put_it(seen_again, found):
    baseline, drawn, _, back, _, frame = seen_again
    grid = baseline.geometry
    inside = np.argwhere(drawn.mask("Body"))[::7]
    inside = inside[((inside > 3) & (inside < np.subtract(grid.shape, 4))).all(axis=1)]
    lps = grid.lps(inside)
    there = np.linalg.inv(found.matrix) @ np.c_[found.field.on_day(lps), np.ones(len(lps))].T
    own = (np.linalg.inv(frame) @ there)[:3].T  # on the day's voxels, in the frame of the field
    at = np.moveaxis(grid.index(own), -1, 0)
    led_back = own + np.stack([map_coordinates(b, at, order=1) for b in back])[::-1].T
    error = np.linalg.norm(led_back - lps, axis=1)
    before = np.linalg.norm(back[:, *inside.T], axis=0)
    assert np.median(error) < 2.0 < 0.55 * np.median(before) + 1.0
    assert np.percentile(error, 95) < np.percentile(before, 95)
    low, high = found.registration.jacobian
    assert 0.15 <= low < 1 < high and found.registration.surface_mm["lungs"] < 2.0


def test_contours_are_carried_and_marked(seen_again, found):
    _, drawn, _, _, gtv, _ = seen_again
    grid = found.volume.geometry
    over = carried([drawn["GTVp"], drawn["SpinalCord"]], found.field, found.volume, source="CT", day=9.0)
    assert over.geometry.same_grid(grid) and over.time_days == 9.0
    assert all(s.estimated and s.carried_from == "CT" for s in over)
    both = 2 * (over.gtv() & gtv).sum() / (over.gtv().sum() + gtv.sum())
    assert both > 0.85 and over.gtv_cm3() == pytest.approx(gtv.sum() * grid.voxel_cm3, rel=0.12)
    placed = moved(drawn, found.matrix, 9.0)
    assert placed.geometry.same_grid(drawn.geometry.moved(found.matrix))
    np.testing.assert_array_equal(placed.gtv(), drawn.gtv())


def test_a_scan_without_the_whole_tumour_is_refused(seen_again, found):
    _, drawn, *_ = seen_again
    low = found.volume.crop((slice(0, 20), slice(None), slice(None)))
    with pytest.raises(InputError, match="does not hold the whole tumour: GTVp"):
        carried(drawn.role("GTV"), found.field, low, source="CT", day=9.0)


def test_air_is_refused(seen_again):
    baseline, _, day, *_ = seen_again
    with pytest.raises(InputError, match="next to nothing"):
        register(replace(day, source=np.full_like(day.array, -1000)), baseline)


def test_noise_is_refused(seen_again):
    baseline, _, day, *_ = seen_again
    noise = np.random.default_rng(0).normal(-300, 300, day.array.shape).astype(np.int16)
    with pytest.raises(InputError, match="cannot be registered with the baseline CT"):
        register(replace(day, source=noise), baseline)


def test_no_other_modality_is_taken(seen_again):
    baseline, _, day, *_ = seen_again
    with pytest.raises(InputError, match="a PT cannot be registered"):
        register(replace(day, modality="PT"), baseline)
