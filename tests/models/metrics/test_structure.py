"""Scores of structure against scikit-image and torchmetrics, and figures that piq 0.8 gives of the same images."""

import numpy as np
import pytest

from models.metrics.fidelity import feature_similarity, gradient_deviation, information_fidelity
from models.metrics.structure import multiscale_similarity, structural_similarity, universal_quality

SCORES = (structural_similarity, multiscale_similarity, universal_quality, information_fidelity,
          gradient_deviation, feature_similarity)  # fmt: skip


def pair(n=192):
    """Waves with a bright square, and the same softer and with a grid on it, 0 to 1, in a frame of zeros."""
    y, x = np.mgrid[:n, :n] / n
    truth = 0.45 + 0.18 * np.sin(23 * x + 3 * np.cos(9 * y)) + 0.15 * np.cos(31 * y * (1 + x))
    truth[n // 3 : n // 2, n // 4 : n // 2] += 0.15
    made = 0.25 * (
        np.roll(truth, 1, 0) + np.roll(truth, -1, 0) + np.roll(truth, 1, 1) + np.roll(truth, -1, 1)
    )
    made += 0.03 * np.sin(140 * x) * np.sin(110 * y)
    for image in (truth, made):
        image[:10] = image[-10:] = image[:, :10] = image[:, -10:] = 0
    return made, truth


MADE, TRUTH = pair()
ALL = np.ones(TRUTH.shape, bool)


def of(score, made=MADE, truth=TRUTH, where=ALL, low=0.0, high=1.0):
    return score(made, truth, where, low, high)


@pytest.mark.parametrize("score", SCORES)
def test_equal_images_are_best_and_units_count_for_nothing(score):
    best = 0.0 if score is gradient_deviation else 1.0
    assert of(score, TRUTH) == pytest.approx(best, abs=1e-9)
    worse = of(score)
    assert worse > 0.01 if best == 0 else worse < 0.995
    assert of(score, MADE * 2000 - 1000, TRUTH * 2000 - 1000, ALL, -1000, 1000) == pytest.approx(
        worse, abs=1e-8
    )


@pytest.mark.parametrize("score", SCORES)
def test_only_the_part_and_the_range_count(score):
    """What is far outside the part may be anything, and so may values beyond the range."""
    where = np.zeros_like(ALL)
    where[100:170, 100:170] = True
    other = MADE.copy()
    other[:40, :40] = 0.9
    if score not in (feature_similarity, multiscale_similarity):  # these look further than a window
        assert of(score, other, where=where) == pytest.approx(of(score, where=where), abs=1e-9)
    beyond = np.where(MADE == 0, -5.0, MADE)
    assert of(score, beyond) == pytest.approx(of(score), abs=1e-12)
    assert np.isnan(of(score, where=where & False))


@pytest.mark.parametrize("score", SCORES)
def test_slices_of_a_stack_count_alike(score):
    stack = of(score, np.stack([MADE, MADE]), np.stack([TRUTH, TRUTH]), np.stack([ALL, ALL]))
    assert stack == pytest.approx(of(score), rel=1e-6)


@pytest.mark.parametrize(
    ("score", "theirs"),
    [(structural_similarity, 0.958783), (multiscale_similarity, 0.993195), (information_fidelity, 0.704561),
     (gradient_deviation, 0.016576), (feature_similarity, 0.968843)],
)  # fmt: skip
def test_scores_are_those_of_another_implementation(score, theirs):
    """By piq 0.8, which is Apache-2.0 and needs torchvision: figures alone stand here."""
    assert of(score) == pytest.approx(theirs, abs=2e-5)


def test_similarity_is_that_of_scikit_image():
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is in the [test] extra")
    theirs = metrics.structural_similarity(
        MADE, TRUTH, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
    )
    assert of(structural_similarity) == pytest.approx(theirs, abs=1e-12)


def test_similarity_at_scales_quality_and_fidelity_are_those_of_torchmetrics():
    image = pytest.importorskip("torchmetrics.functional.image", reason="torchmetrics is in the [test] extra")
    import torch

    a, b = (torch.from_numpy(v)[None, None] for v in (MADE, TRUTH))
    theirs = image.multiscale_structural_similarity_index_measure(a, b, data_range=1.0)
    assert of(multiscale_similarity) == pytest.approx(float(theirs), abs=5e-5)
    theirs = image.visual_information_fidelity(255 * a, 255 * b)
    assert of(information_fidelity) == pytest.approx(float(theirs), abs=1e-5)
    inner = np.zeros_like(ALL)
    inner[20:-20, 20:-20] = True  # windows without contrast are another matter there
    a, b = (v[..., 15:-15, 15:-15] for v in (a, b))
    assert of(universal_quality, where=inner) == pytest.approx(
        float(image.universal_image_quality_index(a, b)), abs=1e-5
    )


def test_small_windows_have_fewer_scales():
    made, truth = (v[40:136, 40:136] for v in (MADE, TRUTH))
    assert 0 < multiscale_similarity(made, truth, ALL[40:136, 40:136], 0, 1) < 1
