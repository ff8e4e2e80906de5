"""The channelised Hotelling observer, against what theory says; radiomics against what is known of simple images."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from models.metrics.observer import detectability, laguerre_gauss
from models.metrics.radiomics import NAMES, radiomics

AT = np.arange(21) - 10
LESION = np.exp(-(AT[:, None] ** 2 + AT**2) / (2 * 1.7**2))


def test_channels_are_of_unit_length_and_tell_different_things():
    channels = laguerre_gauss(41, 8.0)
    np.testing.assert_allclose(channels @ channels.T, np.eye(6), atol=0.02)


def test_in_white_noise_it_sees_nearly_as_much_as_can_be_seen():
    chance = np.random.default_rng(0)
    absent, present = chance.normal(0, 1, (2, 400, 21, 21))
    d = 0.6 * np.sqrt((LESION**2).sum())  # of the ideal observer
    auc = detectability(present + 0.6 * LESION, absent, 8.0)
    assert norm.cdf(d / np.sqrt(2)) - 0.06 < auc < norm.cdf(d / np.sqrt(2)) + 0.03
    assert detectability(present, absent, 8.0) == pytest.approx(0.5, abs=0.08)
    assert np.isnan(detectability(present[:10], absent[:10], 8.0))


def test_texture_tells_smooth_from_rough_of_the_same_law():
    rough = np.random.default_rng(0).normal(0, 1, (4, 48, 48))
    smooth = gaussian_filter(rough, (0, 1.5, 1.5))
    smooth *= rough.std() / smooth.std()
    where = np.ones(rough.shape, bool)
    a, b = (dict(zip(NAMES, radiomics(v, where, -5, 5), strict=True)) for v in (rough, smooth))
    assert a["sd"] == pytest.approx(b["sd"], rel=0.02)
    assert abs(a["correlation"]) < 0.05 and b["correlation"] > 0.7
    assert a["contrast"] > 2 * b["contrast"] and a["homogeneity"] < b["homogeneity"]
    assert np.isnan(radiomics(rough[:1, :10, :10], where[:1, :10, :10], -5, 5)).all()


def test_it_counts_as_scikit_image_does():
    feature = pytest.importorskip("skimage.feature")
    image = np.random.default_rng(1).integers(0, 32, (1, 30, 34))
    every = feature.graycomatrix(
        image[0].astype(np.uint8), [1], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], 32, symmetric=True
    ).sum(axis=3)[:, :, 0]
    ours = dict(zip(NAMES, radiomics(image + 0.5, np.ones(image.shape, bool), 0, 32), strict=True))
    i, j = np.indices(every.shape)
    assert ours["contrast"] == pytest.approx((every * (i - j) ** 2).sum() / every.sum())
