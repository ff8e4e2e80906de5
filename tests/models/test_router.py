"""Groups of slices: by what they show, whatever surrounds it; weights along z; what is kept of them."""

import json

import numpy as np
import pytest

from models.router import Router

EDGES = (-0.3, -0.03, 0.15)  # gas, fat, soft tissue, bone
NAMES = ("limb", "trunk")


def slices(n, bone_pieces, fat, seed=0):
    """A body of soft tissue with a share of fat and so many pieces of bone, n times with noise."""
    made = np.full((n, 40, 40), -1.0)
    made[:, 4:36, 4:36] = 0.04
    made[:, 4 : 4 + int(32 * fat), 4:36] = -0.1
    for k in range(bone_pieces):
        made[:, 22:24, 6 + 4 * k : 8 + 4 * k] = 0.4
    noise = 0.01 * np.random.default_rng(seed).standard_normal(made.shape)
    return np.where(made > -1, made + noise, -1.0).astype(np.float32)


LIMB, TRUNK = slices(12, 1, 0.2), slices(12, 6, 0.4, seed=1)


@pytest.fixture(scope="module")
def router():
    return Router.fitted([LIMB, TRUNK], [np.zeros(12, int), np.ones(12, int)], NAMES, EDGES)


def test_slices_go_to_the_district_they_look_like(router):
    unseen = [slices(5, 1, 0.25, seed=2), slices(5, 5, 0.35, seed=3)]
    assert [router.weights(v).argmax(axis=1).tolist() for v in unseen] == [[0] * 5, [1] * 5]


def test_what_surrounds_the_body_has_no_say(router):
    wide = np.pad(TRUNK, ((0, 0), (0, 0), (30, 30)), constant_values=-1.0)
    assert np.array_equal(router.weights(wide), router.weights(TRUNK))


def test_a_volume_of_one_district_is_that_ones_alone_and_two_leave_no_seam(router):
    assert np.array_equal(router.weights(LIMB), np.tile(np.float32([1, 0]), (12, 1)))
    both = router.weights(np.concatenate([LIMB, TRUNK]))
    assert np.array_equal(both.sum(axis=1), np.ones(24, np.float32))
    assert both[0].tolist() == [1, 0] and both[-1].tolist() == [0, 1]
    assert np.abs(np.diff(both, axis=0)).max() == 0.25
    assert router.weights(TRUNK[:1]).tolist() == [[0, 1]]


def test_slices_that_nobody_read_are_not_learned_from():
    told = [np.zeros(12, int), np.ones(12, int), np.full(12, -1)]
    strange = np.where(LIMB > -1, 0.9, -1.0).astype(np.float32)
    with_them = Router.fitted([LIMB, TRUNK, strange], told, NAMES, EDGES)
    without = Router.fitted([LIMB, TRUNK], told[:2], NAMES, EDGES)
    assert np.allclose(with_them.centres, without.centres) and np.allclose(with_them.scale, without.scale)
    with pytest.raises(ValueError, match="no slice is of the group 'trunk'"):
        Router.fitted([LIMB], [np.zeros(12, int)], NAMES, EDGES)


def test_clusters_are_found_without_being_told_and_bear_the_same_names_with_every_seed():
    for seed in (0, 1, 2):
        found = Router.clustered([LIMB, TRUNK], 2, EDGES, seed)
        assert found.names == ("cluster-0", "cluster-1")
        assert [found.weights(v).argmax(axis=1).tolist() for v in (LIMB, TRUNK)] == [[0] * 12, [1] * 12]


def test_it_is_kept_as_json_and_a_broken_one_is_a_sentence(router):
    facts = json.loads(json.dumps(router.facts()))
    both = np.concatenate([LIMB, TRUNK])
    assert np.array_equal(Router.from_facts(facts).weights(both), router.weights(both))
    with pytest.raises(ValueError, match="needs names, edges, mean, scale and centres"):
        Router.from_facts({"names": ["limb"]})
    with pytest.raises(ValueError, match="do not fit its 1 groups and 7 features"):
        Router.from_facts({**facts, "names": ["limb"]})
