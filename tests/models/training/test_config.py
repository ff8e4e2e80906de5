"""What a training's file says, as it is written now and as version 0.1 wrote it."""

import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import FAMILIES
from models.hub import SHIPPED
from models.training.config import TrainingConfig, load_config


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_a_config_of_its_name(name):
    assert load_config(name).family == name


def test_a_tasks_own_values_hold_where_a_file_says_nothing(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("family: bridge\nwindow: 32\n")
    usual = {"window": 96, "slices": 1}
    told = load_config(file, usual)
    assert (told.window, told.slices) == (32, 1)
    assert (load_config("bridge", usual).window, load_config("bridge", usual).slices) == (96, 1)
    assert load_config("bridge", usual, window=8, minutes=2).window == 8


def test_a_training_by_processor_time_takes_the_place_of_one_by_the_clock():
    told = load_config("regression", core_seconds=30.0)
    assert (load_config("regression", minutes=2).seconds, told.seconds) == (120, 30)
    assert load_config("regression", steps=5, minutes=None).seconds is None


FORMER = """
model: diffusion
options: {steps: 20, mask_scale: 0.2}
conditions: dose
draft: false
mask_weight: 3.0
volume_steps: 70
pairs_per_twin: 4
align: false
drop: {each: 0.2, all: 0.1, relative: 0.3, volume: 0.4}
"""


def test_a_file_of_version_0_1_means_what_it_meant(tmp_path):
    file = tmp_path / "former.yaml"
    file.write_text(FORMER)
    told = load_config(file)
    assert told.family == "diffusion" and told.share_weight == 3.0 and told.quantile_steps == 70
    assert told.options == {"steps": 20, "share_scale": 0.2}
    assert set(told.hidden) == {"clinical", "draft"}
    assert told.examples == {"pairs_per_twin": 4, "align": False}
    assert told.drop.model_dump() == {"each": 0.2, "all": 0.1, "drawn": 0.3, "quantiles": 0.4}


@pytest.mark.parametrize(
    ("conditions", "hidden"),
    [("none", {"dose", "clinical"}), ("dose", {"clinical"}), ("clinical", {"dose"}), ("both", set())],
)
def test_the_former_names_of_conditions_say_what_is_hidden(conditions, hidden):
    assert set(TrainingConfig(model="bridge", conditions=conditions).hidden) == hidden


def test_the_training_of_the_shipped_weights_is_read():
    told = load_config(SHIPPED / "follow-up" / "bridge" / "training.yaml")
    assert told.family == "bridge" and told.hidden == () and told.minutes == 16.0
    assert told.examples == {"pairs_per_twin": 6, "align": True}
    assert (told.drop.drawn, told.drop.quantiles, told.quantile_steps) == (0.1, 0.3, 3000)
    assert told.plan[0] == (0, 0) and told.plan[-1] == (3000, 3032)


def test_a_config_that_does_not_fit_is_refused_in_one_sentence(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("family: bridge\nlearning_rate: -1\n")
    with pytest.raises(ValueError, match="learning_rate"):
        load_config(file)
    file.write_text("family: bridge\nmodell: bridge\n")
    with pytest.raises(ValueError, match="modell"):
        load_config(file)
    file.write_text("conditions: everything\nfamily: bridge\n")
    with pytest.raises(ValueError, match="conditions"):
        load_config(file)
    with pytest.raises(
        ValueError,
        match="bridge, contour-diffusion, copy, cyclegan, diffusion, flow-matching, grouped, latent-diffusion, ",
    ):
        load_config("nonesuch")
