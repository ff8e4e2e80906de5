import json

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.data.examples import Examples  # noqa: E402
from models.data.stack import stack  # noqa: E402
from models.families.bridge import Bridge  # noqa: E402
from models.hub import load  # noqa: E402
from models.training.config import TrainingConfig, load_config  # noqa: E402
from models.training.trainer import LOG, Roles, fit, split, train  # noqa: E402

ROLES = Roles(("nothing", "relative"), relative=1, groups={"clinical": [0]}, dose_channels=[2])


def config(**changes):
    usual = {"model": "bridge", "widths": (8, 16), "embedding": 16, "steps": 6, "warmup_steps": 2}
    usual |= {"validate_every": 3, "checkpoint_every": 2, "batch_volumes": 8, "ema": 0.5, "volume_steps": 60}
    return TrainingConfig(**usual | changes)


def equal(one, other):
    """Whether two models have the same weights; a discriminator is not kept."""
    a, b = ({k: v for k, v in m.state_dict().items() if "discriminator" not in k} for m in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("kind", ["bridge", "pix2pix", "diffusion"])
def test_a_resumed_training_ends_with_the_same_weights(kind, toy_subjects, tmp_path):
    whole = train(toy_subjects, ROLES, config(model=kind), tmp_path / "whole")

    class Interrupted(Exception):
        pass

    def stop(step, share):
        if step == "training" and share > 0.7:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(toy_subjects, ROLES, config(model=kind), tmp_path / "broken", progress=stop)
    resumed = train(toy_subjects, ROLES, config(model=kind), tmp_path / "broken")
    assert equal(whole, resumed)
    assert equal(resumed, load(tmp_path / "broken"))
    assert equal(resumed, train(toy_subjects, ROLES, config(model=kind), tmp_path / "broken")), "finished"


def test_a_training_by_time_can_be_made_again_from_the_config_that_it_saved(
    toy_subjects, tmp_path, monkeypatch
):
    monkeypatch.setattr("models.training.trainer._PLAN_EVERY", 4)
    first = train(toy_subjects, ROLES, config(steps=None, minutes=0.02), tmp_path / "first")
    again = load_config(tmp_path / "first" / "training.yaml")
    assert again.plan
    assert equal(first, train(toy_subjects, ROLES, again, tmp_path / "again"))


def test_another_config_does_not_go_on_in_the_same_folder(toy_subjects, tmp_path):
    train(toy_subjects, ROLES, config(steps=2), tmp_path)
    with pytest.raises(ValueError, match="another config"):
        train(toy_subjects, ROLES, config(steps=2, seed=1), tmp_path)


def test_the_saved_weights_are_averaged(toy_subjects, tmp_path):
    one = train(toy_subjects, ROLES, config(ema=0.0), tmp_path / "last")
    other = train(toy_subjects, ROLES, config(ema=0.9), tmp_path / "mean")
    assert not equal(one, other)
    state = torch.load(tmp_path / "last" / "checkpoint.pt", weights_only=True)
    assert torch.equal(state["model"]["network.enter.weight"], one.state_dict()["network.enter.weight"])


def test_it_logs_losses_figures_and_pictures(toy_subjects, tmp_path):
    train(toy_subjects, ROLES, config(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert any("image" in r and "mask" in r for r in rows)
    assert [r["step"] for r in rows if "validation" in r] == [3, 6]
    assert len(list((tmp_path / "samples").glob("*.png"))) == 2


def test_a_batch_follows_from_seed_and_step(toy_subjects):
    data = Examples(toy_subjects, slices=3, batch=8, volumes=4)
    one, other = data.at(7), Examples(toy_subjects, slices=3, batch=8, volumes=4).at(7)
    assert all(torch.equal(one[k], other[k]) for k in one)
    assert not torch.equal(one["image"], data.at(8)["image"])


def test_slices_are_what_stack_gives_and_half_of_them_mirrored_with_their_targets(toy_subjects):
    subject = toy_subjects[0]
    whole = stack(torch.from_numpy(subject.before[0, :, :-1].astype("float32")).transpose(0, 1), 3)
    after = torch.from_numpy(subject.after[0].astype("float32"))
    batch = Examples([subject], slices=3, batch=40, volumes=1).at(0)
    turned = []
    for image, target in zip(batch["image"], batch["target"], strict=True):
        found = [
            (z, mirrored)
            for z in range(8)
            for mirrored in (False, True)
            if ((whole[z].flip(-1) if mirrored else whole[z]) - image).abs().max() < 1e-3
        ]
        ((z, mirrored),) = found
        assert torch.equal(target, after[z].flip(-1) if mirrored else after[z])
        turned.append(mirrored)
    assert 10 <= sum(turned) <= 30


def test_what_changes_much_is_drawn_in_proportion_when_asked_for(toy_subjects):
    data = Examples(toy_subjects, slices=1, batch=16, volumes=16)
    share = data.change_share
    most = int(share.argmax())
    vector = torch.from_numpy(toy_subjects[most].vectors[0])
    drawn = [(data.at(i, by_change=True)["vector"] == vector).all(dim=1).sum().item() for i in range(60)]
    expected = 960 * (0.5 * share[most] + 0.5 / 24)
    assert sum(drawn) == pytest.approx(expected, abs=4 * expected**0.5)
    assert share[most] > 2 / 24, "else it says nothing"


def test_every_example_is_seen_once_before_any_is_seen_twice(toy_subjects):
    data = Examples(toy_subjects, slices=1, batch=4, volumes=4)
    seen = torch.cat([data.at(i)["vector"][:, 1] for i in range(6)])
    assert len(set(seen.tolist())) == 24


def test_a_patient_is_on_one_side_whoever_else_is_there(toy_subjects):
    learned, held = split(toy_subjects, 0.3, seed=0)
    assert len(learned) + len(held) == 24 and 2 <= len(held) <= 14
    assert [s.patient for s in split(toy_subjects[::2], 0.3, seed=0)[1]] == [
        s.patient for s in held if s in toy_subjects[::2]
    ]


@pytest.fixture(scope="module")
def learned_bridge(toy_subjects, toy_config):
    torch.manual_seed(0)
    model = Bridge(toy_config)
    data = Examples(toy_subjects, slices=3, batch=16, volumes=8, near_share=1.0)
    return model.fit((data.at(i) for i in range(350)), {"learning_rate": 3e-3})


def volume_of(subject):
    return stack(torch.from_numpy(subject.before[0, :, :-1].astype("float32")).transpose(0, 1), 3)


def test_the_bridge_learns_the_toy_world_and_obeys_the_volume_asked_for(learned_bridge, toy_subjects):
    for subject in toy_subjects[:3]:
        image = volume_of(subject)
        noise = torch.zeros(8, 3, 24, 24)
        volumes = []
        for relative in (0.3, 0.8):
            vector = torch.tensor([[0.0, relative]]).expand(8, -1)
            out = learned_bridge.generate(image, vector, noise)
            volumes.append(float(out[:, 1].sum() / image[:, 1].sum()))
        assert volumes == pytest.approx([0.3, 0.8], abs=0.12)
        out = learned_bridge.generate(image, torch.from_numpy(subject.vectors).expand(8, -1), noise)
        truth = torch.from_numpy(subject.after[0].astype("float32"))
        error = (out[:, 0] - truth[:, 0]).abs().mean()
        assert error < 0.6 * (image[:, 0] - truth[:, 0]).abs().mean()


def test_four_evaluations_of_the_bridge_are_as_good_as_fifty(learned_bridge, toy_subjects):
    image, vector = volume_of(toy_subjects[0]), torch.from_numpy(toy_subjects[0].vectors).expand(8, -1)
    noise = torch.randn(8, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    truth = torch.from_numpy(toy_subjects[0].after[0].astype("float32"))
    errors = []
    for steps in (4, 50):
        learned_bridge.config["options"]["steps"] = steps
        out = learned_bridge.generate(image, vector, noise)
        errors.append(float((out[:, 0] - truth[:, 0]).abs().mean()))
    assert errors[0] < 1.05 * errors[1]


def test_fit_takes_each_batch_in_order(toy_subjects, toy_config):
    data = Examples(toy_subjects, slices=3)
    made = []
    for _ in range(2):
        torch.manual_seed(0)
        model = Bridge(toy_config)
        fit(model, (data.at(i) for i in range(2)), {})
        made.append(model)
    assert equal(*made)


@pytest.mark.parametrize("name", ["bridge", "pix2pix", "diffusion"])
def test_the_shipped_configs_are_of_their_kind(name):
    assert load_config(name).model == name


def test_a_config_that_does_not_fit_is_refused_in_one_sentence(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("model: bridge\nlearning_rate: -1\n")
    with pytest.raises(ValueError, match="learning_rate"):
        load_config(file)
    with pytest.raises(ValueError, match="bridge, diffusion, pix2pix"):
        load_config("nonesuch")
