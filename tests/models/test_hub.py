"""Trained networks by name: within a task, as TASK/NAME, in a user's own folder, and as they lay before."""

import json

import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import FAMILIES, FamilyConfig
from models.hub import ENVIRONMENT, SHIPPED, every, load, weights_named


@pytest.fixture
def own(tmp_path, monkeypatch, toy_task, plain_task):
    """A user's own weights: of two tasks, one that bears a shipped name, and a flat folder that names no task."""
    folder = tmp_path / "own"
    tasks = {"toy/mine": toy_task, "plain/mine": plain_task, "toy/only-toy": toy_task, "flat": toy_task}
    for place, task in tasks.items():
        FAMILIES["copy"](FamilyConfig(task=task, widths=(4,), embedding=4)).save_pretrained(folder / place)
    for place, name in {"old": None, "bridge": None}.items():
        (folder / place).mkdir()
        (folder / place / "config.json").write_text(json.dumps({"_class_name": "Bridge", "start": name}))
    monkeypatch.setenv(ENVIRONMENT, str(folder))
    return folder


@pytest.mark.parametrize("task", ["toy", "plain"])
def test_a_bare_name_is_found_within_its_task(own, task):
    for name in ("mine", f"{task}/mine"):
        found = weights_named(name, task)
        assert (found.task, found.name, found.folder) == (task, "mine", own / task / "mine")
        assert found.address == f"{task}/mine"
        assert load(found.folder).task.name == task


def test_a_folder_at_the_top_is_of_the_task_that_it_names(own):
    assert weights_named("flat", "toy").folder == weights_named("toy/flat", "toy").folder == own / "flat"
    with pytest.raises(ValueError, match="no weights 'flat' of the task 'plain'"):
        weights_named("flat", "plain")


def test_a_folder_that_names_no_task_is_of_whichever_is_asked_for(own):
    for task in ("follow-up", "toy"):
        found = weights_named("old", task)
        assert (found.task, found.folder, found.address) == (None, own / "old", "old")


def test_a_users_own_go_before_those_shipped(own, monkeypatch):
    assert weights_named("bridge", "follow-up").folder == own / "bridge"
    assert weights_named("follow-up/bridge", "follow-up").folder == own / "bridge"
    monkeypatch.delenv(ENVIRONMENT)
    assert weights_named("bridge", "follow-up").folder == SHIPPED / "follow-up" / "bridge"


def test_what_is_not_there_is_told_what_is(own, monkeypatch):
    with pytest.raises(
        ValueError, match=r"^there are no weights 'only-toy' of the task 'plain'; there are: .*mine"
    ):
        weights_named("only-toy", "plain")
    with pytest.raises(ValueError, match="no weights 'toy/mine' of the task 'plain'"):
        weights_named("toy/mine", "plain")
    monkeypatch.delenv(ENVIRONMENT)
    with pytest.raises(ValueError, match=r"no weights 'mine' of the task 'plain'$"):
        weights_named("mine", "plain")


def test_a_folder_is_taken_as_it_is_and_refused_where_it_is_of_another_task(own):
    assert weights_named(own / "toy" / "mine", "toy").task == "toy"
    assert weights_named(str(own / "old"), "plain").folder == own / "old"
    with pytest.raises(ValueError, match=r"are of the task 'toy', not of 'plain'$"):
        weights_named(own / "toy" / "mine", "plain")


def test_all_are_listed_the_shipped_ones_first(own):
    listed = list(every())
    shipped = [w for w in listed if w.folder.is_relative_to(SHIPPED)]
    assert listed[: len(shipped)] == shipped
    assert {"follow-up/bridge", "follow-up/pix2pix", "denoise/regression"} <= {w.address for w in shipped}
    assert {w.address for w in listed[len(shipped) :]} >= {
        "toy/mine",
        "plain/mine",
        "toy/flat",
        "old",
        "bridge",
    }


def test_an_unknown_family_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "Oracle"}))
    with pytest.raises(ValueError, match=f"holds a oracle, which is none of: {', '.join(sorted(FAMILIES))}$"):
        load(tmp_path)
