"""More patients or plans for a study that is complete: what it holds is kept, only the rest is computed.

While this goes on the study that was lies whole in `parts/held`; where it cannot be added to, it is put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from scenarios.plans.scenario import Scenario
from scenarios.records.study_file import RECORD, StudyRecord, read_record, write_record
from scenarios.study.cohort import Cohort, SampledCohort, pieces
from scenarios.study.part import PartJob
from scenarios.study.settings import Settings
from twin import InputError
from twin.files.atomic import move
from twin.files.lock import remove
from twin.files.tables import read_table, scan_table

PARTS, HELD, RUNS = "parts", "held", "runs"


def check_extends(folder: Path, found: StudyRecord, record: StudyRecord, cohort: Cohort) -> None:
    """Refuse to add to a study of other settings, patients or plans.

    Args:
        folder: of the study.
        found: the study that lies there.
        record: what is asked for now.
        cohort: its patients.

    Raises:
        InputError: what is asked for does not hold the study that lies there.
    """
    same_patients = cohort.n == found.patients and record.who == found.who
    if isinstance(cohort, SampledCohort) and cohort.n >= found.patients:
        same_patients = SampledCohort(found.patients, cohort.seed).fingerprint == found.who
    if (folder / RUNS).is_dir():
        reason = "keeps whole runs with images"
    elif not found.complete or not found.who:
        reason = "is not complete" if not found.complete else "was made by a former version"
    elif found.basis != record.basis:
        reason = "has other days, samples, seed, images, assumptions or versions"
    elif not same_patients:
        reason = f"holds other patients ({found.cohort})"
    elif record.each[: len(found.each)] != found.each:
        reason = f"has other plans ({', '.join(found.plans)}); name them first, in this order"
    else:
        return
    raise InputError(f"nothing can be added: the study {reason}")


def hold(folder: Path, found: StudyRecord, record: StudyRecord, tables: Sequence[str]) -> None:
    """Put the study that was aside, and the record of the one that is to be in its place; goes on after a kill."""
    held = folder / PARTS / HELD
    if not (held / RECORD).is_file():
        write_record(held, found)
    write_record(folder, record)
    for name in tables:
        if (folder / f"{name}.parquet").is_file() and not (held / f"{name}.parquet").is_file():
            move(folder / f"{name}.parquet", held / f"{name}.parquet")


def put_back(folder: Path) -> None:
    """The study that was lies in its place again."""
    held = folder / PARTS / HELD
    for file in held.glob("*.parquet"):
        move(file, folder / file.name)
    write_record(folder, read_record(held))
    remove(folder / PARTS)


def missing_jobs(
    cohort: Cohort, scenarios: Sequence[Scenario], settings: Settings, part: int, held: StudyRecord
) -> list[PartJob]:
    """The parts that a study still needs: new plans for patients it has (beside the reference), then new patients."""
    old, plans = held.patients, tuple(scenarios)
    new = plans[len(held.plans) :]
    wanted = [(begin, end, (plans[0], *new)) for begin, end in pieces(old, part) if new]
    wanted += [(old + begin, old + end, plans) for begin, end in pieces(cohort.n - old, part)]
    return [PartJob(i, cohort, *each, settings) for i, each in enumerate(wanted)]


def check_agree(folder: Path, parts: Sequence[Path], before: StudyRecord) -> None:
    """Refuse new plans that change what is said of the old ones; the study that was is put back then.

    Args:
        folder: of the study.
        parts: those of the new plans.
        before: the study that was.

    Raises:
        InputError: the reference's rows are others beside the new plans, or a patient fails under these.
    """
    held, reference = folder / PARTS / HELD, before.plans[0]
    for part in parts:
        patients = read_table(part / "patients.parquet")["patient"]
        mine = pl.col("patient").is_in(patients.implode()) & (pl.col("plan") == reference)
        for name in ("outcomes", "trajectory"):
            old = scan_table(held / f"{name}.parquet").filter(mine).collect()
            if not old.equals(scan_table(part / f"{name}.parquet").filter(mine).collect()):
                put_back(folder)
                raise InputError(
                    f"nothing can be added: beside the new plans {reference} has other {name}, or a patient fails; "
                    "make a new study"
                )


def woven(
    name: str, held: Path, parts: Sequence[Path], slugs: Sequence[str], known: Sequence[str]
) -> list[pl.LazyFrame]:
    """A table's rows of the patients that the study had, under old and new plans, in the order of a whole study.

    Args:
        name: of the table.
        held: folder of the study that was.
        parts: those of the new plans, in order.
        slugs: of all plans.
        known: of those that the study had.
    """
    old = scan_table(held / f"{name}.parquet")
    if not parts or "plan" not in old.collect_schema():
        return [old]
    frames = []
    for part in parts:
        patients = read_table(part / "patients.parquet")["patient"]
        both = [
            old.filter(pl.col("patient").is_in(patients.implode())),
            scan_table(part / f"{name}.parquet").filter(~pl.col("plan").is_in(list(known))),
        ]
        order = [pl.col("patient").cast(pl.Enum(patients)), pl.col("plan").cast(pl.Enum(list(slugs)))]
        frames.append(pl.concat(both).sort(*order, maintain_order=True))
    return frames
