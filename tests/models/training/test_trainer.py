import json
import os
import shutil
import subprocess
import sys
import textwrap

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import FAMILIES, Batch  # noqa: E402
from models.data.examples import Examples, Subject  # noqa: E402
from models.data.stack import stack  # noqa: E402
from models.families.bridge import Bridge  # noqa: E402
from models.hub import load  # noqa: E402
from models.layout import CHECKPOINT, LOG  # noqa: E402
from models.training.config import TrainingConfig, load_config  # noqa: E402
from models.training.steps import descend  # noqa: E402
from models.training.trainer import split, train  # noqa: E402

pytestmark = pytest.mark.long  # trains networks


def config(**changes):
    usual = {"family": "bridge", "widths": (8, 16), "embedding": 16, "steps": 6, "warmup_steps": 2}
    usual |= {
        "validate_every": 3,
        "checkpoint_every": 2,
        "batch_volumes": 8,
        "ema": 0.5,
        "quantile_steps": 60,
    }
    return TrainingConfig(**usual | changes)


TWO_STEPS = config(steps=2, hidden=("dose", "clinical"))


def equal(one, other):
    """Whether two models have the same weights; what only a training needs is not kept."""
    away = ("discriminator.", "perceptual.", "returning.")
    a, b = ({k: v for k, v in m.state_dict().items() if not k.startswith(away)} for m in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


# Every family is killed and resumed below; here those with one optimiser and with two.
@pytest.mark.parametrize("family", ["regression", "pix2pix"])
def test_a_resumed_training_ends_with_the_same_weights(family, toy_subjects, toy_task, tmp_path):
    whole = train(toy_subjects, toy_task, config(family=family), tmp_path / "whole")

    class Interrupted(Exception):
        pass

    def stop(step, share):
        if step == "training" and share > 0.7:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(toy_subjects, toy_task, config(family=family), tmp_path / "broken", progress=stop)
    resumed = train(toy_subjects, toy_task, config(family=family), tmp_path / "broken")
    assert equal(whole, resumed)
    assert equal(resumed, load(tmp_path / "broken"))
    assert equal(resumed, train(toy_subjects, toy_task, config(family=family), tmp_path / "broken")), (
        "finished"
    )


# Each training in a process of its own, which is killed as no exception is: no file is closed, nothing is tidied up.
KILLED = """
    import json, os, resource, signal, sys
    from pathlib import Path

    from models.data.examples import Subject
    from models.layout import CHECKPOINT
    from models.task import Task
    from models.training.config import TrainingConfig
    from models.training.trainer import train

    told = json.loads(sys.argv[1])
    task, out = Task.model_validate(told["task"]), Path(told["out"])
    subjects = [Subject(patient, Path(stem)) for patient, stem in told["subjects"]]

    def run(family, folder, before=lambda: None, progress=lambda step, share: None):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                before()
                train(subjects, task, TrainingConfig(**told["config"] | {"family": family}), folder, progress=progress)
                status = 0
            except ValueError as error:
                print("refused:", error, flush=True)
                status = 2
            finally:
                os._exit(status)
        status = os.waitpid(pid, 0)[1]
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def killed_at(step):
        seen = []
        def progress(name, share):
            seen.append(name)
            if seen.count("training") == step:
                os.kill(os.getpid(), signal.SIGKILL)
        return {"progress": progress}

    def killed_in_write(number):  # before the number-th file gets its name
        def before():
            real, done = Path.replace, []
            def replace(self, target):
                done.append(target)
                if len(done) == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(self, target)
            Path.replace = replace
        return {"before": before}

    def full_after(size):
        def before():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return {"before": before}

    def files(folder):  # a checkpoint holds how long it took
        every = (p for p in folder.rglob("*") if p.is_file() and p.name not in (CHECKPOINT, "log.jsonl"))
        return {str(p.relative_to(folder)): p.read_bytes() for p in every if not p.name.startswith(".")}

    def steps(folder):
        return [json.loads(line).get("step") for line in (folder / "log.jsonl").read_text().splitlines()]

    ways = {"step": killed_at, "write": killed_in_write, "full": full_after}
    for family, breaks in told["plan"]:
        assert run(family, out / family / "whole") == 0
        whole = files(out / family / "whole")
        for way, number in breaks:
            folder = out / family / f"{way}-{number}"
            ended = run(family, folder, **ways[way](number))
            assert ended == (2 if way == "full" else -signal.SIGKILL), (way, number, ended)
            assert run(family, folder) == 0
            assert files(folder) == whole, (family, way, number)
            assert steps(folder) == steps(out / family / "whole")
            print(family, way, number, "equal", flush=True)
"""


def broken_trainings(subjects, task, out, plan):
    """What the script says of trainings that were broken and resumed: each file of theirs is that of a whole one."""
    told = {
        "task": task.model_dump(mode="json"),
        "out": str(out),
        "subjects": [(s.patient, str(s.stem)) for s in subjects],
        "config": config().model_dump(mode="json"),
        "plan": plan,
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), json.dumps(told)],
        capture_output=True, text=True, timeout=500, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_a_killed_training_resumed_ends_with_the_same_files_in_every_family(
    part, toy_subjects, toy_task, tmp_path
):
    breaks = [(family, [("step", 3 + n % 3)]) for n, family in enumerate(FAMILIES)][part::4]
    said = broken_trainings(toy_subjects, toy_task, tmp_path, breaks)
    assert said.count(" equal") == len(breaks) >= 3


@pytest.mark.slow
def test_a_training_killed_in_a_write_or_out_of_disk_goes_on_as_if_nothing_had_been(
    toy_subjects, toy_task, tmp_path
):
    breaks = [*(("write", n) for n in (2, 6, 9)), ("full", 600), ("full", 20_000)]
    said = broken_trainings(toy_subjects, toy_task, tmp_path, [("regression", breaks)])
    assert said.count(" equal") == len(breaks)
    assert said.count("refused: cannot write ") == 2


@pytest.mark.slow
def test_a_training_by_time_that_was_broken_can_be_made_again_from_its_config(
    toy_subjects, toy_task, tmp_path, monkeypatch
):
    monkeypatch.setattr("models.training.run._PLAN_EVERY", 4)
    told = config(steps=None, minutes=0.02)

    def stop(step, share):
        if step == "training" and share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(toy_subjects, toy_task, told, tmp_path / "first", progress=stop)
    first = train(toy_subjects, toy_task, told, tmp_path / "first")
    again = load_config(tmp_path / "first" / "training.yaml")
    assert again.plan
    assert equal(first, train(toy_subjects, toy_task, again, tmp_path / "again"))


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["empty", "flipped"])
def test_a_damaged_checkpoint_is_one_sentence_and_without_it_the_training_begins_anew(
    toy_subjects, toy_task, tmp_path, damage
):
    whole = train(toy_subjects, toy_task, config(steps=2), tmp_path)
    file = tmp_path / CHECKPOINT
    kept = file.read_bytes()
    middle = len(kept) // 2
    file.write_bytes(b"" if damage == "empty" else kept[:middle] + bytes(64) + kept[middle + 64 :])
    with pytest.raises(
        ValueError, match=r"checkpoint\.pt is damaged \(.*\); remove it, and the training begins anew$"
    ):
        train(toy_subjects, toy_task, config(steps=2), tmp_path)
    file.unlink()
    assert equal(whole, train(toy_subjects, toy_task, config(steps=2), tmp_path))


@pytest.fixture(scope="module")
def two_steps(toy_subjects, toy_task, tmp_path_factory):
    """The folder of a training of two steps that is done, and its weights."""
    folder = tmp_path_factory.mktemp("two") / "steps"
    return folder, train(toy_subjects, toy_task, TWO_STEPS, folder, facts={"trained_on": ["a", "b"]})


def test_a_training_does_not_go_on_with_other_examples(toy_subjects, toy_task, two_steps):
    with pytest.raises(ValueError, match="holds a training on other examples"):
        train(toy_subjects[1:], toy_task, TWO_STEPS, two_steps[0])


def test_damaged_examples_are_one_sentence(toy_subjects, toy_task, tmp_path):
    source = toy_subjects[0].stem.parent
    subjects = [Subject(s.patient, tmp_path / s.stem.name) for s in toy_subjects]
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "toy3.source.npy").write_bytes(b"")
    with pytest.raises(ValueError, match=r"toy3\.source\.npy is damaged or missing; remove the folder"):
        train(subjects, toy_task, config(steps=2), tmp_path / "out")


def test_another_config_does_not_go_on_in_the_same_folder(toy_subjects, toy_task, two_steps):
    with pytest.raises(ValueError, match="another config"):
        train(toy_subjects, toy_task, TWO_STEPS.model_copy(update={"seed": 1}), two_steps[0])


@pytest.mark.slow
def test_the_saved_weights_are_averaged(toy_subjects, toy_task, tmp_path):
    one = train(toy_subjects, toy_task, config(ema=0.0), tmp_path / "last")
    other = train(toy_subjects, toy_task, config(ema=0.9), tmp_path / "mean")
    assert not equal(one, other)
    state = torch.load(tmp_path / "last" / "checkpoint.pt", weights_only=True)
    assert torch.equal(state["model"]["network.enter.weight"], one.state_dict()["network.enter.weight"])


def test_it_logs_losses_figures_and_pictures(toy_subjects, toy_task, tmp_path):
    train(toy_subjects, toy_task, config(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert any("image" in r and "mask" in r for r in rows)
    assert any("pinball" in r.get("quantiles", {}) for r in rows)
    assert [r["step"] for r in rows if "validation" in r] == [3, 6]
    assert len(list((tmp_path / "samples").glob("*.png"))) == 2


def slices_of(subject, task):
    """All slices of a subject's example, and their target."""
    source = torch.from_numpy(subject.source[0].astype("float32")).transpose(0, 1)
    return stack(source, task.source, 3), torch.from_numpy(subject.target[0].astype("float32"))


def test_a_patient_is_on_one_side_whoever_else_is_there(toy_subjects):
    learned, held = split(toy_subjects, 0.3, seed=0)
    assert len(learned) + len(held) == 24 and 2 <= len(held) <= 14
    assert [s.patient for s in split(toy_subjects[::2], 0.3, seed=0)[1]] == [
        s.patient for s in held if s in toy_subjects[::2]
    ]


@pytest.fixture(scope="module")
def learned_bridge(toy_subjects, toy_config):
    torch.manual_seed(0)
    model = Bridge(toy_config).train()
    data = Examples(toy_subjects, toy_config.task, slices=3, batch=16, volumes=8, near_share=1.0)
    optimisers = [torch.optim.AdamW(part, lr=3e-3) for part in model.parts()]
    for i in range(350):
        descend(model, optimisers, data.at(i), torch.Generator().manual_seed(i), clip=1.0)
    return model.eval()


@pytest.mark.slow
def test_the_bridge_learns_the_toy_world_and_obeys_the_volume_asked_for(learned_bridge, toy_subjects):
    for subject in toy_subjects[:3]:
        source, truth = slices_of(subject, learned_bridge.task)
        noise = torch.zeros(8, 3, 24, 24)
        volumes = []
        for relative in (0.3, 0.8):
            vector = torch.tensor([[0.0, relative]]).expand(8, -1)
            out = learned_bridge.sample(Batch(source, vector, noise))
            volumes.append(float(out[:, 1].sum() / source[:, 1].sum()))
        assert volumes == pytest.approx([0.3, 0.8], abs=0.12)
        out = learned_bridge.sample(Batch(source, torch.from_numpy(subject.vectors).expand(8, -1), noise))
        error = (out[:, 0] - truth[:, 0]).abs().mean()
        assert error < 0.6 * (source[:, 0] - truth[:, 0]).abs().mean()


@pytest.mark.slow
def test_four_evaluations_of_the_bridge_are_as_good_as_fifty(learned_bridge, toy_subjects):
    source, truth = slices_of(toy_subjects[0], learned_bridge.task)
    noise = torch.randn(8, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    batch = Batch(source, torch.from_numpy(toy_subjects[0].vectors).expand(8, -1), noise)
    errors = [
        float((learned_bridge.sample(batch, steps)[:, 0] - truth[:, 0]).abs().mean()) for steps in (4, 50)
    ]
    assert errors[0] < 1.05 * errors[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_task_of_one_image_without_conditions_or_layers_is_trained(
    family, plain_subjects, plain_task, tmp_path
):
    train(plain_subjects, plain_task, config(family=family, batch_volumes=4, validation_share=0.3), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    figures = [r["validation"] for r in rows if "validation" in r]
    assert len(figures) == 2 and figures[-1]["mae_1"] >= 0 and figures[-1]["copy_mae_1"] > 0
    assert not any("dice" in name for name in figures[-1])
    assert not any("quantiles" in r for r in rows), "there is no condition to draw"
    assert len(list((tmp_path / "samples").glob("*.png"))) == 2
    again = load(tmp_path)
    assert again.drawn is None and again.task.name == "plain"


@pytest.mark.slow
def test_regression_learns_to_take_noise_away(plain_subjects, plain_task, tmp_path):
    told = config(
        family="regression", steps=150, learning_rate=5e-3, validate_every=150, ema=0.9, warmup_steps=10
    )
    train(plain_subjects, plain_task, told, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    (figures,) = [r["validation"] for r in rows if "validation" in r]
    assert figures["mae_1"] < 0.6 * figures["copy_mae_1"]


def test_groups_that_are_hidden_are_hidden_by_their_names(two_steps):
    folder, model = two_steps
    assert model.config.hidden == ("dose", "nothing")
    assert load(folder).config.hidden == ("dose", "nothing")


def test_facts_are_kept_in_the_config(two_steps):
    folder, _ = two_steps
    assert json.loads((folder / "config.json").read_text())["trained_on"] == ["a", "b"]
    assert load(folder).task.conditions[1].mean != 0, "conditions as the examples have them"


def test_a_checkpoint_of_an_older_version_is_refused_in_one_sentence(
    two_steps, toy_subjects, toy_task, tmp_path
):
    shutil.copytree(two_steps[0], tmp_path / "older")
    state = torch.load(tmp_path / "older" / CHECKPOINT, weights_only=True)
    del state["format"]  # as version 0.1 wrote it
    torch.save(state, tmp_path / "older" / CHECKPOINT)
    with pytest.raises(ValueError, match=r"holds a training of an older version; choose another folder$"):
        train(toy_subjects, toy_task, TWO_STEPS, tmp_path / "older")
