"""What became of a simulated department: its tables, in memory and in a folder.

The folder holds `clinic.json`, which says what was asked for, and one Parquet file for each table of
`scenarios.clinic.schema`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import ValidationError

from scenarios.clinic.department import Clinic, Referrals
from scenarios.clinic.schema import CLINIC_SCHEMAS
from scenarios.plans.plan import Frozen
from scenarios.records.request import versions
from scenarios.records.schema import SIMULATED
from scenarios.report.console import wide_console
from twin import InputError
from twin.files.atomic import atomic_folder
from twin.files.json_file import read_json
from twin.files.lock import held, put_back
from twin.files.tables import read_table

FORMAT: Literal["rt-twin-clinic/1"] = "rt-twin-clinic/1"
RECORD = "clinic.json"


class ClinicRecord(Frozen):
    """`clinic.json`: all that is needed to simulate the department again.

    Args:
        days: simulated in all, warm-up and all.
        warm_up_days: of these, before the statistics begin.
    """

    format: Literal["rt-twin-clinic/1"] = FORMAT
    simulated: str = SIMULATED
    clinic: dict[str, Any]
    referrals: dict[str, Any]
    days: int
    warm_up_days: int
    seed: int
    samples: int
    versions: dict[str, str]
    request: str


@dataclass(frozen=True, eq=False)
class ClinicRun:
    """What became of the patients and the department.

    Args:
        clinic, referrals: what was simulated.
        days: for how long, warm-up and all.
        seed: root of all chance.
        tables: polars frames by name, with the schemas of `scenarios.clinic.schema`.
        warm_up_days: days before the statistics (`summary`, `resources`) begin; the other tables hold all days.
        samples: of the tumour's parameters.
    """

    clinic: Clinic
    referrals: Referrals
    days: int
    seed: int
    tables: Mapping[str, pl.DataFrame]
    warm_up_days: int = 0
    samples: int = 0

    def __getattr__(self, name: str) -> pl.DataFrame:
        tables = self.__dict__.get("tables", {})
        if name in tables:
            return tables[name]
        raise AttributeError(f"a clinic run has no {name!r}; its tables are {', '.join(tables)}")

    @property
    def record(self) -> ClinicRecord:
        """What was asked for."""
        clinic, referrals = self.clinic.model_dump(mode="json"), self.referrals.model_dump(mode="json")
        asked = [clinic, referrals, self.days, self.warm_up_days, self.seed, self.samples, versions()]
        return ClinicRecord(
            clinic=clinic,
            referrals=referrals,
            days=self.days,
            warm_up_days=self.warm_up_days,
            seed=self.seed,
            samples=self.samples,
            versions=versions(),
            request=hashlib.blake2b(json.dumps(asked, sort_keys=True).encode(), digest_size=16).hexdigest(),
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Write the folder; one of the same request is replaced.

        Raises:
            InputError: the folder holds something else, or the disk is full.
        """
        folder, record = Path(path), self.record
        with held(folder), atomic_folder(folder, replace=_holds(folder, record.request)) as part:
            (part / RECORD).write_text(record.model_dump_json(indent=1), encoding="utf-8")
            for name, frame in self.tables.items():
                frame.write_parquet(part / f"{name}.parquet", compression="zstd")


def load_clinic(path: str | PathLike[str]) -> ClinicRun:
    """Read a clinic's folder.

    Raises:
        InputError: no such folder, a newer format, or a broken one.
    """
    folder = Path(path)
    record = _read(folder)
    try:
        clinic, referrals = Clinic.model_validate(record.clinic), Referrals.model_validate(record.referrals)
    except ValidationError:
        raise InputError(f"the clinic in {folder} is broken; simulate it again") from None
    tables = {name: read_table(folder / f"{name}.parquet", schema) for name, schema in CLINIC_SCHEMAS.items()}
    return ClinicRun(clinic, referrals, record.days, record.seed, tables, record.warm_up_days, record.samples)


def _holds(folder: Path, request: str) -> bool:
    """Whether a folder holds the department of a request."""
    return (folder / RECORD).is_file() and _read(folder).request == request


def _read(folder: Path) -> ClinicRecord:
    put_back(folder)
    file = folder / RECORD
    if not file.exists():
        raise InputError(f"{folder} is not the folder of a clinic: it has no {RECORD}")
    data = read_json(file)
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise InputError(f"{file} has the format {found!r}; this version reads {FORMAT}")
    try:
        return ClinicRecord.model_validate(data)
    except ValidationError:
        raise InputError(f"{file} is broken; remove the folder and simulate the clinic again") from None


def print_clinic(run: ClinicRun) -> None:
    """The summary and the use of machines and staff, in a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    span = f"days {run.warm_up_days} to {run.days}" if run.warm_up_days else f"{run.days} days"
    shown = Table("measure", title=f"{SIMULATED}\n{span}, seed {run.seed}", box=SIMPLE_HEAD)
    shown.add_column("", justify="right")
    for metric, value, unit in run.summary.iter_rows():
        scale, words = {"fraction": (100, " %"), "probability": (100, " points")}.get(unit, (1, f" {unit}"))
        number = "unknown" if value is None else f"{scale * value:.4g}{words}".strip()
        shown.add_row(metric, number)
    for name, share in run.resources.select("resource", "utilisation").iter_rows():
        shown.add_row(f"use of {name}", f"{100 * share:.0f} %")
    wide_console().print(shown)


def summary_of(run: ClinicRun) -> dict[str, Any]:
    """The summary as plain values, as `rt-twin clinic --json` prints it."""
    rows = [{"metric": m, "value": v, "unit": u} for m, v, u in run.summary.iter_rows()]
    use = dict(run.resources.select("resource", "utilisation").iter_rows())
    record = run.record
    about = {"days": run.days, "warm_up_days": run.warm_up_days, "seed": run.seed, "request": record.request}
    return {"simulated": SIMULATED, **about, "summary": rows, "utilisation": use}
