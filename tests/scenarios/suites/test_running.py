"""A benchmark of two tiny contestants on a few small people, killed on its way; what a suite's file may hold."""

import csv
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from scenarios.datasets import translations
from scenarios.datasets.people import Person
from scenarios.suites import Suite, load_suite, run_suite
from scenarios.suites.running import _tested, judge_of
from simulators.learned.weights import plain
from twin import Geometry, InputError, Volume

ROOT = Path(__file__).parents[3]
GRID = Geometry((3, 56, 56), (3.0, 2.0, 2.0), (-56.0, -56.0, -3.0))
Z, Y, X = np.indices(GRID.shape)
BODY = (Y - 28) ** 2 + (X - 28) ** 2 < 26**2
TINY = {
    "name": "tiny", "about": "Nothing is learned.",
    "core_seconds": 0.4, "seeds": [0, 1, 2],
    "directions": {"denoise": {
        "training": {
            "window": 16, "widths": [4, 4], "embedding": 8, "batch_slices": 2, "batch_volumes": 2,
            "validation_share": 0,
            "validate_every": 500, "checkpoint_every": 500, "slices": 1, "quantile_steps": 1,
        },
        "families": [{"name": "plain", "family": "regression", "training": {"examples": {"grain": True}}}],
    }},
    "claims": [{
        "text": "a network beats the source", "task": "denoise", "kind": "in silico", "score": "mae_hu",
        "better": ["plain"], "worse": ["source"],
    }],
}  # fmt: skip


def written(part, seed):
    chance = np.random.default_rng(seed)
    clean = np.where(BODY, 40 + 10 * chance.normal(size=GRID.shape), -1000)
    noisy = clean + 20 * chance.normal(size=GRID.shape)
    pair = [Volume(GRID, np.rint(v).astype(np.int16), "CT", "HU") for v in (noisy, clean)]
    translations._kept(part, "scan", *pair, {}, dose=0.25)


def people(data, work, n, first_seed):
    return [Person(f"p{s}", "in silico", partial(written, seed=s), test_only=s > 1) for s in range(5)]


def known(out):
    return {
        p.relative_to(out): p.read_bytes()
        for p in sorted(out.rglob("*"))
        if p.suffix in (".parquet", ".safetensors")
    }


def benchmark(out, progress=lambda step, share: None, **changes):
    """The tiny suite on people of this file's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(translations.PEOPLE, "denoise", people)
        patch.setattr(Person, "part", property(lambda self: "test" if self.test_only else "learn"))
        return run_suite(Suite(**TINY | changes), out, data=out.parent, progress=progress)


def die(step, share):
    """Power goes while the second training begins."""
    if step.endswith("plain-s1"):
        os.kill(os.getpid(), signal.SIGKILL)


def stop(step, share):
    if step.startswith("judging"):
        raise KeyboardInterrupt


@pytest.mark.slow
def test_a_benchmark_goes_on_where_it_was_killed_and_its_page_comes_of_its_rows(tmp_path):
    out = tmp_path / "run"
    code = "from pathlib import Path; from tests.scenarios.suites.test_running import benchmark, die; "
    code += f"benchmark(Path({str(out)!r}), die)"
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(KeyboardInterrupt):
        benchmark(out, stop)
    before = known(out)
    assert any("plain-s0" in str(p) for p in before)
    page = benchmark(out)
    after = known(out)
    assert before.items() <= after.items(), "what was done is not done again"
    rows = pl.read_parquet(out / "rows.parquet")
    yardsticks = {"source", "classical", "classical+grain", "voxel-wise", "oracle"}
    assert set(rows["contestant"]) == yardsticks | {"plain", "plain+smooth"}
    assert set(rows["patient"]) == {"p2", "p3", "p4"} and set(
        rows.filter(pl.col("contestant") == "plain+smooth")["seed"]
    ) == {0, 1, 2}
    split = list(csv.DictReader((out / "splits.csv").open()))
    assert [(r["person"], r["part"]) for r in split] == [
        (f"p{s}", "test" if s > 1 else "learn") for s in range(5)
    ]
    assert "not answerable at this budget" in page and "SIMULATED" in page
    assert all(
        (out / line.split("(")[1].split(")")[0]).is_file()
        for line in page.splitlines()
        if line.startswith("![")
    )
    none = pl.read_csv(out / "tables" / "lacking.csv").filter(pl.col("metric") == "psnr_db")
    assert none.select("contestant", "people", "who").row(0) == ("oracle", 3, "p2 p3 p4"), "and it is said"
    assert "Scores that could not be had" in page
    assert benchmark(out) == page and known(out) == after
    with pytest.raises(InputError, match="holds a benchmark of another suite"):
        benchmark(out, name="other")


@pytest.mark.parametrize(
    "name",
    [
        "quick",
        "small",
        "harmonise",
        "districts",
        "denoise",
        "mr-ct",
        "t2-flair",
        "quality",
        "full",
        "follow-up",
    ],
)
def test_the_shipped_suites_fit(name):
    suite = load_suite(name)
    for claim in suite.claims:
        there = {c.name for c in suite.directions[claim.task].families} | {
            *judge_of(suite, claim.task).yardsticks
        }
        assert {*map(plain, claim.better), *map(plain, claim.worse)} <= there
    for task, direction in suite.directions.items():
        if not direction.real:  # so that it runs without any data
            invented = translations.PEOPLE[task](
                Path("none"), Path("none"), direction.in_silico, direction.first_seed
            )
            assert {p.part for p in invented} == {"learn", "test"}


def test_of_each_kind_the_first_by_name_are_judged_on_and_nobody_who_was_learned_from():
    every = [
        Person(name, kind, print, test_only=name != "b")
        for kind, names in (("real", "dbca"), ("in silico", "zy"))
        for name in names
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Person, "part", property(lambda self: "test" if self.test_only else "learn"))
        assert _tested(every, 2) == {"y": "in silico", "z": "in silico", "a": "real", "c": "real"}
        assert len(_tested(every, None)) == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\nabout: b\ncore_seconds: 1\ndirections: {nowhere: {families: [{name: a, family: regression}]}}",
         "'nowhere' is none of"),
        ("name: a\nabout: b\ncore_seconds: 1\ndirections: {denoise: {families: [{name: a, family: magic}]}}",
         "'magic' is none of the families"),
        ("name: a\nabout: b\ncore_seconds: -1\ndirections: {denoise: {families: [{name: a, family: bridge}]}}",
         "core_seconds"),
        ("name: a\nabout: b", "core_seconds: Field required"),
    ],
)  # fmt: skip
def test_a_suite_that_does_not_fit_is_a_sentence(text, words, tmp_path):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        load_suite(str(tmp_path / "bad.yaml"))
    with pytest.raises(InputError, match="there is no suite 'none'"):
        load_suite("none")


def test_a_training_that_does_not_fit_is_refused_before_any_work(tmp_path):
    wrong = {"denoise": {"training": {"window": -3}, "families": [{"name": "plain", "family": "regression"}]}}
    with pytest.raises(InputError, match="the training of plain for denoise does not fit: window"):
        benchmark(tmp_path / "run", directions=wrong)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("words", "said"), [
    (["none", "--out", "OUT"], "there is no suite 'none'"),
    (["quick", "--out", "OUT", "--data", "nowhere"], "there is no folder nowhere"),
])  # fmt: skip
def test_a_users_mistake_is_one_sentence_and_nothing_is_written(words, said, tmp_path):
    from typer.testing import CliRunner

    from scenarios.commands.main import app

    out = tmp_path / "run"
    done = CliRunner().invoke(app, ["benchmark", *[str(out) if w == "OUT" else w for w in words]])
    assert isinstance(done.exception, InputError) and said in str(done.exception)
    assert not out.exists()
