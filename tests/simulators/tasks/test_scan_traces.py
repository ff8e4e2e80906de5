"""What a scan shows of how it was taken: numbers that move with noise, streaks and motion, each where it is said."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter1d

from simulators.tasks.scan_traces import scan_traces

SHAPE = (24, 72, 80)
BODY = np.zeros(SHAPE, bool)
BODY[:, 8:-8, 8:-8] = True
NOISE_OF_SOFT, STREAKS_OF_SOFT, NOISE_OF_LUNG = slice(0, 6), 6, slice(7, 13)
ACROSS, ALONG = slice(14, 17), slice(18, 21)  # steepness of borders across z, and along it

DOME = slice(30, 32)


def scan(noise_hu=4.0, breath=0, streaks=0.0):
    """Soft tissue around a lung that ends at a diaphragm."""
    hu = np.where(BODY, 40.0, -1000.0)
    hu[8:, 20:52, 20:56] = -800.0
    hu = gaussian_filter(hu, (0.5, 0.8, 0.8))
    if breath:
        hu = uniform_filter1d(hu, breath, axis=0, mode="nearest")
    rng = np.random.default_rng(0)
    hu = hu + noise_hu * rng.normal(size=SHAPE)
    return hu + streaks * rng.normal(size=(*SHAPE[:2], 1))


def traces(**how):
    return np.array(scan_traces(scan(**how), BODY, 2.0))


def test_twice_the_noise_adds_the_logarithm_of_two_to_the_noise_of_both_tissues():
    change = traces(noise_hu=8.0) - traces()
    np.testing.assert_allclose(change[NOISE_OF_SOFT], np.log(2), atol=0.06)
    np.testing.assert_allclose(change[NOISE_OF_LUNG], np.log(2), atol=0.06)
    assert abs(change[STREAKS_OF_SOFT]) < 0.05


def test_streaks_along_x_are_told_from_noise():
    assert traces(streaks=6.0)[STREAKS_OF_SOFT] > traces()[STREAKS_OF_SOFT] + 0.5


def test_breathing_blurs_the_borders_across_z_alone():
    change = traces(breath=7) - traces()
    assert change[ACROSS].max() < -0.5
    assert np.abs(change[ALONG]).max() < 0.1


def test_the_way_from_soft_tissue_up_to_lung_grows_with_breathing_in_mm():
    spans = [np.exp(traces(breath=b)[DOME]).mean() for b in (7, 13)]
    assert 4.0 < spans[1] - spans[0] < 12.0  # of 12 mm, what lies between the borders' levels


@pytest.mark.parametrize("slices", [1, 4, 6])
def test_few_slices_or_no_body_leave_numbers_out_but_not_their_places(slices):
    whole = scan_traces(scan(), BODY, 2.0)
    assert len(scan_traces(scan()[:slices], BODY[:slices], 2.0)) == len(whole) == 34
    none = scan_traces(scan()[:slices], np.zeros((slices, *SHAPE[1:]), bool), 2.0)
    assert len(none) == 34 and np.isnan(none).all()
