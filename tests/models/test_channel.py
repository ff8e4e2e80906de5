"""What the numbers of an image mean."""

import numpy as np
import pytest

from models import Channel

CT = Channel(name="ct", unit="HU", low=-1024, high=1024)
DOSE = Channel(name="dose", unit="Gy", high=60, share=True)
SUV = Channel(name="suv", low=0, high=20)


@pytest.mark.parametrize("channel", [CT, DOSE, SUV])
def test_numbers_and_values_are_each_others_inverse_within_the_range(channel):
    values = np.linspace(channel.low, channel.high, 41)
    numbers = channel.numbers(values)
    assert numbers.dtype == channel.values(numbers).dtype == np.float32
    np.testing.assert_allclose(channel.values(numbers), values, atol=1e-6 * (channel.high - channel.low))
    assert numbers[0] == (0 if channel.share else -1) and numbers[-1] == 1


@pytest.mark.parametrize("channel", [CT, DOSE, SUV])
def test_what_lies_beyond_the_range_is_cut(channel):
    beyond = np.array([channel.low - 5.0, channel.high + 5.0])
    np.testing.assert_array_equal(
        channel.numbers(beyond), channel.numbers(np.array([channel.low, channel.high]))
    )


@pytest.mark.parametrize(("channel", "size"), [(CT, 1024.0), (DOSE, 60.0), (SUV, 10.0)])
def test_an_error_in_numbers_is_one_in_the_unit(channel, size):
    assert channel.unit_size == size
    one, other = channel.values(np.array([0.25])), channel.values(np.array([0.75]))
    assert other - one == pytest.approx(0.5 * size)
