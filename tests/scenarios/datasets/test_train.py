"""A training from folders of patients to weights that load."""

import json

import pytest
from typer.testing import CliRunner

from twin import InputError

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import FAMILIES
from scenarios.commands.main import app
from scenarios.datasets.train import train
from simulators.tasks.crop import VECTOR

pytestmark = pytest.mark.long  # trains networks

CONFIG = """
family: bridge
widths: [8, 16]
embedding: 16
steps: 2
quantile_steps: 50
batch_volumes: 2
"""
FORMER = (
    CONFIG.replace("family:", "model:").replace("quantile_steps:", "volume_steps:") + "conditions: dose\n"
)


@pytest.fixture(scope="module")
def twins(followed_twin, tmp_path_factory):
    """A folder with a patient seen three times, and one seen once."""
    folder = tmp_path_factory.mktemp("twins")
    followed_twin.save(folder / "often.twin")
    once = followed_twin.fork(scans=followed_twin.scans[:1], structures=followed_twin.structures[:1])
    once.save(folder / "once.twin")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Examples are read once for all trainings."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("text", [CONFIG, FORMER])
def test_a_folder_of_twins_becomes_a_network_that_loads(text, twins, cache, tmp_path):
    from models.hub import load
    from simulators.learned.weights import patient_digest

    config = tmp_path / "tiny.yaml"
    config.write_text(text)
    done = train([twins], str(config), tmp_path / "w", cache=cache)
    assert (done.patients, done.examples, done.skipped) == (1, 3, 1)
    assert done.figures["copy_mae_hu"] > 0
    network = load(tmp_path / "w")
    assert network.slices == 3 and network.task.name == "follow-up"
    assert [c.name for c in network.task.conditions] == list(VECTOR)
    assert ("pack_years" in network.config.hidden) == (text == FORMER)
    written = json.loads((tmp_path / "w" / "config.json").read_text())
    assert written["domain"]["elapsed_days"] == [30.0, 90.0]
    assert written["trained_on"] == [patient_digest("often")]


def test_mistakes_are_one_sentence(twins, tmp_path):
    with pytest.raises(InputError, match="two CTs"):
        train([twins / "once.twin"], "bridge", tmp_path / "w")
    with pytest.raises(InputError, match=f"one of: {', '.join(sorted(FAMILIES))}$"):
        train([twins], "nonesuch", tmp_path / "w")
    with pytest.raises(InputError, match=r"unknown task 'nonesuch'; there are: .*follow-up"):
        train([twins], "bridge", tmp_path / "w", task="nonesuch")
    config = tmp_path / "tiny.yaml"
    config.write_text(CONFIG + "examples: {pairs: 3}\n")
    with pytest.raises(InputError, match="no option 'pairs'; it knows pairs_per_twin, align"):
        train([twins], str(config), tmp_path / "w")


def test_a_folder_of_another_training_is_refused(twins, cache, tmp_path):
    config = tmp_path / "tiny.yaml"
    config.write_text(CONFIG)
    train([twins], str(config), tmp_path / "w", cache=cache)
    config.write_text(CONFIG + "seed: 5\n")
    with pytest.raises(InputError, match="another config; choose another folder"):
        train([twins], str(config), tmp_path / "w", cache=cache)


def test_the_command_says_what_it_did(twins, cache, tmp_path):
    config = tmp_path / "tiny.yaml"
    config.write_text(CONFIG)
    asked = ["train", str(twins), "--out", str(tmp_path / "w"), "--cache", str(cache)]
    done = CliRunner().invoke(app, [*asked, "--config", str(config)])
    assert done.exit_code == 0, done.output
    assert "trained on 3 pairs of 1 patients, 1 had none" in done.output
    done = CliRunner().invoke(app, [*asked, "--task", "follow-up", "--family", "nonesuch"])
    assert done.exit_code != 0 and "nonesuch" in str(done.exception or done.output)
