"""Sobol indices of functions whose shares are known."""

import numpy as np
import pytest

from scenarios.sensitivity.indices import sobol_indices


def ishigami(u):
    x = np.pi * (2 * u - 1)
    return (np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0]))[:, None]


def test_the_indices_of_ishigamis_function_come_out():
    found = sobol_indices(ishigami, {"a": [0], "b": [1], "c": [2]}, n=2048)
    assert found.first[:, 0] == pytest.approx([0.314, 0.442, 0.0], abs=0.03)
    assert found.total[:, 0] == pytest.approx([0.558, 0.442, 0.244], abs=0.03)
    assert (found.total_error < 0.05).all()


def test_inputs_of_one_group_are_exchanged_together():
    found = sobol_indices(ishigami, {"a and c": [0, 2], "b": [1]}, n=2048)
    assert found.first[:, 0] == pytest.approx([0.558, 0.442], abs=0.03)
    assert found.first[:, 0] == pytest.approx(found.total[:, 0], abs=0.03)


def test_an_output_that_never_changes_has_no_drivers():
    found = sobol_indices(lambda u: np.ones((len(u), 1)), {"a": [0]}, n=64)
    assert found.sd[0] == 0 and found.first[0, 0] == 0 and found.total[0, 0] == 0
