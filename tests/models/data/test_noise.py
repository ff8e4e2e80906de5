import numpy as np

from models.data.noise import volume_noise


def noise(seed, channels=3, shape=(12, 32, 32)):
    return volume_noise(np.random.default_rng(seed), channels, shape)


def test_the_first_channel_is_one_standard_normal_number():
    firsts = np.array([noise(seed, 1, (2, 3, 3))[:, 0] for seed in range(2000)])
    assert (firsts == firsts[:, :1, :1, :1]).all()
    assert abs(firsts[:, 0, 0, 0].mean()) < 0.07 and abs(firsts[:, 0, 0, 0].std() - 1) < 0.05


def test_the_others_have_unit_variance_on_every_slice_and_agree_with_their_neighbours():
    made = noise(0, 2, (12, 128, 128))[:, 1]
    assert np.abs(made.std(axis=(1, 2)) - 1).max() < 0.03
    assert np.abs((made[1:] * made[:-1]).mean(axis=(1, 2)) - np.exp(-0.25)).max() < 0.03  # Gaussian, sigma 1
    assert abs((made[:, 1:] * made[:, :-1]).mean()) < 0.01, "white within a slice"


def test_the_same_generator_gives_the_same_noise_whatever_it_is_used_for():
    assert np.array_equal(noise(5), noise(5))
    assert not np.array_equal(noise(5), noise(6))
    assert noise(5)[0, 0, 0, 0] == noise(5, 1, (4, 4, 4))[0, 0, 0, 0], "one response on any grid"
    assert noise(5, 0).shape == (12, 0, 32, 32)
