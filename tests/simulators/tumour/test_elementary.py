"""Elementary functions of the kernels, against numpy's."""

import numpy as np
import pytest
from numba import njit

from simulators.tumour.elementary import exponential, exponential_less_one, logarithm

RNG = np.random.default_rng(22)
MANY = {
    "exp": (exponential, np.exp, RNG.uniform(-707, 708, 4000)),
    "exp near 0": (exponential, np.exp, RNG.uniform(-1, 1, 4000)),
    "expm1": (exponential_less_one, np.expm1, RNG.uniform(-50, 50, 4000)),
    "expm1 near 0": (exponential_less_one, np.expm1, -(10.0 ** RNG.uniform(-300, 0, 4000))),
    "log": (logarithm, np.log, 10.0 ** RNG.uniform(-300, 300, 4000)),
    "log near 1": (logarithm, np.log, 1.0 + RNG.uniform(-0.2, 0.2, 4000)),
}


@njit(error_model="numpy")
def _all(x, out):
    for i in range(x.shape[0]):
        out[0, i] = exponential(x[i])
        out[1, i] = exponential_less_one(x[i])
        out[2, i] = logarithm(abs(x[i]))


def each(function, x):
    out = np.empty((3, len(x)))
    _all(x, out)
    return out[(exponential, exponential_less_one, logarithm).index(function)]


@pytest.mark.parametrize("name", MANY)
def test_all_digits_but_the_last_three_units_are_right(name):
    function, exact, x = MANY[name]
    found = each(function, x)
    np.testing.assert_allclose(found, exact(x), rtol=3 * np.finfo(float).eps, atol=0)
    # Alone and beside others, where the compiler does several at a time, the bits are the same.
    np.testing.assert_array_equal(found[:37], [each(function, v[None])[0] for v in x[:37]])


def test_ends():
    np.testing.assert_array_equal(each(exponential, np.array([-1e4, -709.0, 0.0])), [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(each(exponential_less_one, np.array([0.0, -1e4])), [0.0, -1.0])
    assert each(logarithm, np.array([1.0]))[0] == 0.0
