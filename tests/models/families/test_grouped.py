"""A network for each group of slices: whose each slice is, the seam between two, and what they begin with."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

import torch

from models import FAMILIES, Batch, Channel, FamilyConfig, Task
from models.data.examples import Examples
from models.data.stack import stack
from models.layout import LOG
from models.router import Router
from models.training.config import TrainingConfig
from models.training.trainer import train

IMAGE = Channel(name="image", low=-1.0, high=1.0)
TASK = Task(name="plain", source=(IMAGE,), target=(IMAGE,), start=(("image",),))
DARK, BRIGHT = -0.4, 0.4


def volume(*levels, size=16):
    """(1, z, y, x): ten slices of each level, with noise."""
    chance = np.random.default_rng(0)
    made = np.concatenate([np.full((10, size, size), level) for level in levels])
    return torch.from_numpy((made + 0.02 * chance.standard_normal(made.shape)).astype(np.float32)[None])


def router():
    volumes = [volume(level)[0].numpy() for level in (DARK, BRIGHT)]
    return Router.fitted(volumes, [np.full(10, k) for k in (0, 1)], ("dark", "bright"), (-0.6, 0.0, 0.6))


def network(family="grouped", widths=(4, 8), **options):
    torch.manual_seed(1)
    config = FamilyConfig(family=family, task=TASK, slices=3, widths=widths, embedding=8, options=options)
    model = FAMILIES[family](config)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return model.eval()


@pytest.fixture(scope="module")
def grouped():
    return network(router=router().facts())


def alone(grouped, group):
    """The network of one group as a plain regression."""
    one = network("regression")
    own = f"network.{group}."
    state = {k: v for k, v in grouped.state_dict().items() if not k.startswith("network.")}
    of_group = {k.replace(own, "network."): v for k, v in grouped.state_dict().items() if k.startswith(own)}
    one.load_state_dict(state | of_group)
    return one


def batch(*levels):
    source = stack(volume(*levels), TASK.source, 3)
    return Batch(source, torch.empty(len(source), 0))


def test_a_volume_of_one_district_is_bit_for_bit_its_own_networks(grouped):
    for group, level in enumerate((DARK, BRIGHT)):
        made = grouped.sample(batch(level))
        assert torch.equal(made, alone(grouped, group).sample(batch(level)))
        assert not torch.equal(made, alone(grouped, 1 - group).sample(batch(level)))


def test_where_the_district_changes_the_image_does_not_jump(grouped):
    both = batch(DARK, BRIGHT)
    one, other = (alone(grouped, k).sample(both) for k in (0, 1))
    made = grouped.sample(both)
    # of what was made the share of the second network: not of the image, which has a step where two volumes meet
    share = ((made - one) * (other - one)).sum((1, 2, 3)) / ((other - one) ** 2).sum((1, 2, 3))
    assert torch.allclose(share[[0, 5]], torch.zeros(2), atol=1e-5)
    assert torch.allclose(share[[14, 19]], torch.ones(2), atol=1e-5)
    assert share.diff().abs().max() <= 0.25 + 1e-4


def test_learning_sends_each_slice_where_use_does(grouped):
    told = replace(
        batch(DARK, BRIGHT), groups=torch.from_numpy(router().weights(volume(DARK, BRIGHT)[0].numpy()))
    )
    used = grouped.changed(told)[0]
    grouped.train()
    learned = grouped.changed(told)[0]
    grouped.eval()
    assert torch.allclose(used, learned, atol=1e-5)


def test_a_groups_slices_teach_its_network_alone(grouped):
    some = replace(batch(BRIGHT), target=batch(BRIGHT).source[:, :1])
    grouped.train().requires_grad_(True)
    sum(grouped.losses(0, some, torch.Generator()).values()).backward()
    taught = [any(p.grad is not None for p in net.parameters()) for net in grouped.network]
    grouped.zero_grad()
    grouped.eval()
    assert taught == [False, True]


def test_a_window_is_of_the_group_of_its_whole_slice(plain_subjects):
    of = router()
    data = Examples(plain_subjects, TASK, 3, batch=4, volumes=4, window=8, router=of)
    first = data.at(0).groups
    assert first.shape == (4, 2) and torch.allclose(first.sum(1), torch.ones(4))
    assert all(
        np.array_equal(w, of.weights(plain_subjects[i].source[j, :, 0])) for (i, j), w in data.groups.items()
    )
    assert Examples(plain_subjects, TASK, 3, batch=4, volumes=4, window=8).at(0).groups is None


def test_groups_begin_with_what_was_learned_from_all(plain_subjects, tmp_path):
    first = network("regression")
    first.save_pretrained(tmp_path / "first")
    config = TrainingConfig(
        family="grouped", options={"router": router().facts()}, widths=(4, 8), embedding=8, steps=2, window=8,
        batch_slices=4, batch_volumes=4, learning_rate=1e-9, weight_decay=0, validation_share=0.3,
    )  # fmt: skip
    begun = train(plain_subjects, TASK, config, tmp_path / "out", begin=tmp_path / "first")
    assert (tmp_path / "out" / LOG).is_file()
    state = begun.state_dict()
    for name, weight in first.network.state_dict().items():
        for group in (0, 1):
            assert torch.allclose(state[f"network.{group}.{name}"], weight, atol=1e-6)
    network("regression", widths=(4,)).save_pretrained(tmp_path / "small")
    with pytest.raises(ValueError, match="holds a training on other examples"):  # it began with others
        train(plain_subjects, TASK, config, tmp_path / "out")
    with pytest.raises(ValueError, match=r"the weights in .*small do not fit what is to begin with them"):
        train(plain_subjects, TASK, config, tmp_path / "none", begin=tmp_path / "small")
