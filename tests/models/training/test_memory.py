import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import FAMILIES
from models.training.config import load_config
from models.training.trainer import train
from twin import InputError


@pytest.mark.parametrize(
    "much",
    [{"batch_slices": 1000, "window": 512}, {"widths": (1000,) * 8}, {"batch_slices": 1000, "window": 0}],
)
def test_a_training_that_would_not_fit_is_refused_and_leaves_nothing(much, toy_subjects, toy_task, tmp_path):
    if much.get("window") == 0:  # whole slices are as large as they are
        much = {**much, "widths": (1000, 64)}
    with pytest.raises(
        InputError, match=r"this training would take about \d+(\.\d)? GB of memory, more than 4"
    ):
        train(toy_subjects, toy_task, load_config("regression", **much), tmp_path / "weights", device="cpu")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_shipped_fits(family, toy_subjects):
    from models.training.memory import afford_training

    afford_training(load_config(family), toy_subjects)
