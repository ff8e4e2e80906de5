"""What ships: weights that load, fit their size, say what they were made from, and are what `auto` takes."""

import json
import shutil

import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.hub import SHIPPED, load
from models.training.config import TrainingConfig, load_config
from simulators import Key, Purpose, TreatmentRequest, TumourView
from simulators.names.generators import generator_named
from simulators.tasks.crop import VECTOR
from twin import InputError

NAMES = ("bridge", "pix2pix")


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_small_complete_and_can_be_made_again(name):
    folder = SHIPPED / name
    assert (folder / "diffusion_pytorch_model.safetensors").stat().st_size <= 20e6
    assert load(folder).slices == 3
    config = json.loads((folder / "config.json").read_text())
    assert config["vector"] == list(VECTOR) and len(config["trained_on"]) > 100
    assert {"elapsed_days", "dose_gy", "fraction_gy", "gtv0_cm3", "relative_gtv"} <= set(config["domain"])
    made = load_config(folder / "training.yaml")
    assert isinstance(made, TrainingConfig) and made.model == name and made.plan
    assert any("validation" in json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines())
    card = (folder / "README.md").read_text()
    for word in ("SIMULATED", "Domain", "seed", "held-out"):
        assert word in card, f"the card says nothing of {word}"


def test_weights_that_were_shown_other_channels_are_refused_in_one_sentence(tmp_path):
    for file in (SHIPPED / "bridge").glob("*.*"):
        shutil.copy(file, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"image_channels": 6}))
    with pytest.raises(InputError, match=r"something else \(6 channels, this one 7\); train them again"):
        generator_named(str(tmp_path))


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
