"""A centre's own longitudinal data: a folder of patients with several dates each, imported as a set of twins."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from scenarios.engine.observation import Laid, laid_on
from scenarios.executors.pool import pool_map
from simulators.anatomy.gtv import gtv_volume
from simulators.dose.accumulation import accumulated
from simulators.insilico.sets import FORMAT, IMPORTED, INDEX, read_index
from twin import InputError, PatientTwin, StructureSet
from twin.dicom.pseudonym import keyed
from twin.errors import DiskError
from twin.files.atomic import atomic_file, growing_folder, is_taken
from twin.files.json_file import read_json
from twin.files.lock import held, remove
from twin.importer import import_patient
from twin.inputs.bounds import bounded, check_fields
from twin.inputs.quantities import DatedTime, Workers

TABLE = "imported"  # .parquet and .csv, beside the twins
SCHEMA = {
    "folder": pl.Int64,
    "patient": pl.String,
    "what": pl.String,
    "scan": pl.String,
    "day": pl.Float64,
    "used": pl.Boolean,
    "why": pl.String,
    "similarity": pl.Float64,
    "body_mm": pl.Float64,
    "lungs_mm": pl.Float64,
    "jacobian_low": pl.Float64,
    "jacobian_high": pl.Float64,
    "shift_mm": pl.Float64,
    "frame_shift_mm": pl.Float64,
    "gtv_cm3": pl.Float64,
    "tumour": pl.String,
    "carried": pl.String,
    "fractions_since": pl.Int64,
    "prescribed_since_gy": pl.Float64,
    "gtv_dose_since_gy": pl.Float64,
    "seconds": pl.Float64,
}
_ROWS = "rows"
_CLINICAL = ("clinical.json", "clinical.csv")
_SEEN = ("CT", "CBCT")
_LEFT_OUT = "left out: "
_LEAST_NAME = 3  # letters of a folder's name that are looked for in messages


@dataclass(frozen=True)
class Reading:
    """How every patient of a folder is read, as `import_patient` has it.

    Args:
        gtv: names of the structures that are gross tumour; where none is given, those whose names say so.
        delivered_from: day of the first fraction, where the RTPLANs count as delivered on weekdays.
    """

    gtv: tuple[str, ...] = ()
    delivered_from: DatedTime | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def fingerprint(self) -> str:
        """The same for the same reading; names that somebody typed are not kept."""
        return keyed(json.dumps(asdict(self)))[:16]


@dataclass(frozen=True)
class _Source:
    """One patient's folder or zip.

    Args:
        number: its place among the others by name, from 1.
        path: where it lies.
        key: of its name and its files' names and sizes; nobody goes back from it.
    """

    number: int
    path: Path
    key: str


@bounded
def import_many(
    folder: Path,
    out: Path,
    reading: Reading | None = None,
    *,
    workers: Workers = 2,
    progress: Callable[[str, float], None] = lambda step, share: None,
) -> pl.DataFrame:
    """Import a folder of patients, or what is still missing of it, as a set to train and to be judged on.

    Every later CT and cone-beam CT is registered with the patient's baseline, what is not drawn on it is carried over
    and marked, and its tumour's volume is an observation. The same command again imports who is missing; who could not
    be imported is tried again.

    Args:
        folder: of one folder or zip of DICOM files a patient, of all his dates; a `clinical.json` or `clinical.csv` in
            a patient's folder is his clinical record.
        out: the set to write: ID.twin for each patient, `imported.parquet` and `.csv`, and `set.json`.
        reading: how each is read.
        workers: processes; 1 works in this one.
        progress: told how far it is.

    Returns:
        What was imported, left out and why, with `SCHEMA`: a row for each scan and for whatever else was left out.

    Raises:
        InputError: the folder holds nobody, or `out` something else.
    """
    reading = reading or Reading()
    sources = _sources(folder)
    with growing_folder(out):
        _check_begun(out, reading)
        done = {found["key"] for found in _stored(out)}
        missing = [s for s in sources if s.key not in done]
        _write_index(out, reading)
        refused: list[dict[str, Any]] = []
        made = pool_map(partial(_attempt, out=out, reading=reading), missing, workers=workers)
        for n, (source, why) in enumerate(made, start=1):
            if why is not None:
                refused.append(_row(source.number, None, "patient", used=False, why=why))
            _write_index(out, reading)
            progress(f"patient {source.number}", 1.0 - (len(missing) - n) / len(sources))
        return _write_table(out, sources, refused)


def lines(table: pl.DataFrame) -> Iterator[str]:
    """What an import of many says on the terminal: a line a patient, and one for each thing that was left out.

    Args:
        table: with `SCHEMA`.
    """
    yield f"{'folder':>6}  {'patient':<14} {'dates':>5} {'drawn':>5} {'fractions':>9} {'off by (mm)':>11}  left out"
    for (number,), own in table.group_by("folder", maintain_order=True):
        used = own.filter((pl.col("what") == "scan") & pl.col("used"))
        drawn = used.filter(pl.col("tumour") == "drawn").height
        worst = [*used["body_mm"].drop_nulls(), *used["lungs_mm"].drop_nulls()]
        off = f"{max(worst):.1f}" if worst else "-"
        lost = own.filter(~pl.col("used"))
        patient = next(iter(own["patient"].drop_nulls().to_list()), "-")
        yield (
            f"{number or '-':>6}  {patient:<14} {used['day'].n_unique():>5} {drawn:>5} "
            f"{used['fractions_since'].sum():>9} {off:>11}  {lost.height}"
        )
        for row in lost.iter_rows(named=True):
            yield f"{'':>8}{row['scan'] or row['what']}: {row['why']}"


def _sources(folder: Path) -> list[_Source]:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    there = sorted(p for p in folder.iterdir() if p.is_dir() or p.suffix.lower() == ".zip")
    if not there:
        raise InputError(
            f"the folder {folder} holds no patient; give one with a folder or a zip of DICOM files for each patient"
        )
    return [_Source(n, path, _key(path)) for n, path in enumerate(there, start=1)]


def _key(path: Path) -> str:
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    listed = [(str(p.relative_to(path.parent)), p.stat().st_size) for p in files]
    return keyed(json.dumps(listed))[:24]


def _check_begun(out: Path, reading: Reading) -> None:
    """Refuse a folder that holds anything but part of the same import."""
    if not (out / INDEX).is_file():
        if is_taken(out):
            raise InputError(f"{out} already exists with other content; choose another name or remove it")
        return
    stored = read_index(out)
    if stored["simulator"] != IMPORTED or stored["arguments"] != {"reading": reading.fingerprint}:
        raise InputError(
            f"{out} holds another set, or one that was read with other options; choose another folder"
        )


def _attempt(source: _Source, out: Path, reading: Reading) -> tuple[_Source, str | None]:
    """Import one patient whole or not at all; why he could not be, or None."""
    try:
        _import(source, out, reading)
    except DiskError:  # all others would fail too
        raise
    except InputError as error:
        return source, _unnamed(str(error), source)
    except Exception as error:  # one damaged patient does not end the others' import
        return (
            source,
            f"an error of this software ({type(error).__name__}): import him alone and report what it says",
        )
    return source, None


def _unnamed(said: str, source: _Source) -> str:
    """A message without the name of a patient's folder, which may name him."""
    called = f"folder {source.number}"
    said = said.replace(str(source.path), called)
    return said.replace(source.path.name, called) if len(source.path.name) >= _LEAST_NAME else said


def _import(source: _Source, out: Path, reading: Reading) -> None:
    begun = time.perf_counter()
    clinical = next((f for n in _CLINICAL if (f := source.path / n).is_file()), None)
    twin = import_patient(
        source.path, gtv=reading.gtv, delivered_from=reading.delivered_from, clinical=clinical
    )
    place = out / f"{twin.id}.twin"
    with held(place):
        other = _claimed(out, twin.id)
        if other is not None:
            raise InputError(
                f"{twin.id} was imported already, from folder {other} or from this one before it changed: put all "
                f"dates of a patient into one folder; remove {place.name} to import him anew"
            )
        twin, rows = _with_dates(twin, source.number)
        twin.save(place)
        for former in (out / _ROWS).glob("*.json"):  # of a twin that somebody removed to import him anew
            if read_json(former)["id"] == twin.id:
                remove(former)
        for row in rows:
            if row["what"] == "scan":
                row["seconds"] = (time.perf_counter() - begun) / len(twin.scans)
        with atomic_file(_row_file(out, source)) as part:
            part.write_text(
                json.dumps({"id": twin.id, "key": source.key, "folder": source.number, "rows": rows})
            )


def _claimed(out: Path, patient: str) -> int | None:
    """The number of the folder that a patient was imported from; None where he was not."""
    return next((r["folder"] for r in _stored(out) if r["id"] == patient), None)


def _stored(out: Path) -> Iterator[dict[str, Any]]:
    for file in sorted((out / _ROWS).glob("*.json")):
        found = read_json(file)
        if (out / f"{found['id']}.twin").is_dir():
            yield found


def _row_file(out: Path, source: _Source) -> Path:
    return out / _ROWS / f"{source.key}.json"


def _with_dates(twin: PatientTwin, number: int) -> tuple[PatientTwin, list[dict[str, Any]]]:
    """A twin whose later scans are registered with the baseline, and a row for each scan and whatever was left out."""
    baseline, laid, rows = twin.baseline, [], []
    for scan in twin.scans:
        row = _row(number, twin.id, "scan", scan=scan.name, day=scan.time_days, used=True)
        rows.append(row)
        if scan is baseline:
            row.update(gtv_cm3=twin.gtv_cm3, tumour="drawn")
        elif scan.volume.modality in _SEEN and scan.time_days > baseline.time_days:
            drawn = twin.drawn_on(scan) or StructureSet(scan.volume.geometry, (), scan.time_days)
            try:
                one = laid_on(twin, scan, drawn)
            except InputError as error:
                row.update(used=False, why=str(error))
                continue
            laid.append(one)
            row.update(_facts(one))
            if scan.registration is not None:  # of its frame of reference, when it was read
                row["frame_shift_mm"] = scan.registration.shift_mm
    lost = {r["scan"] for r in rows if not r["used"]}
    after = _put_together(twin, laid, lost)
    days = [r for r in rows if r["used"] and r["scan"] in {baseline.name, *(one.scan.name for one in laid)}]
    for earlier, later in pairwise(days):
        later.update(given_between(after, earlier["day"], later["day"]))
    for note in twin.notes:
        left = note.startswith(_LEFT_OUT)
        what, why = ("left out", note.removeprefix(_LEFT_OUT)) if left else ("note", note)
        rows.append(_row(number, twin.id, what, used=not left, why=why))
    return after, rows


def _put_together(twin: PatientTwin, laid: Sequence[Laid], lost: set[str]) -> PatientTwin:
    """The twin with the registered scans in the place of their former selves, and without those that are lost."""
    new = {one.scan.name: one for one in laid}
    gone = [twin.drawn_on(s) for s in twin.scans if s.name in new or s.name in lost]
    kept = [s for s in twin.structures if not any(s is g for g in gone)]
    structures = sorted((*kept, *(one.structures for one in laid)), key=lambda s: s.time_days)
    measured = {o.time_days: o for o in twin.observations if o.scan not in new and o.scan not in lost}
    for one in sorted(laid, key=lambda one: (one.observation.error > 0, one.scan.volume.modality != "CT")):
        measured.setdefault(one.observation.time_days, one.observation)
    ends = [0.0, *(f.time_days for f in twin.fractions), *measured]
    return twin.fork(
        scans=tuple(new[s.name].scan if s.name in new else s for s in twin.scans if s.name not in lost),
        structures=tuple(structures),
        observations=tuple(measured[day] for day in sorted(measured)),
        now_days=max(ends),
        check_source=(*twin.checks,),
    )


def _facts(one: Laid) -> dict[str, Any]:
    found = one.scan.registration
    assert found is not None
    low, high = found.jacobian or (None, None)
    carried = [s.name for s in one.structures if s.carried_from]
    drawn = any(s.carried_from is None for s in one.structures.role("GTV"))
    return {
        "similarity": found.similarity,
        "body_mm": found.surface_mm.get("body"),
        "lungs_mm": found.surface_mm.get("lungs"),
        "jacobian_low": low,
        "jacobian_high": high,
        "shift_mm": found.shift_mm,
        "gtv_cm3": one.observation.value,
        "tumour": "drawn" if drawn else "carried over",
        "carried": ", ".join(carried),
    }


def given_between(twin: PatientTwin, after: float, until: float) -> dict[str, Any]:
    """What was delivered between two days, as columns of `SCHEMA`; the dose is unknown where that of a fraction is.

    Args:
        twin: the patient.
        after, until: days from day 0.
    """
    given = [f for f in twin.fractions if after < f.time_days <= until]
    found: dict[str, Any] = {
        "fractions_since": len(given),
        "prescribed_since_gy": float(sum(f.dose_gy for f in given)),
    }
    if all(f.grid is not None for f in given):
        gtv = gtv_volume(twin.contours)
        dose = accumulated(twin.doses, given, gtv.geometry).array if given else np.zeros(gtv.geometry.shape)
        found["gtv_dose_since_gy"] = float(dose[gtv.array > 0].mean())
    return found


def _row(folder: int, patient: str | None, what: str, **facts: Any) -> dict[str, Any]:
    return {**dict.fromkeys(SCHEMA), "folder": folder, "patient": patient, "what": what, **facts}


def _write_index(out: Path, reading: Reading) -> None:
    index = {
        "format": FORMAT,
        "simulator": IMPORTED,
        "arguments": {"reading": reading.fingerprint},
        "patients": [
            {"id": found["id"], "twin": f"{found['id']}.twin", "truth": None}
            for found in sorted(_stored(out), key=lambda found: found["id"])
        ],
    }
    with atomic_file(out / INDEX) as part:
        part.write_text(json.dumps(index, indent=1))


def _write_table(out: Path, sources: Sequence[_Source], refused: list[dict[str, Any]]) -> pl.DataFrame:
    numbers = {s.key: s.number for s in sources}
    rows = list(refused)
    for found in _stored(out):
        number = numbers.get(found["key"])  # folders may have come between since, or gone
        rows += [row | {"folder": number} for row in found["rows"]]
    table = pl.DataFrame(rows, schema=SCHEMA).sort("folder", maintain_order=True, nulls_last=True)
    with atomic_file(out / f"{TABLE}.parquet") as part:
        table.write_parquet(part)
    with atomic_file(out / f"{TABLE}.csv") as part:
        table.write_csv(part)
    return table
