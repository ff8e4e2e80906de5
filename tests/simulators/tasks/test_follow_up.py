"""The task of follow-ups: its examples and their cache, and weights of version 0.1."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from simulators.insilico.sets import VOLUMES, twins_in
from simulators.tasks.crop import VECTOR
from simulators.tasks.follow_up import TASK
from simulators.tasks.pairs import pairs_of
from twin import InputError, PatientTwin

PLAIN = {"pairs_per_twin": 2, "align": False}


def learned(sources, cache, task=TASK, **options):
    return task.learned(sources, cache, options, lambda step, share: None)


@pytest.fixture(scope="module")
def twins(followed_twin, tmp_path_factory):
    """A folder with a patient seen three times, and one seen once."""
    folder = tmp_path_factory.mktemp("twins")
    followed_twin.save(folder / "often.twin")
    once = followed_twin.fork(scans=followed_twin.scans[:1], structures=followed_twin.structures[:1])
    once.save(folder / "once.twin")
    return folder


@pytest.fixture
def unread(monkeypatch):
    """Nothing may be read from here on."""

    def forbid():
        monkeypatch.setattr(
            "simulators.tasks.pairs.write_pairs", lambda *_: pytest.fail("it was there already")
        )

    return forbid


def test_the_examples_are_the_pairs(twins, tmp_path):
    found = learned([twins], tmp_path, **PLAIN)
    (subject,) = found.subjects
    pairs = list(pairs_of(PatientTwin.load(twins / "often.twin")))
    assert found.skipped == 1 and subject.patient == "often"
    assert len(subject.source) == 2 and len(subject.vectors) == len(pairs) == 3
    assert [p.day for p in pairs[:2]] == [30.0, 90.0]
    for k in range(2):
        assert np.abs(subject.source[k].swapaxes(0, 1) - pairs[k].source).max() < 1e-3
        assert np.abs(subject.target[k].swapaxes(0, 1) - pairs[k].target).max() < 1e-3
        np.testing.assert_array_equal(subject.vectors[k], pairs[k].vector)
        np.testing.assert_array_equal(subject.near[k], pairs[k].source[-1] > -1)
        tumour = np.flatnonzero((pairs[k].source[1] > 0.5).any(axis=(1, 2)))
        first, beyond = subject.focus[k]
        assert first == max(0, tumour[0] - 8) and beyond == min(48, tumour[-1] + 9), "16 mm beyond its ends"
    assert len(subject.outcomes) == 2, "from the first image on"
    assert found.facts["domain"]["elapsed_days"] == [30.0, 90.0]


def test_what_was_read_is_not_read_again(twins, tmp_path, unread):
    once = learned([twins], tmp_path, **PLAIN)
    unread()
    again = learned([twins], tmp_path, **PLAIN)
    assert [s.stem for s in again.subjects] == [s.stem for s in once.subjects]


@pytest.mark.parametrize(
    ("task", "options"),
    [
        (TASK, PLAIN | {"align": True}),
        (TASK, PLAIN | {"pairs_per_twin": 1}),
        (replace(TASK, version="x"), PLAIN),
    ],
)
def test_what_is_read_in_another_way_is_read_again(task, options, twins, tmp_path, unread):
    learned([twins], tmp_path, **PLAIN)
    unread()
    with pytest.raises(pytest.fail.Exception, match="it was there already"):
        learned([twins], tmp_path, task, **options)


def test_a_twin_that_changed_is_read_again_and_one_elsewhere_is_not(followed_twin, tmp_path, unread):
    place, other = tmp_path / "here" / "one.twin", tmp_path / "there"
    followed_twin.save(place)
    learned([place.parent], tmp_path / "cache", **PLAIN)
    place.parent.rename(other)
    unread()
    learned([other], tmp_path / "cache", **PLAIN)
    stored = json.loads((other / "one.twin" / "twin.json").read_text())
    stored["clinical"]["age_years"] = 41.0
    (other / "one.twin" / "twin.json").write_text(json.dumps(stored))
    with pytest.raises(pytest.fail.Exception, match="it was there already"):
        learned([other], tmp_path / "cache", **PLAIN)


def test_of_a_set_with_truth_the_truth_is_learned_and_what_came_of_others(followed_twin, tmp_path):
    place = tmp_path / "set" / "one.truth"
    followed_twin.save(tmp_path / "set" / "one.twin")
    for plan in ("55-20", "none"):
        followed_twin.save(place / f"{plan}.twin")
    rows = [(p, d, k, 1.0 + k) for p in ("55-20", "none") for d in (30.0, 90.0) for k in (-1, 0, 1, 2)]
    pl.DataFrame(rows, schema=["plan", "day", "draw", "gtv_cm3"], orient="row").write_parquet(place / VOLUMES)
    assert [p.parent.name for p in twins_in(tmp_path / "set")] == ["one.truth"] * 2
    found = learned([tmp_path / "set"], tmp_path / "cache")
    assert found.skipped == 0 and [s.patient for s in found.subjects] == ["one", "one"]
    for subject in found.subjects:
        assert len(subject.source) == 1 and len(subject.vectors) == 2, "no pair starts after treatment began"
        volume, baseline = (VECTOR.index(n) for n in ("relative_gtv", "gtv0_cm3"))
        drawn = subject.outcomes[len(subject.vectors) :]
        np.testing.assert_allclose(drawn[:, volume] * drawn[:, baseline], [1, 2, 3, 1, 2, 3], rtol=1e-5)


def test_a_set_whose_volumes_came_anew_is_read_again(followed_twin, tmp_path, unread):
    place = tmp_path / "set" / "one.truth"
    followed_twin.save(tmp_path / "set" / "one.twin")
    followed_twin.save(place / "none.twin")
    for k in (1, 2):
        rows = [("none", d, n, float(k)) for d in (30.0, 90.0) for n in (-1, 0)]
        pl.DataFrame(rows, schema=["plan", "day", "draw", "gtv_cm3"], orient="row").write_parquet(
            place / VOLUMES
        )
        (subject,) = learned([tmp_path / "set"], tmp_path / "cache").subjects
        volume, baseline = (VECTOR.index(n) for n in ("relative_gtv", "gtv0_cm3"))
        assert subject.outcomes[-1, volume] * subject.outcomes[-1, baseline] == pytest.approx(k, rel=1e-5)


def test_the_conditions_are_hidden_in_two_groups_and_three_never():
    assert TASK.task.drawn == "relative_gtv"
    assert [c.name for c in TASK.task.conditions] == list(VECTOR)
    shown = {c.name for c in TASK.task.conditions if c.group in ("dose", "clinical")}
    assert set(VECTOR) - shown == {"elapsed_days", "relative_gtv", "gtv0_cm3"}
    assert {c.name for c in TASK.task.source if c.group == "dose"} == {"eqd2"}


def test_folders_without_anything_to_learn_from_are_refused_in_one_sentence(twins, tmp_path):
    with pytest.raises(InputError, match="no twins in"):
        learned([tmp_path], tmp_path)
    with pytest.raises(InputError, match="two CTs"):
        learned([twins / "once.twin"], tmp_path)
    (tmp_path / "set.json").write_text('{"format": "rt-twin-set/9"}')
    with pytest.raises(InputError, match="rt-twin-set/9"):
        learned([tmp_path], tmp_path)


FORMER = Path(__file__).parents[2] / "fixtures" / "weights"  # what the shipped weights said of themselves


@pytest.mark.parametrize("name", ["bridge", "pix2pix"])
def test_weights_of_version_0_1_are_the_shipped_ones_when_read(name):
    torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

    from models import Batch
    from models.data.stack import channels
    from models.hub import SHIPPED, load

    folder = SHIPPED / "follow-up" / name
    former = json.loads((FORMER / f"{name}.json").read_text())
    now = json.loads((folder / "config.json").read_text())
    assert TASK.upgraded(now) == now, "what this version wrote comes back as it is"
    told = TASK.upgraded(former)
    one, other = load(folder, told), load(folder)
    facts = {"trained_on": None, "learned_from": None}
    assert one.config.model_copy(update=facts) == other.config.model_copy(update=facts)
    chance = torch.Generator().manual_seed(0)
    source = torch.rand(3, channels(TASK.task.source, 3), 32, 32, generator=chance) * 2 - 1
    vector = torch.rand(3, len(VECTOR), generator=chance) * 50
    vector[1] = torch.nan
    vector[2, VECTOR.index("relative_gtv")] = torch.nan
    noise = torch.randn(3, other.noise_channels, 32, 32, generator=chance)
    batch = Batch(source, vector, noise)
    assert torch.equal(one.guided(batch).vector.nan_to_num(), other.guided(batch).vector.nan_to_num())
    assert torch.equal(one.layers(batch), other.layers(batch))
    assert torch.equal(one.sample(batch), other.sample(batch))


def test_what_weights_of_version_0_1_were_not_shown_is_known_by_name():
    former = json.loads((FORMER / "bridge.json").read_text())
    told = TASK.upgraded(
        former | {"start": [0, 0, 1], "hidden_channels": [2, 4, 5, 6], "hidden": [1, 13], "_class_name": "Diffusion"}
        | {"options": {"steps": 3, "mask_scale": 0.4}}
    )  # fmt: skip
    assert told["hidden"] == [
        "eqd2", "draft_tissue", "draft_tumour", "draft_share", "dose_gy", "chemotherapy"
    ]  # fmt: skip
    assert told["options"] == {"steps": 3, "share_scale": 0.4} and told["family"] == "diffusion"
    assert TASK.task.begins(told["hidden"]) == [0, 0, 1], "it starts from the scan"


@pytest.mark.parametrize("change", [{"image_channels": 6}, {"vector": ["elapsed_days"]}])
def test_weights_that_were_shown_something_else_are_refused_in_one_sentence(change, tmp_path):
    from simulators.learned.weights import network

    former = json.loads((FORMER / "bridge.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(former | change))
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=r"shows a generator something else \(.*; train them again$"):
        network(str(tmp_path), "follow-up")
