"""The table of trial arms: what was read where, and which side of fit and test it is on.

The side is no entry of the table: it follows from how each number was read, by a rule that was fixed before anything
was fitted (docs/evidence.md). So table and rule cannot differ.
"""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any

from twin import InputError

ARMS = Path(__file__).parent / "data" / "arms.csv"
SHARES = {  # of patients without the event; a row of 50 % is a median
    "overall_survival", "progression_free_survival", "local_control", "locoregional_control",
}  # fmt: skip
INCIDENCES = {"local_failure", "distant_failure"}  # of all patients, death competing
RATIOS = {"hazard_ratio_local", "hazard_ratio_death"}
HOW = {
    "n_how": ("read", "split"),  # split: the total was read, and the ratio of the arms
    "dose_how": ("read", "range", "assumed"),  # range: its ends were read, its middle is taken
    "clock_how": ("read", "assumed"),
    "clock": ("start", "after chemoradiotherapy"),
    "technique": ("conventional", "stereotactic"),
}
DRUGS = ("none", "sequential", "concurrent")
LONGEST_MONTHS = 63.0  # so far the model's curves go, after the latest clock
_YEARS = re.compile(r"(\d{4}(-\d{4})?)?")
TEST_ONLY = {"RTOG 9410"}  # its patients are part of a pooled analysis that is kept for a blind check
# Kept for a blind check, so never in the table and never tuned to.
BLIND = (
    "RTOG chemoradiation pool", "UK CHART practice", "UK 55 Gy in 20", "RTOG 1106", "60/15 against 60/30 2021",
    "PACIFIC-R",
)  # fmt: skip


@dataclass(frozen=True)
class Schedule:
    """A course: total dose in Gy, fractions, fractions a day, weeks."""

    total_gy: float
    fractions: float
    per_day: int
    weeks: float


@dataclass(frozen=True)
class Row:
    """One number of one arm.

    Args:
        trial, group: name, and what is left out together because it holds the same patients.
        source: where it was read.
        years: of accrual, first to last; empty where unknown.
        randomised: whether the arms of the trial were.
        arm: name of the arm.
        schedule: courses, of which equal shares had each, as `60/30*1@6`: Gy / fractions * a day @ weeks.
        technique: conventional or stereotactic.
        drugs: none, sequential, concurrent, or several with equal shares.
        immune: whether consolidation with an immune checkpoint inhibitor was given.
        stage_1, stage_2, stage_3: shares of the stages.
        operable: share of patients fit for surgery.
        n: patients.
        n_how, dose_how, clock_how: how these were read (`HOW`).
        clock: from when time counts.
        endpoint: one of `SHARES`, `INCIDENCES` or `RATIOS`.
        months: when.
        value: percent, or a ratio.
        low, high: its 95 % interval, or nan.
        against: of a ratio, the other arm.
        words: that say it.
        how: abstract, review table or another place.
    """

    trial: str
    group: str
    source: str
    years: str
    randomised: bool
    arm: str
    schedule: str
    technique: str
    drugs: str
    immune: bool
    stage_1: float
    stage_2: float
    stage_3: float
    operable: float
    n: int
    n_how: str
    dose_how: str
    clock: str
    clock_how: str
    endpoint: str
    months: float
    value: float
    low: float
    high: float
    against: str
    words: str
    how: str

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The courses that equal shares of the arm had."""
        return tuple(_schedule(text) for text in self.schedule.split("|"))

    @property
    def middle_year(self) -> float | None:
        """The middle of accrual, or None where unknown."""
        years = [float(year) for year in self.years.split("-") if year]
        return sum(years) / len(years) if years else None


@dataclass(frozen=True)
class Evidence:
    """Rows of the table and the digest of the file they come from.

    Args:
        rows: all of them, in the order of the table.
        digest: SHA-256 of the file.
    """

    rows: tuple[Row, ...]
    digest: str

    def side(self, row: Row) -> str:
        """`fit`, `difference` (only the difference between the trial's arms fits), or `test`: docs/evidence.md.

        Args:
            row: of this table.
        """
        if row.trial in TEST_ONLY:
            return "test"
        if row.clock_how == "read" and row.dose_how != "assumed":
            return "fit"
        arms = {r.schedule for r in self.rows if r.trial == row.trial}
        cancels = row.dose_how != "assumed" or len(arms) == 1
        return "difference" if row.randomised and cancels else "test"

    def on(self, *sides: str) -> Evidence:
        """The rows of some sides.

        Args:
            *sides: see `side`.
        """
        return Evidence(tuple(row for row in self.rows if self.side(row) in sides), self.digest)

    @property
    def trials(self) -> tuple[str, ...]:
        """Names of the trials, in the order of the table."""
        return tuple(dict.fromkeys(row.trial for row in self.rows))

    @property
    def arms(self) -> tuple[tuple[str, str], ...]:
        """(trial, arm) of the arms, in the order of the table."""
        return tuple(dict.fromkeys((row.trial, row.arm) for row in self.rows))


@cache
def evidence() -> Evidence:
    """The table that this software carries."""
    return read_evidence(ARMS)


def read_evidence(path: str | PathLike[str]) -> Evidence:
    """Read a table of arms and check it.

    Args:
        path: a CSV file with the fields of `Row` as columns.

    Raises:
        InputError: no such table, a column is missing, or a row cannot be; the first fault is named with its line.

    Example:
        >>> read_evidence(ARMS).side(read_evidence(ARMS).rows[0])
        'fit'
    """
    file = Path(path)
    try:
        data = file.read_bytes()
        lines = list(csv.DictReader(data.decode("utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the table of arms {file} cannot be read: {error}") from None
    if not lines:
        raise InputError(f"the table of arms {file} has no rows")
    missing = [f.name for f in fields(Row) if f.name not in lines[0]]
    if missing:
        raise InputError(f"the table of arms {file} has no column {missing[0]!r}")
    rows = []
    for number, line in enumerate(lines, start=2):
        try:
            rows.append(_row(line))
        except ValueError as error:
            raise InputError(f"line {number} of the table of arms {file}: {error}") from None
    _check_together(rows, file)
    return Evidence(tuple(rows), hashlib.sha256(data).hexdigest())


_CASTS: dict[str, Callable[[str], Any]] = {
    "bool": lambda text: bool(int(text)),
    "int": int,
    "float": float,
    "str": str,
}


def _row(line: dict[str, str]) -> Row:
    values = {}
    for f in fields(Row):
        text = line[f.name] or ""
        if not text and f.name in ("low", "high"):
            text = "nan"
        try:
            values[f.name] = _CASTS[str(f.type)](text)
        except ValueError:
            raise ValueError(f"{f.name} cannot be {text!r}") from None
    row = Row(**values)
    _check(row)
    return row


def _check(row: Row) -> None:
    for name, allowed in HOW.items():
        if getattr(row, name) not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {getattr(row, name)!r}")
    for drugs in row.drugs.split("|"):
        if drugs not in DRUGS:
            raise ValueError(f"drugs must be of {', '.join(DRUGS)}, not {drugs!r}")
    if row.endpoint not in SHARES | INCIDENCES | RATIOS:
        raise ValueError(f"the endpoint {row.endpoint!r} is unknown")
    shares = (row.stage_1, row.stage_2, row.stage_3)
    if not (
        min(*shares, row.operable) >= 0 and max(*shares, row.operable) <= 1 and abs(sum(shares) - 1) <= 1e-6
    ):
        raise ValueError("the shares of stages must add up to 1, and none lie beyond 0 and 1")
    if row.n < 1 or not 0 < row.months <= LONGEST_MONTHS:
        raise ValueError(f"patients must be positive, and months lie within {LONGEST_MONTHS:g}")
    ratio = row.endpoint in RATIOS
    if not 0 < row.value < math.inf or (not ratio and row.value > 100):
        raise ValueError(f"the value {row.value:g} is no {'ratio' if ratio else 'percentage'}")
    known = not (math.isnan(row.low) and math.isnan(row.high))
    if known and not 0 <= row.low <= row.value <= row.high < math.inf:
        raise ValueError("the interval does not hold its value")
    if not (row.source and row.words):
        raise ValueError("the source and the words that say it must be given")
    if row.trial in BLIND:
        raise ValueError(f"{row.trial} is kept for a blind check")
    _ = row.schedules
    if not _YEARS.fullmatch(row.years) or row.years[:4] > row.years[-4:]:
        raise ValueError(f"the years {row.years!r} are none like 2007-2011")


def _schedule(text: str) -> Schedule:
    try:
        dose, _, weeks = text.partition("@")
        course, _, per_day = dose.partition("*")
        total, _, fractions = course.partition("/")
        found = Schedule(float(total), float(fractions), int(per_day or 1), float(weeks))
        if not all(0 < x < math.inf for x in (found.total_gy, found.fractions, found.per_day, found.weeks)):
            raise ValueError
        return found
    except ValueError:
        raise ValueError(f"the schedule {text!r} is none like 60/40*3@2.5") from None


def _check_together(rows: Sequence[Row], file: Path) -> None:
    """No number twice; ratios against an arm of the same trial; one group a trial."""
    seen: set[tuple] = set()
    groups: dict[str, str] = {}
    arms = {(row.trial, row.arm) for row in rows}
    for row in rows:
        key = (row.trial, row.arm, row.endpoint, row.months)
        if key in seen:
            raise InputError(
                f"the table of arms {file} has {row.endpoint} at {row.months:g} months twice: {row.trial}"
            )
        seen.add(key)
        if groups.setdefault(row.trial, row.group) != row.group:
            raise InputError(f"the table of arms {file} has the trial {row.trial} in two groups")
        if (row.endpoint in RATIOS) != bool(row.against) or (
            row.against and (row.trial, row.against) not in arms
        ):
            raise InputError(
                f"the table of arms {file} has a ratio without its other arm: {row.trial}, {row.arm}"
            )
