"""Distances of sets against their closed forms."""

import numpy as np
import pytest

from models.metrics.distribution import frechet_distance, kernel_distance


def test_normal_sets_are_as_far_apart_as_their_means_and_spreads():
    """Of N(0, s) and N(m, t) in one dimension: m^2 + (s - t)^2."""
    one = np.array([[-1.0], [1.0]]) / np.sqrt(2)  # variance 1
    assert frechet_distance(3 * one + 5, one) == pytest.approx(25 + 4)
    rng = np.random.default_rng(0)
    many = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4))
    assert frechet_distance(many, many[::-1]) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(many + np.array([1, 0, 2, 0]), many) == pytest.approx(5, rel=1e-6)


def test_the_frechet_distance_is_that_of_matrix_roots():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(40, 3)), rng.normal(size=(30, 3)) * [1, 2, 3] + 1
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert frechet_distance(a, b) == pytest.approx(expected)


def test_the_kernel_distance_is_that_of_all_pairs_and_without_bias():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(6, 3)), rng.normal(size=(5, 3)) + 0.5
    k = [[[(x @ y / 3 + 1) ** 3 for y in v] for x in u] for u, v in ((a, a), (b, b), (a, b))]
    own = [(np.sum(m) - np.trace(m)) / (len(m) * (len(m) - 1)) for m in k[:2]]
    assert kernel_distance(a, b) == pytest.approx(sum(own) - 2 * np.mean(k[2]))
    same = [kernel_distance(*rng.normal(size=(2, 20, 3))) for _ in range(200)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(200)
