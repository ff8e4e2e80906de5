"""Noise power spectra of noise whose spectrum is known."""

import numpy as np
import pytest

from models.metrics.noise import noise_distance, noise_spectrum

EVERYWHERE = np.ones((4, 128, 128), bool)


def white(sd, seed=0):
    return np.random.default_rng(seed).normal(0, sd, EVERYWHERE.shape)


def test_white_noise_has_its_variance_at_all_frequencies():
    spectrum = noise_spectrum(white(10.0), EVERYWHERE)
    assert np.allclose(spectrum[2:], 100, rtol=0.1)


def test_coloured_noise_differs_by_its_filter():
    f = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128))
    noise = white(10.0)
    filtered = np.fft.ifft2(np.fft.fft2(noise) * np.exp(-(f**2) / 0.1)).real
    seen = noise_spectrum(filtered, EVERYWHERE) / noise_spectrum(noise, EVERYWHERE)
    middle = (np.arange(16) + 0.5) / 32
    assert np.allclose(seen[3:12], np.exp(-2 * middle[3:12] ** 2 / 0.1), rtol=0.15)
    assert noise_distance(filtered, noise, EVERYWHERE, -500, 500) > 5


def test_slopes_and_other_realisations_hardly_count_and_no_region_is_no_number():
    slope = np.linspace(-200, 200, 128)
    far = noise_distance(white(10.0, 1) + slope, white(10.0), EVERYWHERE, -500, 500)
    assert far < 0.6
    assert np.isnan(noise_distance(white(1.0), white(1.0), EVERYWHERE & False, -500, 500))
    assert noise_distance(2 * white(10.0), white(10.0), EVERYWHERE, -500, 500) == pytest.approx(
        6.02, abs=0.01
    )
