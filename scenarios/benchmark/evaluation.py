"""`rt-twin evaluate`: generators judged on held-out patients whose follow-up is known under every plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from models.hub import folder_of
from scenarios.benchmark.contestant import ACQUIRED, ORACLE, YARDSTICKS, contestant, label
from scenarios.benchmark.patient import HeldOut
from scenarios.benchmark.scores import SCHEMA, Scope, scores
from simulators.insilico.sets import read_index
from simulators.learned.weights import facts, fingerprint, patient_digest
from twin import InputError
from twin.files.atomic import atomic_file

FORMAT = "rt-twin-evaluation/1"
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class _Job:
    """One patient and one contestant."""

    folder: Path
    row: dict[str, Any]
    name: str
    scope: Scope
    part: Path


def evaluate(
    folder: Path,
    generators: Sequence[str],
    out: Path,
    *,
    scope: Scope | None = None,
    patients: int | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Judge generators, beside copying, the mechanistic generator, the truth and the acquired scan.

    Each patient's scores are kept as a part: the same command again goes on where it stopped, and further generators
    are added to what is there.

    Args:
        folder: a longitudinal set with truth, of patients that no generator has learned from.
        generators: by name or folder of weights, optionally `@N` network evaluations or `+smooth`.
        out: the folder to write.
        scope: how much is looked at of each patient.
        patients: at most so many of the set.
        workers: processes, one thread each.
        progress: told a patient's id and the share of the work that is done.

    Returns:
        All rows, with `scores.SCHEMA`.

    Raises:
        InputError: no truth, an unknown generator, one that learned from these patients, or a folder of another
            evaluation.
    """
    scope = scope or Scope()
    tell = progress or (lambda step, share: None)
    rows = [row for row in read_index(folder)["patients"] if row.get("twin")][:patients]
    if not rows:
        raise InputError(f"the set {folder} holds no patients")
    names = list(dict.fromkeys((*YARDSTICKS, *generators)))
    ids = [row["id"] for row in rows]
    weights = {label(name): _weights(name, ids) for name in names}
    _begin(out, folder, scope)
    parts = {name: out / "parts" / _slug(name, weights[label(name)]) for name in names}
    jobs = [
        _Job(folder, row, name, scope, parts[name] / f"{row['id']}.parquet") for row in rows for name in names
    ]
    missing = [job for job in jobs if not job.part.is_file()]
    for done, name in enumerate(_done(missing, workers), start=1):
        tell(name, 1.0 - (len(missing) - done) / len(jobs))
    table = pl.concat([pl.read_parquet(job.part) for job in jobs])
    with atomic_file(out / "scores.parquet") as file:
        table.write_parquet(file)
    record = _request(folder, scope) | {"patients": len(rows), "generators": weights}
    with atomic_file(out / "evaluation.json") as file:
        file.write_text(json.dumps(record, indent=1))
    return table


def _weights(name: str, ids: Sequence[str]) -> dict[str, Any]:
    """Fingerprint of a generator's weights, once it is sure that it has not seen these patients."""
    if name in YARDSTICKS:
        return {}
    contestant(name)  # an unknown name is refused before any work
    try:
        place = folder_of(name.removesuffix("+smooth").partition("@")[0])
    except ValueError as error:
        raise InputError(str(error)) from None
    seen = set(facts(place).get("trained_on", ()))
    known = [i for i in ids if patient_digest(i) in seen]
    if known:
        raise InputError(
            f"{name} has learned from {len(known)} of these patients ({', '.join(known[:3])}, ...); "
            "take a set of other seeds"
        )
    return {"weights": fingerprint(place), "name": place.name}


def _begin(out: Path, folder: Path, scope: Scope) -> None:
    """Refuse a folder that holds something else; note what is evaluated."""
    file = out / "request.json"
    asked = _request(folder, scope)
    if file.is_file():
        if json.loads(file.read_text()) != asked:
            raise InputError(f"{out} holds another evaluation; choose another --out")
        return
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} exists with other content; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as part:
        part.write_text(json.dumps(asked, indent=1))


def _request(folder: Path, scope: Scope) -> dict[str, Any]:
    """What is evaluated: the set, by its simulator and arguments, and how much of it."""
    index = read_index(folder)
    known = {"simulator": index["simulator"], **index["arguments"]}
    return {"format": FORMAT, "set": known, "scope": asdict(scope)}


def _slug(name: str, weights: dict[str, Any]) -> str:
    return "-".join([label(name), *filter(None, [weights.get("weights")])])


def _done(jobs: Sequence[_Job], workers: int) -> Iterator[str]:
    """Do the jobs; gives each patient's id when it is done."""
    if workers <= 1 or len(jobs) < 4:
        yield from map(_score, jobs)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread)
    try:
        yield from pool.map(_score, jobs, chunksize=1)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    """Two processes of one thread beat one of two, and their times compare."""
    import numba

    numba.set_num_threads(1)
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


@lru_cache(maxsize=1)
def _held(folder: Path, row: str) -> HeldOut:
    return HeldOut.load(folder, json.loads(row))


def _score(job: _Job) -> str:
    """Write one part."""
    held = _held(job.folder, json.dumps(job.row))
    found = scores(held, contestant(job.name), job.scope)
    job.part.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(job.part) as file:
        found.cast(SCHEMA).write_parquet(file)  # type: ignore[arg-type]
    return held.id


def order(table: pl.DataFrame) -> list[str]:
    """The contestants of a table: copy, mechanistic, then the learned ones, then the yardsticks that know the truth."""
    names = table["generator"].unique(maintain_order=True).to_list()
    first = [n for n in YARDSTICKS if n in names and n not in (ORACLE, ACQUIRED)]
    last = [n for n in (ACQUIRED, ORACLE) if n in names]
    return [*first, *(n for n in names if n not in YARDSTICKS), *last]
