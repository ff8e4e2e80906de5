"""Scores without a true image: laws whose shape is known, and worse images that score worse."""

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter

from models.metrics.natural import (
    Naturalness,
    Spoiling,
    _asymmetric,
    _symmetric,
    block_features,
    features,
    normalised,
    perceived_spoiling,
)

RANGE = (0.0, 1.0)


def scene(seed, n=144):
    """Blobs of all sizes with a little noise."""
    rng = np.random.default_rng(seed)
    image = sum(s * gaussian_filter(rng.standard_normal((n, n)), s) for s in (1, 3, 9))
    return np.clip(0.5 + 0.12 * image / image.std() + 0.01 * rng.standard_normal((n, n)), 0, 1)


ALL = np.ones((144, 144), bool)
NOISY = {
    s: np.clip(scene(s) + 0.08 * np.random.default_rng(9).standard_normal(ALL.shape), 0, 1) for s in (20, 21)
}
SOFT = {s: gaussian_filter(scene(s), 2.5) for s in (20, 21)}


@pytest.mark.parametrize(("draw", "shape"), [("normal", 2.0), ("laplace", 1.0)])
def test_laws_have_their_shape(draw, shape):
    values = getattr(np.random.default_rng(0), draw)(size=200_000)
    assert _symmetric(values)[0] == pytest.approx(shape, rel=0.03)
    found = _asymmetric(np.where(values < 0, 2 * values, values))
    assert found[2] / found[3] == pytest.approx(4, rel=0.03) and found[1] < 0
    assert _asymmetric(values)[0] == pytest.approx(shape, rel=0.03)


def test_values_are_normalised_by_their_window():
    flat, spread = normalised(np.full((1, 20, 20), 90.0))
    assert np.abs(flat).max() < 1e-9 and spread.max() < 1e-4
    level, _ = normalised(100 + 20 * np.random.default_rng(0).standard_normal((64, 64)))
    assert 0.7 < level.std() < 1.1


def test_noise_and_blur_lie_further_from_what_images_are():
    blocks = np.concatenate([block_features(scene(s), ALL, *RANGE) for s in range(6)])
    law = Naturalness.fitted(blocks)
    own = [law.distance(block_features(scene(s), ALL, *RANGE)) for s in (20, 21)]
    for worse in (NOISY, SOFT):
        far = [law.distance(block_features(image, ALL, *RANGE)) for image in worse.values()]
        assert min(far) > 1.5 * max(own)
    assert np.isnan(law.distance(blocks[:1]))


def test_what_was_spoiled_more_is_told_from_other_images():
    def spoiled(seed, strength):
        rng = np.random.default_rng(seed + 100)
        return np.clip(scene(seed) + strength * rng.standard_normal(ALL.shape), 0, 1)

    strengths = np.tile([0.0, 0.03, 0.06, 0.1], 6)
    found = np.array([features(spoiled(s // 4, a), ALL, *RANGE) for s, a in enumerate(strengths)])
    fitted = Spoiling.fitted(found, strengths)
    told = [fitted.score(features(spoiled(30, a), ALL, *RANGE)) for a in (0.0, 0.04, 0.09)]
    assert told == sorted(told) and told == pytest.approx([0.0, 0.04, 0.09], abs=0.02)


def test_another_implementation_regresses_to_the_same():
    """SciPy's smoothed interpolation by Gaussians is the same ridge regression."""
    chance = np.random.default_rng(0)
    found, wanted = chance.normal(3, 2, (40, 36)), chance.uniform(0, 50, 40)
    points = (found - found.mean(axis=0)) / found.std(axis=0)
    theirs = RBFInterpolator(
        points, wanted - wanted.mean(), smoothing=1e-3, kernel="gaussian", epsilon=72**-0.5, degree=-1
    )
    asked = chance.normal(3, 2, 36)
    told = float(theirs((asked - found.mean(axis=0))[None] / found.std(axis=0))[0]) + wanted.mean()
    assert Spoiling.fitted(found, wanted).score(asked) == pytest.approx(told, rel=1e-6)


def test_noisy_and_soft_images_have_spoiled_blocks_and_only_those_of_the_part_count():
    clean, noisy, soft = (perceived_spoiling(v, ALL, *RANGE) for v in (scene(20), NOISY[20], SOFT[20]))
    assert clean < 20 and 40 < noisy <= 100 and 40 < soft <= 100
    left = np.zeros_like(ALL)
    left[:, :48] = True
    other = scene(20)
    other[:, 80:] = NOISY[20][:, 80:]
    assert perceived_spoiling(other, left, *RANGE) == perceived_spoiling(scene(20), left, *RANGE)
    assert np.isnan(perceived_spoiling(other, ALL & False, *RANGE))


def test_features_are_those_of_brisque():
    """By piq 0.8 of the whole slice, edges included; figures alone stand here."""
    theirs = [2.568, 0.3222, 0.883, 0.1745, 0.0266, 0.1748, 0.89, 0.174, 0.0268, 0.1744,
              0.911, 0.0754, 0.0587, 0.1236, 0.914, 0.0748, 0.0589, 0.1233]  # fmt: skip
    found = features(scene(20, 400), np.ones((400, 400), bool), *RANGE)[:18]
    assert found == pytest.approx(theirs, rel=0.02)


def test_a_part_that_is_too_small_has_no_features():
    small = np.zeros_like(ALL)
    small[4:10, 4:10] = True
    assert (
        np.isnan(features(scene(1), small, *RANGE)).all()
        and len(block_features(scene(1), small, *RANGE)) == 0
    )
