import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from simulators.tasks.alignment import aligned, motion
from simulators.tasks.crop import depth

SHAPE = (32, 64, 64)
SETUP = np.array([0.6, -0.8, 0.5])  # voxels


@pytest.fixture(scope="module")
def thorax():
    """Soft tissue, a textured lung and a tumour in it, in [-1, 1]."""
    chance = np.random.default_rng(0)
    z, y, x = np.indices(SHAPE) - np.array([16, 32, 32])[:, None, None, None]
    lung = (y / 24) ** 2 + (x / 20) ** 2 < 1
    vessels = gaussian_filter(chance.standard_normal(SHAPE), 1.5) > 0.25
    bones = gaussian_filter(chance.standard_normal(SHAPE), 3.0) > 0.06
    image = np.where(lung, np.where(vessels, 0.0, -0.8), np.where(bones, 0.4, 0.0))
    tumour = z**2 + y**2 + x**2 < 6**2
    image[tumour] = 0.05
    return gaussian_filter(image, 0.8).astype(np.float32), tumour.astype(np.float32)


def moved(volume, shift):
    at = np.indices(volume.shape, dtype=np.float32) - np.asarray(shift)[:, None, None, None]
    return map_coordinates(volume, at, order=3, mode="nearest")


def test_set_up_is_found_and_taken_away_even_where_the_tumour_shrank(thorax):
    image, tumour = thorax
    later = np.where(gaussian_filter(tumour, 1) * (1 - gaussian_filter(tumour, 3)) > 0.2, -0.8, image)
    seen = moved(later, SETUP) + 0.02 * np.random.default_rng(1).standard_normal(SHAPE)
    inside = depth(tumour)
    found = motion(image, seen.astype(np.float32), inside)
    assert np.abs(found[:, 16, 32, 32] - SETUP).max() < 0.15
    back = aligned(np.stack([seen, moved(tumour, SETUP)]), found)
    inner = (slice(4, -4),) * 3
    assert np.abs(back[0] - later)[inner].mean() < 0.4 * np.abs(seen - later)[inner].mean()
    assert np.abs(back[1] - tumour)[inner].mean() < 0.01


def test_an_image_that_did_not_move_stays(thorax):
    image, tumour = thorax
    found = motion(image, image, depth(tumour))
    assert np.abs(found).max() < 0.02


def test_without_anything_to_hold_on_to_nothing_moves():
    flat = np.zeros(SHAPE, np.float32)
    assert not motion(flat, flat, np.full(SHAPE, -1.0, np.float32)).any()
