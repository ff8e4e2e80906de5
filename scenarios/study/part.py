"""One part of a study: its patients in batches, to tables as Parquet bytes; runs in any process."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from scenarios.plans.scenario import Scenario
from scenarios.records.budget import batch_size
from scenarios.records.study_schema import PART_SCHEMAS
from scenarios.study.batch import simulate
from scenarios.study.cohort import Cohort, Member, pieces
from scenarios.study.imaged import imaged_tables
from scenarios.study.settings import Settings
from scenarios.study.tables import Tables, batch_tables, empty, patient_rows
from twin import InputError
from twin.errors import DiskError

Result = tuple[Tables, np.ndarray]  # rows by table, and true daily volumes (plans, patients, days)
FIRST_BIN, BINS = 0x36A0, 0xFE0  # from 5e-6 to 1.6e4 cm3
_SHIFT = np.int32(16)  # a float32 without its last 16 bits is a bin 0.4 to 0.8 % wide


@dataclass(frozen=True, eq=False)
class PartJob:
    """What a part has to do.

    Args:
        index: number of the part.
        cohort: whose patients from `begin` up to and without `end` it takes.
        begin, end: patient numbers.
        scenarios: the plans.
        settings: what the study asks for.
        runs: folder for the run of each twin with its images, or None where none are asked for.
    """

    index: int
    cohort: Cohort
    begin: int
    end: int
    scenarios: tuple[Scenario, ...]
    settings: Settings
    runs: Path | None = None


def run_part(job: PartJob) -> tuple[int, dict[str, bytes]]:
    """The part's number, and its tables as Parquet bytes by name."""
    members = job.cohort.members(job.begin, job.end)
    done: list[Result] = []
    faults: dict[str, str] = {}
    together = batch_size(len(job.scenarios), job.settings.samples, job.settings.days, len(members))
    for begin, end in pieces(len(members), together):
        sound = [m for m in members[begin:end] if m.fault is None]
        light = [m for m in sound if m.twin is None]
        imaged = [m for m in sound if m.twin is not None]
        done += _attempt(light, lambda some: _light_tables(some, job), faults)
        for member in imaged:
            done += _attempt([member], lambda some: _imaged_tables(some[0], job), faults)
    told = [replace(m, fault=faults.get(m.id, m.fault)) for m in members]
    tables: Tables = {"patients": patient_rows(told)}
    if done:
        slugs = [s.slug for s in job.scenarios]
        tables["arms"] = arm_counts(slugs, np.concatenate([daily_cm3 for _, daily_cm3 in done], axis=1))
    for name in PART_SCHEMAS:
        if name not in tables:
            rows = [f[name] for f, _ in done if name in f and len(f[name])]
            tables[name] = pl.concat(rows) if rows else empty(name)
    return job.index, {name: _bytes(frame) for name, frame in tables.items()}


def _attempt(
    members: Sequence[Member], work: Callable[[Sequence[Member]], Result], faults: dict[str, str]
) -> list[Result]:
    """The result for some patients; where that fails, of each of them alone, and the reasons of those who fail."""
    if not members:
        return []
    try:
        return [work(members)]
    except DiskError:  # every patient would fail
        raise
    except Exception as error:  # whatever it is, one patient must not cost the study
        if len(members) == 1:
            known = isinstance(error, InputError)
            faults[members[0].id] = str(error) if known else f"{type(error).__name__}: {error}"
            return []
    return [table for m in members for table in _attempt([m], work, faults)]


def _light_tables(members: Sequence[Member], job: PartJob) -> Result:
    batch = simulate(members, job.scenarios, job.settings)
    return batch_tables(batch, job.scenarios, job.settings), batch.daily_cm3.astype(np.float32)


def _imaged_tables(member: Member, job: PartJob) -> Result:
    return imaged_tables(member, job.scenarios, job.settings, job.runs)


def arm_counts(slugs: Sequence[str], daily_cm3: np.ndarray) -> pl.DataFrame:
    """How many volumes fall into each bin, by arm and day: what daily bands of any number of patients are made of.

    Args:
        slugs: of the plans.
        daily_cm3: (plans, patients, days); nan where unknown.
    """
    volumes = np.ascontiguousarray(daily_cm3, dtype=np.float32)
    bins = np.clip((volumes.view(np.int32) >> _SHIFT) - FIRST_BIN, 0, BINS - 1)
    days = np.broadcast_to(np.arange(volumes.shape[2]), volumes.shape[1:])
    frames = []
    for slug, own, known in zip(slugs, bins, ~np.isnan(volumes), strict=True):
        counts = np.bincount(days[known] * BINS + own[known])
        filled = np.flatnonzero(counts)
        columns = {"day": filled // BINS, "bin": filled % BINS, "n": counts[filled]}
        plan = pl.Series([slug]).new_from_index(0, len(filled)).alias("plan")
        frames.append(pl.DataFrame([plan, *(pl.Series(k, v) for k, v in columns.items())]))
    return pl.concat(frames).cast(dict(PART_SCHEMAS["arms"]))  # type: ignore[arg-type]


def bin_edges() -> np.ndarray:
    """(BINS + 1,) edges of the bins, cm3, each 0.4 to 0.8 % above the one before.

    Example:
        >>> edges = bin_edges()
        >>> bool(0.0039 < (edges[1:] / edges[:-1] - 1).min() and (edges[1:] / edges[:-1] - 1).max() < 0.0079)
        True
    """
    bits = np.arange(FIRST_BIN, FIRST_BIN + BINS + 1, dtype=np.int32)
    return (bits << _SHIFT).view(np.float32).astype(np.float64)


def _bytes(frame: pl.DataFrame) -> bytes:
    memory = io.BytesIO()
    frame.write_parquet(memory, compression="zstd", compression_level=1)
    return memory.getvalue()
