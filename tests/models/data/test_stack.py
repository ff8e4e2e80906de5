import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import Channel  # noqa: E402
from models.data.stack import channels, hidden_places, stack  # noqa: E402

SOURCE = (Channel(name="a"), Channel(name="b"), Channel(name="whole", whole=True))


def test_each_slice_comes_with_those_below_and_above_it():
    volume = torch.arange(3 * 5 * 4 * 4, dtype=torch.float32).reshape(3, 5, 4, 4)
    made = stack(volume, SOURCE, 3)
    assert made.shape == (5, channels(SOURCE, 3), 4, 4)
    assert torch.equal(made[2, :2], volume[:2, 2])
    assert torch.equal(made[2, 2:4], volume[:2, 1]) and torch.equal(made[2, 4:6], volume[:2, 3])
    assert torch.equal(made[0, 2:4], volume[:2, 0]) and torch.equal(made[4, 4:6], volume[:2, 4]), "repeated"
    assert torch.equal(made[:, 6], volume[2]), "without its neighbours"
    assert torch.equal(stack(volume, SOURCE, 1), volume.transpose(0, 1))


@pytest.mark.parametrize("slices", [1, 3, 5])
@pytest.mark.parametrize("hidden", [(), ("a",), ("b", "whole")])
def test_what_is_hidden_is_hidden_on_all_slices(slices, hidden):
    volume = torch.stack([torch.full((4, 2, 2), float(c.name in hidden)) for c in SOURCE])
    made = stack(volume, SOURCE, slices)
    places = hidden_places(SOURCE, slices, hidden)
    alone = (
        {made.shape[1] - 1} if slices == 1 else set()
    )  # one slice is not shown what came of the whole volume
    assert set(places) == {i for i in range(made.shape[1]) if made[:, i].all()} | alone


def test_an_even_number_of_slices_is_refused():
    with pytest.raises(ValueError, match="odd"):
        stack(torch.zeros(3, 3, 4, 4), SOURCE, 2)
