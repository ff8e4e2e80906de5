"""What good CTs say of a CT: an in-silico one with known noise and blur, and another implementation."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import mahalanobis

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.channel import Channel
from models.families.srgan import SRGAN
from models.family import FamilyConfig
from models.metrics.ct import FITS, _fits, encoded, unpaired_scores
from models.metrics.distribution import frechet_distance
from models.metrics.natural import block_features
from models.networks.perceptual import LEARNED, learned
from models.task import Task
from simulators.tasks.body import body


@pytest.fixture(scope="module")
def ct(phantom_twin):
    """Twelve slices of an in-silico thorax about its tumour, and its body."""
    hu = phantom_twin.baseline.volume.array
    z = int(np.argwhere(phantom_twin.contours.gtv()).mean(axis=0)[0])
    some = hu[max(0, z - 6) : z + 6].astype(float)
    return some, body(some)


def noisy(hu, sd):
    return hu + sd * np.random.default_rng(9).standard_normal(hu.shape)


def soft(hu, sigma):
    return gaussian_filter(hu, (0, sigma, sigma))


WORSE = (lambda hu, k: noisy(hu, 20 * k), lambda hu, k: soft(hu, 0.8 * k))


@pytest.mark.parametrize("worse", WORSE)
def test_the_noisier_and_the_softer_a_ct_the_more_both_scores_say(ct, worse):
    told = [unpaired_scores(worse(ct[0][::4], k), ct[1][::4]) for k in (0, 1, 2)]
    for score in ("niqe", "brisque"):
        values = [t[score] for t in told]
        assert values == sorted(values) and values[2] > 1.3 * values[0], score


def test_another_implementation_says_the_same_distance(ct):
    law, _ = _fits()
    blocks = block_features(ct[0][::4], ct[1][::4], -1024, 1024)
    both = (law.spread + np.cov(blocks, rowvar=False)) / 2
    theirs = mahalanobis(blocks.mean(axis=0), law.mean, np.linalg.inv(both))
    assert law.distance(blocks) == pytest.approx(theirs, rel=1e-6)


def test_a_part_that_is_too_small_has_no_scores(ct):
    small = np.zeros(ct[0].shape, bool)
    small[0, 60:66, 60:66] = True
    assert np.isnan([*unpaired_scores(ct[0], small).values(), *encoded(ct[0], small)]).all()


@pytest.mark.parametrize("worse", WORSE)
def test_the_encoder_sees_sets_further_apart_the_more_they_are_spoiled(ct, worse):
    def seen(hu):
        return np.array([encoded(hu[k : k + 2], ct[1][k : k + 2]) for k in range(0, len(hu), 2)])

    true = seen(ct[0])
    apart = [frechet_distance(seen(worse(ct[0], k)), true) for k in (0, 1, 2)]
    assert true.shape[1] == 12 and apart[0] == pytest.approx(0, abs=1e-6) and apart[0] < apart[1] < apart[2]


def test_what_ships_is_small_and_srgan_begins_with_it_where_it_makes_a_ct():
    assert FITS.stat().st_size < 40_000 and LEARNED.stat().st_size < 1_000_000
    ct = Channel(name="ct", unit="HU", low=-1024.0, high=1024.0)
    pet = Channel(name="pet", unit="SUV", low=0.0, high=15.0)
    for target, ours in ((ct, True), (pet, False)):
        task = Task(name="one", source=(ct,), target=(target,), start=((),))
        model = SRGAN(FamilyConfig(family="srgan", task=task, widths=(8, 8), embedding=8))
        model.start_training()
        first = model.perceptual.down[0].weight.detach().numpy()
        assert np.array_equal(first, learned()["down.0.weight"].numpy()) == ours
