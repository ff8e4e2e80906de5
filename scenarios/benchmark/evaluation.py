"""`rt-twin evaluate`: whoever translates, judged on patients that were never learned from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from scenarios.benchmark.names import label
from scenarios.executors.pool import pool_map
from simulators.learned.weights import facts, fingerprint, learned_from, located, plain
from twin import InputError
from twin.files.atomic import atomic_file, growing_folder, is_taken
from twin.files.json_file import read_json
from twin.files.tables import read_table
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Patients, Workers

FORMAT = "rt-twin-evaluation/1"
Progress = Callable[[str, float], None]


class Judge(Protocol):
    """How the translations of one task are judged; it travels to other processes."""

    @property
    def task(self) -> str:
        """Whose weights the contestants have."""
        ...

    @property
    def yardsticks(self) -> Sequence[str]:
        """Contestants that are always judged too."""
        ...

    def patients(self, folder: Path) -> list[dict[str, Any]]:
        """Who is judged on: a row each with `id`, all that `scores` needs to find him again.

        Raises:
            InputError: the folder holds nobody.
        """
        ...

    def request(self, folder: Path) -> Mapping[str, Any]:
        """What is evaluated, as JSON: the set and how much of it is looked at."""
        ...

    def check(self, name: str) -> None:
        """Refuse an unknown contestant before any work.

        Raises:
            InputError: it is unknown.
        """
        ...

    def scores(self, folder: Path, row: Mapping[str, Any], name: str) -> pl.DataFrame:
        """All scores of one contestant on one patient, as rows."""
        ...


@dataclass(frozen=True)
class _Job:
    """One patient and one contestant."""

    judge: Judge
    folder: Path
    row: dict[str, Any]
    name: str
    file: Path


@bounded
def evaluate(
    folder: Path,
    contestants: Sequence[str],
    out: Path,
    judge: Judge,
    *,
    patients: Patients | None = None,
    workers: Workers = 2,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Judge contestants beside the judge's yardsticks.

    Each patient's scores are kept as a part: the same command again goes on where it stopped, and further contestants
    are added to what is there.

    Args:
        folder: patients that no contestant has learned from.
        contestants: by name or folder of weights, optionally `@N` network evaluations or `+smooth`.
        out: the folder to write.
        judge: of the task.
        patients: at most so many.
        workers: processes, one thread each.
        progress: told a patient's id and the share of the work that is done.

    Returns:
        All rows, as the judge gives them.

    Raises:
        InputError: nobody to judge on, an unknown contestant, one that learned from these patients, or a folder of
            another evaluation.
    """
    tell = progress or (lambda step, share: None)
    rows = judge.patients(folder)[:patients]
    names = list(dict.fromkeys((*judge.yardsticks, *contestants)))
    ids = [row["id"] for row in rows]
    weights = {label(name): _weights(judge, name, ids) for name in names}
    asked = {"format": FORMAT, **judge.request(folder)}
    parts = {name: out / "parts" / _slug(name, weights[label(name)]) for name in names}
    jobs = [
        _Job(judge, folder, row, name, parts[name] / f"{row['id']}.parquet") for row in rows for name in names
    ]
    with growing_folder(out, worth="parts/*/*"):
        _begin(out, asked)
        table = _scored(jobs, workers, tell)
        with atomic_file(out / "scores.parquet") as part:
            table.write_parquet(part)
        record = asked | {"patients": len(rows), "generators": weights}
        with atomic_file(out / "evaluation.json") as part:
            part.write_text(json.dumps(record, indent=1))
    return table


def _scored(jobs: Sequence[_Job], workers: int, tell: Progress) -> pl.DataFrame:
    """The rows of all jobs; those that are not there yet are done first."""
    missing = [job for job in jobs if not job.file.is_file()]
    for done, name in enumerate(pool_map(_score, missing, workers=workers), start=1):
        tell(name, 1.0 - (len(missing) - done) / len(jobs))
    return pl.concat([read_table(job.file) for job in jobs])


def _weights(judge: Judge, name: str, ids: Sequence[str]) -> dict[str, Any]:
    """Fingerprint of a contestant's weights, once it is sure that it has not seen these patients."""
    if name in judge.yardsticks:
        return {}
    judge.check(name)
    place = located(plain(name), judge.task).folder
    known = learned_from(ids, facts(place).get("trained_on", ()))
    if known:
        raise InputError(
            f"{name} has learned from {len(known)} of these patients ({', '.join(known[:3])}, ...); "
            "take a set of other seeds"
        )
    return {"weights": fingerprint(place), "name": place.name, "held_out": None if known is None else True}


def _begin(out: Path, asked: Mapping[str, Any]) -> None:
    """Refuse a folder that holds something else; note what is evaluated."""
    file = out / "request.json"
    if file.is_file():
        if read_json(file) != asked:
            raise InputError(f"{out} holds another evaluation; choose another --out")
        return
    if is_taken(out):
        raise InputError(f"{out} exists with other content; choose another --out")
    with atomic_file(file) as part:
        part.write_text(json.dumps(asked, indent=1))


def _slug(name: str, weights: dict[str, Any]) -> str:
    return "-".join([label(name), *filter(None, [weights.get("weights")])])


def _score(job: _Job) -> str:
    """Write one part; gives the patient's id."""
    found = job.judge.scores(job.folder, job.row, job.name)
    with atomic_file(job.file) as part:
        found.write_parquet(part)
    return str(job.row["id"])
