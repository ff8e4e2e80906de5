"""A training from folders of patients to weights that load."""

import json

import pytest
from typer.testing import CliRunner

from twin import InputError

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import FAMILIES
from models.layout import LOG
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


@pytest.fixture(scope="module")
def trained(twins, cache, tmp_path_factory):
    """A training by the command, from a config of a former version: what it said, and its folder."""
    place = tmp_path_factory.mktemp("trained")
    config = place / "tiny.yaml"
    config.write_text(FORMER)
    asked = ["train", str(twins), "--out", str(place / "w"), "--cache", str(cache), "--config", str(config)]
    return CliRunner().invoke(app, asked), place / "w"


def test_a_folder_of_twins_becomes_a_network_that_loads(trained):
    from models.hub import load
    from simulators.learned.weights import patient_digest

    said, folder = trained
    assert said.exit_code == 0, said.output
    assert "trained on 3 pairs of 1 patients, 1 had none" in said.output
    rows = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    assert [r["validation"]["copy_mae_hu"] > 0 for r in rows if "validation" in r] == [True]
    network = load(folder)
    assert network.slices == 3 and network.task.name == "follow-up"
    assert [c.name for c in network.task.conditions] == list(VECTOR)
    assert "pack_years" in network.config.hidden
    written = json.loads((folder / "config.json").read_text())
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


def test_a_folder_of_another_training_is_refused(trained, twins, cache, tmp_path):
    config = tmp_path / "tiny.yaml"
    config.write_text(FORMER + "seed: 5\n")
    with pytest.raises(InputError, match="another config; choose another folder"):
        train([twins], str(config), trained[1], cache=cache)


def test_the_command_refuses_a_family_that_is_not_there(twins, tmp_path):
    asked = ["train", str(twins), "--out", str(tmp_path / "w")]
    done = CliRunner().invoke(app, [*asked, "--task", "follow-up", "--family", "nonesuch"])
    assert done.exit_code != 0 and "nonesuch" in str(done.exception or done.output)
