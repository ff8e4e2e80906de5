"""Batches of slices from stored examples."""

from dataclasses import fields, replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import Batch  # noqa: E402
from models.data.examples import Example, Examples, Subject  # noqa: E402
from models.data.stack import stack  # noqa: E402


def same(one, other):
    """Whether two batches hold the same."""
    pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in fields(Batch)]
    return all(a is b is None or torch.equal(a, b) for a, b in pairs)


def test_a_batch_follows_from_seed_and_step(toy_subjects, toy_task):
    data = Examples(toy_subjects, toy_task, slices=3, batch=8, volumes=4)
    again = Examples(toy_subjects, toy_task, slices=3, batch=8, volumes=4)
    assert same(data.at(7), again.at(7))
    assert not torch.equal(data.at(7).source, data.at(8).source)
    assert not torch.equal(data.at(7).source, replace(again, seed=1).at(7).source)


def slices_of(subject, task):
    """All slices of a subject's example, and their target."""
    source = torch.from_numpy(subject.source[0].astype("float32")).transpose(0, 1)
    return stack(source, task.source, 3), torch.from_numpy(subject.target[0].astype("float32"))


def test_slices_are_what_stack_gives_and_half_of_them_mirrored_with_their_targets(toy_subjects, toy_task):
    every, after = slices_of(toy_subjects[0], toy_task)
    near = torch.from_numpy(np.array(toy_subjects[0].near[0]))
    batch = Examples(toy_subjects[:1], toy_task, slices=3, batch=40, volumes=1).at(0)
    turned = []
    for source, target, close in zip(batch.source, batch.target, batch.near, strict=True):
        found = [
            (z, mirrored)
            for z in range(8)
            for mirrored in (False, True)
            if torch.equal(every[z].flip(-1) if mirrored else every[z], source)
        ]
        ((z, mirrored),) = found
        assert torch.equal(target, after[z].flip(-1) if mirrored else after[z])
        assert torch.equal(close, near[z].flip(-1) if mirrored else near[z])
        turned.append(mirrored)
    assert 10 <= sum(turned) <= 30


def test_a_window_shows_all_of_a_slice_at_one_place(toy_subjects, toy_task):
    every, after = slices_of(toy_subjects[0], toy_task)
    batch = Examples(toy_subjects[:1], toy_task, slices=3, batch=10, volumes=1, window=16).at(0)
    corners = set()
    for source, target in zip(batch.source, batch.target, strict=True):
        assert source.shape[1:] == target.shape[1:] == (16, 16)
        ((z, y, x, mirrored),) = [
            (z, y, x, mirrored)
            for z in range(8)
            for y in range(9)
            for x in range(9)
            for mirrored in (False, True)
            if torch.equal(
                every[z, :, y : y + 16, x : x + 16].flip(-1)
                if mirrored
                else every[z, :, y : y + 16, x : x + 16],
                source,
            )
        ]
        part = after[z, :, y : y + 16, x : x + 16]
        assert torch.equal(target, part.flip(-1) if mirrored else part)
        corners.add((y, x))
    assert len(corners) > 5


def test_slices_smaller_than_a_window_are_drawn_out_at_their_rims(plain_task, tmp_path):
    chance = np.random.default_rng(0)
    made = []
    for n, (y, x) in enumerate([(12, 20), (24, 9)]):
        image = chance.normal(size=(1, 3, y, x)).astype(np.float16).astype(np.float32)
        one = Example(image, 2 * image, near=np.ones((3, y, x), bool))
        made.append(Subject.write(f"p{n}", tmp_path / f"p{n}", [one], np.zeros((1, 0), np.float32)))
    batch = Examples(made, plain_task, slices=1, batch=8, volumes=4, window=16).at(0)
    assert batch.source.shape[2:] == batch.near.shape[1:] == (16, 16)
    sizes = {tuple(near.any(axis).sum() for axis in (1, 0)) for near in batch.near.numpy()}
    assert sizes == {(12, 16), (16, 9)}, "what is filled up is not near"
    torch.testing.assert_close(batch.target, 2 * batch.source)
    for source, near in zip(batch.source[:, 0].numpy(), batch.near.numpy(), strict=True):
        rows = np.flatnonzero(near.any(1))
        assert (source[rows[-1] :] == source[rows[-1]]).all()


def test_an_examples_focus_is_drawn_as_often_as_asked_for(toy_task, tmp_path):
    source = np.zeros((4, 20, 4, 4), np.float32)
    source[0] = np.arange(20)[:, None, None] / 32  # the slice's number, exact in half precision
    one = Example(source, source[:2], focus=(3, 7))
    subject = Subject.write("a", tmp_path / "a", [one], np.zeros((1, 2)))
    data = Examples([subject], toy_task, slices=1, batch=400, volumes=1, near_share=0.75)
    z = data.at(0).source[:, 0, 0, 0] * 32
    inside = ((z >= 3) & (z < 7)).float().mean()
    assert inside == pytest.approx(0.75 + 0.25 * 4 / 20, abs=0.08)
    z = replace(data, near_share=1.0).at(0).source[:, 0, 0, 0] * 32
    assert set(z.tolist()) == {3, 4, 5, 6}


def test_what_changes_much_is_drawn_in_proportion_when_asked_for(toy_subjects, toy_task):
    data = Examples(toy_subjects, toy_task, slices=1, batch=16, volumes=16)
    share = data.change_share
    most = int(share.argmax())
    vector = torch.from_numpy(toy_subjects[most].vectors[0])
    drawn = [(data.at(i, by_change=True).vector == vector).all(dim=1).sum().item() for i in range(60)]
    expected = 960 * (0.5 * share[most] + 0.5 / 24)
    assert sum(drawn) == pytest.approx(expected, abs=4 * expected**0.5)
    assert share[most] > 2 / 24, "else it says nothing"


def test_every_example_is_seen_once_before_any_is_seen_twice(toy_subjects, toy_task):
    data = Examples(toy_subjects, toy_task, slices=1, batch=4, volumes=4)
    seen = torch.cat([data.at(i).vector[:, 1] for i in range(6)])
    assert len(set(seen.tolist())) == 24
