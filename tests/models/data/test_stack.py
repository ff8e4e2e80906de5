import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.data.stack import channels, depth, stack  # noqa: E402


def test_each_slice_comes_with_those_below_and_above_it():
    volume = torch.arange(2 * 5 * 4 * 4, dtype=torch.float32).reshape(2, 5, 4, 4)
    made = stack(volume, 3)
    assert made.shape == (5, channels(2, 3), 4, 4)
    assert torch.equal(made[2, :2], volume[:, 2])
    assert torch.equal(made[2, 2:4], volume[:, 1]) and torch.equal(made[2, 4:6], volume[:, 3])
    assert torch.equal(made[0, 2:4], volume[:, 0]) and torch.equal(made[4, 4:6], volume[:, 4]), "repeated"
    assert torch.equal(stack(volume, 1)[:, :2], volume.transpose(0, 1))


def test_depth_sees_the_tumour_on_other_slices():
    mask = torch.zeros(21, 9, 9)
    mask[10:] = 1
    deep = depth(mask) * 15
    assert deep[10, 4, 4] == pytest.approx(0.5) and deep[9, 4, 4] == pytest.approx(-0.5)
    assert deep[13, 4, 4] == pytest.approx(3.5) and deep[2, 0, 0] == pytest.approx(-7.5)
    assert (depth(torch.zeros(3, 4, 4)) == -1).all()


def test_an_even_number_of_slices_is_refused():
    with pytest.raises(ValueError, match="odd"):
        stack(torch.zeros(2, 3, 4, 4), 2)
