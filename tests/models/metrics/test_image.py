"""Scores of images whose right value is known."""

import numpy as np
import pytest

pytest.importorskip("monai", reason="monai is in the [learned] extra")

from models.metrics.image import mean_absolute_error, psnr_db, ssim

RANGE = (-1024.0, 1024.0)
TRUTH = np.zeros((12, 12, 12), np.float32)


def test_an_offset_has_its_own_error_and_signal_to_noise_ratio():
    everywhere = np.ones(TRUTH.shape, dtype=bool)
    assert mean_absolute_error(TRUTH + 20.48, TRUTH, everywhere) == pytest.approx(20.48)
    assert psnr_db(TRUTH + 20.48, TRUTH, *RANGE) == pytest.approx(40.0)  # 20 log10(2048 / 20.48)


def test_equal_images_are_alike_without_limit():
    noise = np.random.default_rng(0).normal(0.0, 100.0, TRUTH.shape)
    assert psnr_db(noise, noise, *RANGE) == np.inf
    assert ssim(noise, noise, *RANGE) == pytest.approx(1.0)
    assert ssim(noise[::-1].copy(), noise, *RANGE) < 0.5


def test_what_lies_outside_the_range_is_cut():
    assert psnr_db(TRUTH + 5000.0, TRUTH + 2000.0, *RANGE) == np.inf
