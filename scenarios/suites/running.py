"""`rt-twin benchmark`: one preprocessing, one split, one budget, one judge; the same command again goes on."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import ValidationError

from models.training.config import TrainingConfig
from scenarios.benchmark.evaluation import evaluate
from scenarios.datasets.people import Person
from scenarios.datasets.train import train
from scenarios.datasets.translations import PEOPLE
from scenarios.suites.claims import TOGETHER
from scenarios.suites.follow_ups import FollowUpSuiteJudge, by_score
from scenarios.suites.groups import router_of
from scenarios.suites.judge import SuiteJudge
from scenarios.suites.page import write_page
from scenarios.suites.plan import Contestant, Direction, Suite, load_suite
from simulators.core.imaging import TASKS
from simulators.learned.weights import FOLLOW_UP, SMOOTH, facts
from twin import InputError
from twin.files.atomic import atomic_file, growing_folder

SPLITS, ROWS, SUITE, SCORES = "splits.csv", "rows.parquet", "suite.yaml", "scores"
Progress = Callable[[str, float], None]
_SEED = r"-s(\d+)(\+smooth)?$"


@dataclass(frozen=True)
class Entry:
    """One training of a suite.

    Args:
        task: of the direction.
        contestant: who learns.
        seed: of the training.
    """

    task: str
    contestant: Contestant
    seed: int

    @property
    def name(self) -> str:
        """Of its folder, and in the rows."""
        return f"{self.contestant.name}-s{self.seed}"

    def weights(self, out: Path) -> Path:
        """Where its weights lie.

        Args:
            out: the benchmark's folder.
        """
        return out / "weights" / self.task / self.name


def entries(suite: Suite) -> list[Entry]:
    """All trainings of a suite, seed by seed, so that each contestant has learned once before one learns twice.

    Args:
        suite: which.
    """
    return [
        Entry(task, contestant, seed)
        for seed in suite.seeds
        for task, direction in suite.directions.items()
        for contestant in direction.families
    ]


def run_suite(
    suite: Suite, out: Path, *, data: Path, device: str = "auto", workers: int = 1,
    progress: Progress = lambda step, share: None,
) -> str:  # fmt: skip
    """Make the pairs, train, judge and write the page.

    Args:
        suite: what is compared.
        out: the folder to write: `pairs/`, `splits.csv`, `weights/`, `scores/`, `rows.parquet`, `tables/`, `images/`,
            `page.md`.
        data: where collections of real scans lie; those that are not there take no part.
        device: of the trainings: `auto`, `cpu`, `cuda`, ...
        workers: processes that judge.
        progress: is told what goes on, and which share is done.

    Returns:
        The page, Markdown.

    Raises:
        InputError: the folder holds another benchmark, nobody to learn from or to judge on, or a config that does not
            fit.
    """
    for entry in entries(suite):
        _check(suite, entry)
    with growing_folder(out, worth="pairs/*/*"):
        _begin(suite, out)
        people = _people(suite, data, out)
        _pairs(people, out, progress)
        every = [] if (out / SCORES).is_dir() else entries(suite)  # nobody is judged before all have learned
        for done, entry in enumerate(every):
            progress(f"{entry.task} {entry.name}", 0.2 + 0.6 * done / len(every))
            _train(suite, entry, people[entry.task], out, device)
        rows = _judged(suite, people, out, workers, progress)
        with atomic_file(out / ROWS) as part:
            rows.write_parquet(part)
        progress("page", 1.0)
        return write_page(suite, rows, out)


def _begin(suite: Suite, out: Path) -> None:
    """Refuse a folder of another benchmark; keep what this one is."""
    file = out / SUITE
    if file.is_file():
        if load_suite(str(file)) != suite:
            raise InputError(f"{out} holds a benchmark of another suite; choose another --out")
        return
    if out.is_dir() and any(p for p in out.iterdir() if not p.name.startswith(".")):
        raise InputError(f"{out} exists with other content; choose another --out")
    text = yaml.safe_dump(suite.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    with atomic_file(file) as part:
        part.write_text(text, encoding="utf-8")


def _people(suite: Suite, data: Path, out: Path) -> dict[str, Sequence[Person]]:
    """Who takes part in each direction; written down, a row a person."""
    found = {task: _of(task, direction, data, out) for task, direction in suite.directions.items()}
    table = io.StringIO()
    sheet = csv.writer(table, lineterminator="\n")
    sheet.writerow(("task", "person", "kind", "part"))
    for task, people in found.items():
        sheet.writerows((task, p.id, p.kind, p.part) for p in people)
        for side in ("learn", "test"):
            if not any(p.part == side for p in people):
                raise InputError(
                    f"{task} has nobody to {side} {'from' if side == 'learn' else 'on'}: give more people"
                )
    with atomic_file(out / SPLITS) as part:
        part.write_text(table.getvalue(), encoding="utf-8")
    return found


def _of(task: str, direction: Direction, data: Path, out: Path) -> Sequence[Person]:
    people = PEOPLE[task](data, out / "collections", direction.in_silico, direction.first_seed)
    return [p for p in people if direction.real or p.kind == "in silico"]


def _pairs(people: dict[str, Sequence[Person]], out: Path, progress: Progress) -> None:
    every = [(task, person) for task, some in people.items() for person in some]
    for done, (task, person) in enumerate(every):
        progress(f"pairs of {task}", 0.2 * done / len(every))
        person.made(out / "pairs" / task)


def _settings(suite: Suite, entry: Entry) -> dict[str, Any]:
    """The training config of an entry."""
    more = {"family": entry.contestant.family, "core_seconds": suite.core_seconds, "seed": entry.seed}
    return {**suite.directions[entry.task].training, **entry.contestant.training, **more}


def _check(suite: Suite, entry: Entry) -> None:
    """Refuse a config that does not fit before any work.

    Raises:
        InputError: it does not.
    """
    try:
        TrainingConfig(**{**TASKS[entry.task].training, **_settings(suite, entry)})
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        raise InputError(
            f"the training of {entry.contestant.name} for {entry.task} does not fit: {what}"
        ) from None


def _train(suite: Suite, entry: Entry, people: Sequence[Person], out: Path, device: str) -> None:
    learn = sorted(out / "pairs" / entry.task / p.id for p in people if p.part == "learn")
    who, settings, weights = entry.contestant, _settings(suite, entry), entry.weights(out)

    def learned(name: str, settings: dict[str, Any], place: Path, begin: Path | None = None) -> None:
        config = out / "configs" / f"{entry.task}-{name}.yaml"
        with atomic_file(config) as part:
            part.write_text(yaml.safe_dump(settings, sort_keys=True), encoding="utf-8")
        cache = out / "cache" / entry.task
        train(learn, str(config), place, task=entry.task, cache=cache, begin=begin, device=device)

    if who.groups is None:
        return learned(entry.name, settings, weights)
    first, seconds = weights / TOGETHER, settings["core_seconds"]
    if who.together:
        one = {"family": "regression", "core_seconds": who.together * seconds}
        learned(f"{entry.name}-{TOGETHER}", settings | one, first)
    router = router_of(who.groups, entry.task, learn, entry.seed).facts()
    options = {**settings.get("options", {}), "router": router}
    settings |= {"options": options, "core_seconds": (1 - who.together) * seconds}
    learned(entry.name, settings, weights, first if who.together else None)


def _tested(people: Sequence[Person], most: int | None) -> dict[str, str]:
    """Who is judged on, with his kind: of each kind at most so many, the first by name."""
    kinds: dict[str, list[str]] = {}
    for person in sorted(people, key=lambda p: p.id):
        if person.part == "test":
            kinds.setdefault(person.kind, []).append(person.id)
    return {name: kind for kind, names in kinds.items() for name in names[:most]}


def judge_of(suite: Suite, task: str, people: tuple[str, ...] = ()) -> SuiteJudge | FollowUpSuiteJudge:
    """Who judges a direction.

    Args:
        suite: of the direction.
        task: of the direction.
        people: the test part of its split.
    """
    return FollowUpSuiteJudge(people=people) if task == FOLLOW_UP else SuiteJudge(task, people, suite.slices)


def _names(weights: Path) -> list[str]:
    """Under which a training is judged: where grain is given back, also without it."""
    return [str(weights), *([f"{weights}{SMOOTH}"] if facts(weights).get("grain") else [])]


def _judged(
    suite: Suite, people: dict[str, Sequence[Person]], out: Path, workers: int, progress: Progress
) -> pl.DataFrame:
    """Rows by person of all directions: task, kind, contestant, family, seed, metric, value."""
    found = []
    for task in suite.directions:
        test = _tested(people[task], suite.people)
        names = [n for e in entries(suite) if e.task == task for n in _names(e.weights(out))]
        rows = evaluate(
            out / "pairs" / task, names, out / SCORES / task, judge_of(suite, task, tuple(sorted(test))),
            workers=workers, progress=lambda step, share: progress(f"judging {step}", 0.8 + 0.2 * share),
        )  # fmt: skip
        rows = by_score(rows) if task == FOLLOW_UP else rows
        seed = pl.col("generator").str.extract(_SEED, 1).cast(pl.Int64)
        found.append(
            rows.with_columns(
                pl.lit(task).alias("task"),
                pl.col("patient").replace_strict(test).alias("kind"),
                pl.col("generator").str.replace(_SEED, "$2").alias("contestant"),
                seed.alias("seed"),
            )
        )
    return pl.concat(found)
