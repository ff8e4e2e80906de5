"""Slices with all that is known of them, in pieces of one size."""

from dataclasses import fields

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.batch import Batch, joined  # noqa: E402


def batch(n, **more):
    chance = torch.Generator().manual_seed(n)
    return Batch(
        torch.rand(n, 3, 4, 5, generator=chance),
        torch.rand(n, 2, generator=chance),
        torch.randn(n, 1, 4, 5, generator=chance),
        **more,
    )


@pytest.mark.parametrize(("n", "size", "count"), [(10, 4, 3), (8, 4, 2), (3, 4, 1)])
def test_parts_have_one_size_and_hold_every_slice_once(n, size, count):
    whole = batch(n, near=torch.ones(n, 4, 5, dtype=torch.bool))
    parts = list(whole.parts(size))
    assert [len(p) for p in parts] == [size] * count
    for field in fields(Batch):
        value = getattr(whole, field.name)
        if value is None:
            assert all(getattr(p, field.name) is None for p in parts)
            continue
        made = torch.cat([getattr(p, field.name) for p in parts])
        assert made.dtype == value.dtype
        assert torch.equal(made[:n], value) and not made[n:].any(), f"{field.name} is filled up with zeros"


def test_joined_batches_are_parted_again():
    one, other = batch(3), batch(5)
    both = joined([one, other])
    assert len(both) == 8 and both.target is None
    assert torch.equal(both.source[:3], one.source) and torch.equal(both.vector[3:], other.vector)
    assert torch.equal(both.noise[3:], other.noise)
