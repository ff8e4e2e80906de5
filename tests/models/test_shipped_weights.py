"""What ships: weights that load, fit their size, say what they were made from, and are what `auto` takes."""

import json
import shutil

import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.hub import SHIPPED, every, load, weights_named
from models.training.config import TrainingConfig, load_config
from simulators import Key, Purpose, TreatmentRequest, TumourView
from simulators.core.imaging import TASKS
from simulators.names.generators import generator_named
from simulators.tasks.crop import VECTOR
from twin import InputError

SHIPPED_WEIGHTS = [w for w in every() if w.folder.is_relative_to(SHIPPED)]


def test_the_follow_up_answers_to_its_old_names():
    assert {"follow-up/bridge", "follow-up/pix2pix"} <= {w.address for w in SHIPPED_WEIGHTS}
    for name in ("bridge", "pix2pix"):
        assert weights_named(name, "follow-up").folder == SHIPPED / "follow-up" / name


@pytest.mark.parametrize("weights", SHIPPED_WEIGHTS, ids=lambda w: w.address)
def test_weights_are_small_complete_and_can_be_made_again(weights):
    folder = weights.folder
    assert folder == SHIPPED / weights.task / weights.name
    assert (folder / "diffusion_pytorch_model.safetensors").stat().st_size <= 20e6
    network = load(folder)
    assert network.slices == 3
    now = TASKS[weights.task].task
    conditions = [
        c.model_copy(update={"mean": 0.0, "spread": 1.0, "log_offset": -1.0}) for c in network.task.conditions
    ]
    assert network.task.model_copy(update={"conditions": tuple(conditions)}) == now, "what it was trained on"
    config = json.loads((folder / "config.json").read_text())
    assert config["trained_on"]
    made = load_config(folder / "training.yaml")
    assert isinstance(made, TrainingConfig) and made.family == config["family"] and (made.plan or made.steps)
    assert any("validation" in json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines())
    card = (folder / "README.md").read_text()
    for word in ("SIMULATED", "Domain", "seed", "held-out"):
        assert word in card, f"the card says nothing of {word}"


@pytest.mark.parametrize("name", ["bridge", "pix2pix"])
def test_a_follow_up_says_its_domain_and_is_told_the_vector(name):
    config = json.loads((SHIPPED / "follow-up" / name / "config.json").read_text())
    assert {"elapsed_days", "dose_gy", "fraction_gy", "gtv0_cm3", "relative_gtv"} <= set(config["domain"])
    assert [c["name"] for c in config["task"]["conditions"]] == list(VECTOR)
    assert len(config["trained_on"]) > 100


def test_weights_of_another_task_are_no_generator(tmp_path):
    folder = tmp_path / "bridge"
    shutil.copytree(SHIPPED / "follow-up" / "bridge", folder)
    config = json.loads((folder / "config.json").read_text())
    config["task"]["name"] = "denoise"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="are of the task 'denoise', not of 'follow-up'"):
        generator_named(str(folder))


@pytest.mark.long
def test_auto_takes_the_learned_generator_inside_its_domain_and_says_why_not_outside(phantom_twin):
    twin = phantom_twin
    auto = generator_named("auto")
    view = TumourView(0.7 * twin.gtv_cm3, twin.gtv_cm3, 0.5)
    usual = dict(
        scan=twin.baseline, structures=twin.contours, dose_since=None, eqd2_since=None, fractions_since=0,
        since_rt_end_days=-1.0, clinical=twin.clinical, tumour=view, key=Key(0, twin.id, Purpose.IMAGE),
    )  # fmt: skip
    inside, late = auto.generate(
        [TreatmentRequest(elapsed_days=60.0, **usual), TreatmentRequest(elapsed_days=1200.0, **usual)]
    )
    assert inside.generator.startswith("bridge ") and inside.fallback is None
    assert inside.gtv_cm3 == pytest.approx(view.gtv_cm3, rel=0.03)
    assert late.generator.startswith("mechanistic") and "days after the scan" in late.fallback
