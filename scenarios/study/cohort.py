"""Cohorts: patients that are sampled, read from a table, or a folder of twins; read in pieces, never all at once."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import polars as pl
from pydantic import ValidationError

from scenarios.plans.plan import sentence
from scenarios.study.covariates import sample
from simulators.insilico.sets import true_parameters
from twin import ClinicalRecord, InputError, Observation, PatientTwin
from twin.files.lock import settle_below
from twin.files.names import text_of
from twin.files.tables import scan_table
from twin.inputs.bounds import check, check_fields
from twin.inputs.quantities import Patients, Seed, TumourCm3

SITES = ("central", "peripheral")
COLUMNS = ("id", *ClinicalRecord.model_fields, "gtv_cm3", "site")
_UNITS = ("years", "percent", "cm3")
_NULLS = ["", "NA", "nan", "NaN", "null", "None"]


@dataclass(frozen=True, eq=False)
class Member:
    """One patient of a cohort.

    Args:
        id: pseudonym.
        clinical: the clinical record; what is missing stays missing.
        gtv_cm3: tumour volume at day 0, cm3; nan where there is a fault.
        site: "central", "peripheral" or None where unknown.
        in_silico: made by this software, not a person.
        twin: the patient with images, or None for a member known by numbers only.
        truth: parameters of an in-silico twin's tumour, or None where they are unknown or drawn by the study.
        fault: why this member cannot be simulated, or None.
    """

    id: str
    clinical: ClinicalRecord = field(default_factory=ClinicalRecord)
    gtv_cm3: float = float("nan")
    site: str | None = None
    in_silico: bool = False
    twin: PatientTwin | None = None
    truth: Mapping[str, float] | None = None
    fault: str | None = None

    def light(self) -> PatientTwin:
        """The member as a twin without images, whose volume is an observation on day 0."""
        seen = (Observation(0.0, "gtv_cm3", self.gtv_cm3),)
        return PatientTwin(self.id, self.clinical, observations=seen, in_silico=self.in_silico)


class Cohort(Protocol):
    """Patients by number."""

    @property
    def n(self) -> int:
        """How many."""
        ...

    @property
    def description(self) -> str:
        """What it is, in words."""
        ...

    @property
    def fingerprint(self) -> str:
        """Equal for cohorts of equal patients."""
        ...

    def members(self, begin: int, end: int) -> list[Member]:
        """Patients from number `begin` up to and without `end`."""
        ...


@dataclass(frozen=True)
class SampledCohort:
    """Patients drawn from published distributions (`scenarios.study.covariates`); patient i is the same whatever n is.

    Args:
        n: how many.
        seed: another seed, other patients.

    Example:
        >>> SampledCohort(3).members(0, 1)[0].id
        'sampled-0-000000'
    """

    n: Patients
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def description(self) -> str:
        """What it is, in words."""
        return f"{self.n} sampled patients, seed {self.seed}"

    @property
    def fingerprint(self) -> str:
        """Equal for cohorts of equal patients."""
        return f"sampled {self.n} {self.seed}"

    def members(self, begin: int, end: int) -> list[Member]:
        """Patients from number `begin` up to and without `end`."""
        names = (f"sampled-{self.seed}-{i:06d}" for i in range(begin, end))
        rows = sample(self.seed, begin, end).iter_rows(named=True)
        return [_member(name, row, in_silico=True) for name, row in zip(names, rows, strict=True)]


@dataclass(frozen=True)
class TableCohort:
    """The rows of a CSV or Parquet table with columns of the clinical record, `gtv_cm3` and `site`.

    Args:
        path: the table; `id` is made up where the column is missing.
        n: number of rows.
        fingerprint: hash of the file.
    """

    path: Path
    n: int
    fingerprint: str

    @classmethod
    def read(cls, path: str | PathLike[str]) -> TableCohort:
        """Look at a table whole, and keep no row of it.

        Raises:
            InputError: no such table, a damaged or ragged one, an unknown column or unit, no row, or an id given twice.
        """
        file = Path(path)
        try:
            table = _scan(file)
            if file.suffix.lower() == ".csv":
                _check_rows(file)
            schema = table.collect_schema()
            names = schema.names()
            _check_columns(names, file)
            _check_types(schema, file)
            counts = table.select(pl.len().alias("rows"), pl.all().null_count())  # reads every cell
            n = int(counts.collect()["rows"].item())
            twice = table.group_by("id").len().filter(pl.col("len") > 1).collect() if "id" in names else None
        except (OSError, pl.exceptions.PolarsError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"the table {file} cannot be read: {reason}") from None
        if n == 0:
            raise InputError(f"the table {file} has no rows; a cohort needs at least one patient")
        if twice is not None and len(twice):
            raise InputError(f"the table {file} has the id {twice['id'].sort()[0]!r} more than once")
        with file.open("rb") as stream:
            return cls(file.absolute(), n, hashlib.file_digest(stream, "sha256").hexdigest())

    @property
    def description(self) -> str:
        """What it is, in words."""
        return f"{self.n} patients of the table {self.path.name}"

    def members(self, begin: int, end: int) -> list[Member]:
        """Patients from number `begin` up to and without `end`."""
        try:
            rows = _scan(self.path).slice(begin, end - begin).collect().iter_rows(named=True)
        except (OSError, pl.exceptions.PolarsError):
            raise InputError(
                f"the table {self.path} has changed while it was read; run the same command again"
            ) from None
        return [_member(_name(row, i), row) for i, row in zip(range(begin, end), rows, strict=True)]


@dataclass(frozen=True)
class FolderCohort:
    """The twins in a folder, by name.

    Args:
        path: the folder.
        names: of the `.twin` folders in it.
        fingerprint: hash of their records.
    """

    path: Path
    names: tuple[str, ...]
    fingerprint: str

    @classmethod
    def read(cls, path: str | PathLike[str]) -> FolderCohort:
        """Find the twins in a folder.

        Raises:
            InputError: no such folder, or no twin in it.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}")
        settle_below(folder, depth=0)
        names = tuple(sorted(p.name for p in folder.glob("*.twin") if p.is_dir()))
        if not names:
            raise InputError(f"the folder {folder} holds no NAME.twin; a cohort needs at least one patient")
        digest = hashlib.sha256()
        for name in names:
            digest.update(os.fsencode(name))
            for file in sorted(f for f in (folder / name).rglob("*") if f.is_file()):
                digest.update(os.fsencode(file.relative_to(folder)) + f" {file.stat().st_size}".encode())
                with suppress(OSError):  # he who cannot be read is one patient's fault
                    digest.update(file.read_bytes() if file.suffix == ".json" else b"")
        return cls(folder.absolute(), names, digest.hexdigest())

    @property
    def n(self) -> int:
        """How many."""
        return len(self.names)

    @property
    def description(self) -> str:
        """What it is, in words."""
        return f"{self.n} twins of the folder {self.path.name}"

    def members(self, begin: int, end: int) -> list[Member]:
        """Patients from number `begin` up to and without `end`."""
        return [self._member(name) for name in self.names[begin:end]]

    def _member(self, name: str) -> Member:
        stem = text_of(name.removesuffix(".twin"))
        try:
            twin = PatientTwin.load(self.path / name)
            truth = true_parameters(self.path / name)
            return Member(stem, twin.clinical, twin.gtv_cm3, None, twin.in_silico, twin, truth)
        except InputError as error:
            return Member(stem, fault=str(error))


def cohort_from(n: int | None, table: Path | None, twins: Path | None, seed: int = 0) -> Cohort:
    """The one cohort that a command names.

    Args:
        n: number of patients to sample, or None.
        table: a CSV or Parquet table, or None.
        twins: a folder of twins, or None.
        seed: of sampled patients.

    Raises:
        InputError: none or more than one is named, or it cannot be read.
    """
    if sum(given is not None for given in (n, table, twins)) != 1:
        raise InputError("a cohort needs one of --n, --table and --twins")
    if table is not None:
        return TableCohort.read(table)
    return FolderCohort.read(twins) if twins is not None else SampledCohort(int(n or 0), seed)


def pieces(n: int, size: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of pieces of a cohort.

    Args:
        n: patients of the cohort.
        size: of a piece; the last one may be smaller.

    Example:
        >>> list(pieces(5, 2))
        [(0, 2), (2, 4), (4, 5)]
    """
    yield from ((begin, min(begin + size, n)) for begin in range(0, n, size))


def _scan(file: Path) -> pl.LazyFrame:
    if not file.is_file():
        raise InputError(f"there is no table {file}")
    if file.suffix.lower() == ".parquet":
        return scan_table(file)
    if file.suffix.lower() == ".csv":
        rows = pl.scan_csv(file.absolute(), infer_schema=False, null_values=_NULLS, glob=False)
        return rows.filter(~pl.all_horizontal(pl.all().is_null()))  # blank lines
    raise InputError(f"the table {file} must be a .csv or a .parquet file")


def _check_rows(file: Path) -> None:
    """Refuse a CSV with a row of more or fewer cells than its head: nobody knows which cell is missing."""
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream, strict=True)
            head = len(next(rows, []))
            for row in rows:
                if row and len(row) != head:
                    raise InputError(f"line {rows.line_num} of {file} has {len(row)} cells, its head {head}")
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"the table {file} cannot be read: {error}") from None


def _check_types(schema: pl.Schema, file: Path) -> None:
    """Refuse columns of lists, dates and the like."""
    for name, kind in schema.items():
        if not (kind.is_numeric() or kind in (pl.String, pl.Boolean, pl.Null, pl.Categorical, pl.Enum)):
            raise InputError(
                f"the column {name!r} of {file} holds {kind}; give one number, word or truth value in each cell"
            )


def _check_columns(names: list[str], file: Path) -> None:
    """Refuse columns that are unknown, or known in another unit; all are named at once."""
    stems = {c.removesuffix(f"_{unit}"): c for c in COLUMNS for unit in _UNITS if c.endswith(f"_{unit}")}
    foreign = [name for name in names if name not in COLUMNS]
    known = {name: stems.get(re.split(r"[_ \[]", name.lower())[0]) for name in foreign}
    wrong = [
        f"give {name!r} in {right.rpartition('_')[2]} as {right!r}" for name, right in known.items() if right
    ]
    unknown = [repr(name) for name, right in known.items() if right is None]
    if wrong:
        raise InputError(f"columns of {file} have an unknown unit: {'; '.join(wrong)}")
    if unknown:
        raise InputError(
            f"columns of {file} are unknown: {', '.join(unknown)}; rename or remove them; "
            f"columns are {', '.join(COLUMNS)}"
        )
    if "gtv_cm3" not in names:
        raise InputError(f"the table {file} has no column 'gtv_cm3', the tumour's volume at day 0")


def _name(row: Mapping[str, Any], number: int) -> str:
    return str(row["id"]) if row.get("id") is not None else f"row-{number + 1:06d}"


def _member(name: str, row: Mapping[str, Any], in_silico: bool = False) -> Member:
    """A member from a row, or the reason why there is none."""
    record = {k: v for k, v in row.items() if k in ClinicalRecord.model_fields and v is not None}
    site = row.get("site")
    try:
        clinical = ClinicalRecord(**record)
    except ValidationError as error:
        return Member(name, fault=f"the clinical record cannot be: {sentence(error)}")
    if row.get("gtv_cm3") is None:
        return Member(name, clinical, fault="gtv_cm3 is missing")
    try:
        gtv_cm3 = check(TumourCm3, row["gtv_cm3"], "gtv_cm3")
    except InputError as error:
        return Member(name, clinical, fault=str(error))
    if site not in (None, *SITES):
        return Member(name, clinical, fault=f"site must be central or peripheral, not {site!r}")
    return Member(name, clinical, gtv_cm3, site, in_silico)
