"""One part of a study: its patients in batches, to tables as Parquet bytes; runs in any process."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from scenarios.cohort import Cohort, Member, pieces
from scenarios.scenario import Scenario
from scenarios.study_batch import Settings, simulate
from scenarios.study_tables import PART_SCHEMAS, Tables, batch_tables, empty, patient_rows
from twin import InputError

BATCH = 100  # patients in one kernel call: some 60 MB with three plans and 200 samples
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
    """

    index: int
    cohort: Cohort
    begin: int
    end: int
    scenarios: tuple[Scenario, ...]
    settings: Settings


def run_part(job: PartJob) -> tuple[int, dict[str, bytes]]:
    """The part's number, and its tables as Parquet bytes by name."""
    members = job.cohort.members(job.begin, job.end)
    frames: list[Tables] = []
    faults: dict[str, str] = {}
    for begin, end in pieces(len(members), BATCH):
        sound = [m for m in members[begin:end] if m.fault is None]
        light = [m for m in sound if m.twin is None]
        imaged = [m for m in sound if m.twin is not None]
        frames += _attempt(light, lambda some: _light_tables(some, job), faults)
        for member in imaged:
            frames += _attempt([member], lambda some: _imaged_tables(some[0], job), faults)
    told = [replace(m, fault=faults.get(m.id, m.fault)) for m in members]
    tables: Tables = {"patients": patient_rows(told)}
    for name in PART_SCHEMAS:
        if name != "patients":
            rows = [f[name] for f in frames if name in f and len(f[name])]
            tables[name] = pl.concat(rows) if rows else empty(name)
    return job.index, {name: _bytes(frame) for name, frame in tables.items()}


def _attempt(
    members: Sequence[Member], work: Callable[[Sequence[Member]], Tables], faults: dict[str, str]
) -> list[Tables]:
    """The tables of some patients; where that fails, of each of them alone, and the reasons of those who fail."""
    if not members:
        return []
    try:
        return [work(members)]
    except Exception as error:  # whatever it is, one patient must not cost the study
        if len(members) == 1:
            known = isinstance(error, InputError)
            faults[members[0].id] = str(error) if known else f"{type(error).__name__}: {error}"
            return []
    return [table for m in members for table in _attempt([m], work, faults)]


def _light_tables(members: Sequence[Member], job: PartJob) -> Tables:
    batch = simulate(members, job.scenarios, job.settings)
    tables = batch_tables(batch, job.scenarios, job.settings)
    return tables | {"arms": arm_counts([s.slug for s in job.scenarios], batch.daily_cm3)}


def _imaged_tables(member: Member, job: PartJob) -> Tables:
    from scenarios.study_imaged import imaged_tables

    return imaged_tables(member, job.scenarios, job.settings)


def arm_counts(slugs: Sequence[str], daily_cm3: np.ndarray) -> pl.DataFrame:
    """How many volumes fall into each bin, by arm and day: what daily bands of any number of patients are made of.

    Args:
        slugs: of the plans.
        daily_cm3: (plans, patients, days); nan where unknown.
    """
    volumes = daily_cm3.astype(np.float32)
    bins = volumes.view(np.int32) >> _SHIFT
    plans, patients, days = daily_cm3.shape
    return (
        pl.DataFrame(
            {
                "plan": pl.Series(list(slugs)).gather(np.repeat(np.arange(plans), patients * days)),
                "day": np.tile(np.arange(days, dtype=np.int32), plans * patients),
                "bin": bins.ravel(),
                "volume": volumes.ravel(),
            }
        )
        .filter(pl.col("volume").is_not_nan())
        .group_by("plan", "day", "bin")
        .agg(pl.len().cast(pl.Int64).alias("n"))
        .sort("plan", "day", "bin")
    )


def bin_edges(bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge of bins, cm3.

    Example:
        >>> low, high = bin_edges(np.float32([1.0]).view(np.int32) >> 16)
        >>> float(low[0]), float(high[0])
        (1.0, 1.0078125)
    """
    whole = np.asarray(bins, dtype=np.int32)
    low, high = (whole << _SHIFT).view(np.float32), ((whole + 1) << _SHIFT).view(np.float32)
    return low.astype(np.float64), high.astype(np.float64)


def _bytes(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()
