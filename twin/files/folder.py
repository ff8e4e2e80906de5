"""The twin folder `NAME.twin`: `twin.json`, `belief.json`, `scans/`, `structures/` and `dose/`."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from twin.belief import Belief
from twin.check import Check
from twin.clinical import ClinicalRecord
from twin.dose import DoseGrid, Fraction, Method
from twin.errors import InputError
from twin.field import Field
from twin.files import nifti
from twin.files.atomic import atomic_folder, is_taken
from twin.files.lock import held, put_back
from twin.geometry import Geometry
from twin.history import Change
from twin.nomenclature.labels import is_plain
from twin.observation import Observation
from twin.scan import Acquired, Registration, Scan, Simulated
from twin.structures import Role, Structure, StructureSet
from twin.volume import Modality, Unit, Volume

FORMAT = "rt-twin/6"
# The first kept no checks, no history and no patient's position; both kept names of structures that a search for the
# patient's own had passed. The third had no simulated scans and no SUVpeak, and said of a dose only whether it was
# computed here, and set no estimates aside. The fourth had no displacement fields and nothing that was carried over.
# The fifth had no scans that were changed on import.
_SCRUBBED = ("rt-twin/1", "rt-twin/2")
_READ = (*_SCRUBBED, "rt-twin/3", "rt-twin/4", "rt-twin/5", FORMAT)
_SCHEDULE = re.compile(r"\d+(\.\d+)?/(?P<n>[1-9]\d{0,2})")
_Model = TypeVar("_Model", bound=BaseModel)


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class _StoredVolume(_Stored):
    file: str
    geometry: Geometry
    modality: Modality
    unit: Unit


class _StoredField(_Stored):
    towards: Literal["day", "reference"]
    mm: tuple[_StoredVolume, _StoredVolume, _StoredVolume]  # along the grid's z, y and x axes


class _StoredScan(_Stored):
    name: str
    time_days: float
    volume: _StoredVolume
    registration: Registration | None = None
    acquired: Acquired | None = None
    simulated: Simulated | None = None
    deformation: _StoredField | None = None
    changed: Simulated | None = None


class _StoredStructure(_Stored):
    name: str
    role: Role
    estimated: bool
    source_name: str | None
    colour: tuple[int, int, int] | None
    mask: _StoredVolume
    contours: str | None = None
    carried_from: str | None = None


class _StoredSet(_Stored):
    time_days: float
    geometry: Geometry
    structures: tuple[_StoredStructure, ...]
    set_aside: tuple[_StoredStructure, ...] = ()


class _StoredDose(_Stored):
    name: str
    prescription_gy: float
    method: Method | None = None
    fractions: int | None = None
    approximate: bool | None = None  # of former formats
    volume: _StoredVolume

    def grid(self, volume: Volume) -> DoseGrid:
        """The dose; former formats called it by its schedule where that was known."""
        method, fractions = self.method, self.fractions
        if method is None:
            method = "approximate" if self.approximate else "planning system"
            schedule = _SCHEDULE.fullmatch(self.name)
            fractions = int(schedule["n"]) if schedule else None
        return DoseGrid(self.name, volume, self.prescription_gy, method, fractions)


class _StoredTwin(_Stored):
    format: str
    id: str
    in_silico: bool
    day0_weekday: int | None
    now_days: float
    clinical: ClinicalRecord
    scans: tuple[_StoredScan, ...]
    structures: tuple[_StoredSet, ...]
    doses: tuple[_StoredDose, ...]
    fractions: tuple[Fraction, ...]
    observations: tuple[Observation, ...]
    belief: bool
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    history: tuple[Change, ...] = ()
    reference: str | None = None
    names_kept: bool = False


class _StoredBelief(_Stored):
    kind: str
    weights: list[float] | None
    samples: dict[str, list[float]]
    learned_from: tuple[tuple[float, str, float], ...] = ()
    ess: float | None = None
    prior: dict[str, Any] = {}


# The fields of a twin that stand in twin.json as they are.
_PLAIN = (
    "id", "in_silico", "day0_weekday", "now_days", "clinical", "fractions", "observations", "notes", "history",
    "reference", "names_kept",
)  # fmt: skip

# The truth of an in-silico patient lies beside twin.json; no twin ever reads it.
TRUTH = "truth.json"


class _Format(BaseModel):
    model_config = ConfigDict(extra="ignore")

    format: str


def save(twin: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a twin as a folder, whole or not at all.

    Args:
        twin: the fields of a `PatientTwin` by name.
        path: the folder; one that holds an earlier state of the same patient is exchanged for the new one.

    Raises:
        InputError: the path exists with other content, cannot be written, or the disk is full.
    """
    path = Path(path)
    with held(path):
        if is_taken(path) and _patient_in(path) != twin["id"]:
            raise InputError(f"{path} already exists with other content; choose another name or remove it")
        with atomic_folder(path, replace=True) as part:
            _write(twin, part)
            if (path / TRUTH).is_file() and not (part / TRUTH).exists():
                shutil.copy2(path / TRUTH, part)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a twin folder; voxels are read from disk when first used.

    Returns:
        The fields of a `PatientTwin` by name.

    Raises:
        InputError: no such folder, a newer format, or a broken file; a damaged image is found when it is read.
    """
    path = Path(path)
    check_there(path)
    _check_format(path)
    stored = _parse(_StoredTwin, path / "twin.json")
    belief = _load_belief(_parse(_StoredBelief, path / "belief.json")) if stored.belief else None
    scans = (_scan(path, s) for s in stored.scans)
    doses = (d.grid(_volume(path, d.volume)) for d in stored.doses)
    return {name: getattr(stored, name) for name in _PLAIN} | {
        "scans": tuple(scans),
        "structures": tuple(_structures(path, s) for s in stored.structures),
        "doses": {d.name: d for d in doses},
        "belief": belief,
        "check_source": stored.checks,
        "names_kept": stored.names_kept or (stored.format in _SCRUBBED and not _all_plain(stored)),
    }


def check_there(path: str | os.PathLike[str]) -> None:
    """Refuse a twin folder that does not exist.

    Raises:
        InputError: it does not.
    """
    put_back(Path(path))
    if not os.path.isdir(path):
        raise InputError(f"no such twin folder: {path}")


def _all_plain(stored: _StoredTwin) -> bool:
    """Whether no structure bears a name that this version would not keep."""
    named = [n for s in stored.structures for x in s.structures for n in (x.name, x.source_name) if n]
    return all(is_plain(name) for name in named)


def _patient_in(path: Path) -> str | None:
    """The id of the twin that a folder holds, or None where it holds something else."""
    try:
        _check_format(path)
        return _parse(_StoredTwin, path / "twin.json").id
    except InputError:
        return None


def _check_format(path: Path) -> None:
    found = _parse(_Format, path / "twin.json").format
    if found in _READ:
        return
    if re.fullmatch(r"rt-twin/\d+", found):
        raise InputError(f"{path} has the newer format {found}; this version reads {FORMAT}: update rt-twin")
    raise InputError(f"{path} is not a twin folder: its format is {found!r}, not {FORMAT}")


def _parse(model: type[_Model], path: Path) -> _Model:
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise InputError(f"{path} is no regular file")
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path.parent} is not a twin folder: {path.name} is missing") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path} is broken{f' at {where}' if where else ''}: {first['msg']}") from error


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40] or "x"


def _write(twin: Mapping[str, Any], part: Path) -> None:
    for name in ("scans", "structures", "dose"):
        (part / name).mkdir()
    belief: Belief | None = twin["belief"]
    stored = _StoredTwin(
        format=FORMAT,
        scans=tuple(_keep_scan(s, part, n) for n, s in enumerate(twin["scans"])),
        structures=tuple(_keep_set(s, part, n) for n, s in enumerate(twin["structures"])),
        doses=tuple(_keep_dose(d, part, n) for n, d in enumerate(twin["doses"].values())),
        belief=belief is not None,
        checks=twin["check_source"],
        **{name: twin[name] for name in _PLAIN},
    )
    if belief is not None:
        (part / "belief.json").write_text(_kept_belief(belief).model_dump_json())
    (part / "twin.json").write_text(stored.model_dump_json(indent=1))


def _scan(root: Path, s: _StoredScan) -> Scan:
    moved = None if s.deformation is None else _field(root, s.deformation)
    return Scan(
        s.name,
        s.time_days,
        _volume(root, s.volume),
        s.registration,
        s.acquired,
        s.simulated,
        moved,
        s.changed,
    )


def _keep_scan(scan: Scan, part: Path, number: int) -> _StoredScan:
    return _StoredScan(
        name=scan.name,
        time_days=scan.time_days,
        volume=_keep(scan.volume, part, f"scans/{number:02d}-{_slug(scan.name)}.nii.gz"),
        registration=scan.registration,
        acquired=scan.acquired,
        simulated=scan.simulated,
        deformation=None if scan.deformation is None else _keep_field(scan.deformation, part, number),
        changed=scan.changed,
    )


@dataclass(frozen=True, eq=False)
class _Components:
    """A displacement field that stays in its files until it is read."""

    volumes: tuple[Volume, ...]

    def __call__(self) -> np.ndarray:
        return np.stack([np.asarray(v.array, dtype=np.float32) for v in self.volumes])


def _keep_field(field: Field, part: Path, number: int) -> _StoredField:
    parts: Iterable[Volume] = (Volume(field.geometry, np.round(v, 2), "DISTANCE", "mm") for v in field.mm)
    stored = field.source.volumes if isinstance(field.source, _Components) else parts
    z, y, x = (
        _keep(v, part, f"scans/{number:02d}-displacement-{a}.nii.gz")
        for a, v in zip("zyx", stored, strict=True)
    )
    return _StoredField(towards=field.towards, mm=(z, y, x))


def _field(root: Path, stored: _StoredField) -> Field:
    return Field(
        stored.mm[0].geometry, _Components(tuple(_volume(root, v) for v in stored.mm)), stored.towards
    )


def _keep_dose(dose: DoseGrid, part: Path, number: int) -> _StoredDose:
    return _StoredDose(
        name=dose.name,
        prescription_gy=dose.prescription_gy,
        method=dose.method,
        fractions=dose.fractions,
        volume=_keep(dose.volume, part, f"dose/{number:02d}-{_slug(dose.name)}.nii.gz"),
    )


def _keep(volume: Volume, part: Path, file: str) -> _StoredVolume:
    source = volume.source
    if not (isinstance(source, nifti.StoredVoxels) and source.link(part / file)):
        nifti.write(part / file, volume)
    return _StoredVolume(file=file, geometry=volume.geometry, modality=volume.modality, unit=volume.unit)


def _keep_set(structures: StructureSet, part: Path, number: int) -> _StoredSet:
    kept = []
    for n, s in enumerate((*structures, *structures.set_aside)):
        file = f"structures/{number:02d}-{n:02d}-{_slug(s.name)}.nii.gz"
        kept.append(
            _StoredStructure(
                name=s.name,
                role=s.role,
                estimated=s.estimated,
                source_name=s.source_name,
                colour=s.colour,
                mask=_keep(s.mask, part, file),
                contours=_keep_contours(s.contours, part, file.replace(".nii.gz", ".npy")),
                carried_from=s.carried_from,
            )
        )
    count = len(structures.structures)
    return _StoredSet(
        time_days=structures.time_days,
        geometry=structures.geometry,
        structures=tuple(kept[:count]),
        set_aside=tuple(kept[count:]),
    )


def _keep_contours(contours: tuple[np.ndarray, ...], part: Path, file: str) -> str | None:
    """One row a point: the number of its contour, then x, y, z."""
    if not contours:
        return None
    numbers = np.repeat(np.arange(len(contours), dtype=np.float32), [len(c) for c in contours])
    np.save(part / file, np.column_stack([numbers, np.concatenate(contours)]).astype(np.float32))
    return file


def _kept_belief(belief: Belief) -> _StoredBelief:
    return _StoredBelief(
        kind=belief.kind,
        weights=None if belief.weights is None else belief.weights.tolist(),
        samples={name: values.tolist() for name, values in belief.samples.items()},
        learned_from=belief.learned_from,
        ess=belief.ess,
        prior=dict(belief.prior),
    )


def _load_belief(stored: _StoredBelief) -> Belief:
    weights = None if stored.weights is None else np.asarray(stored.weights, dtype=np.float64)
    samples = {name: np.asarray(values, dtype=np.float64) for name, values in stored.samples.items()}
    return Belief(samples, weights, stored.kind, stored.learned_from, stored.ess, stored.prior)


def _volume(root: Path, stored: _StoredVolume) -> Volume:
    """The stored volume; its grid is the exact one of `twin.json`, of which NIfTI keeps 32 bits."""
    path = _inside(root, stored.file)
    read = nifti.read(path, stored.modality, stored.unit)
    if not read.geometry.same_grid(stored.geometry):
        raise InputError(f"{path} lies on another grid than twin.json says; the folder was changed by hand")
    return Volume(stored.geometry, read.source, stored.modality, stored.unit)


def _inside(root: Path, file: str) -> Path:
    path = root / file
    if not path.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{root / 'twin.json'} is broken: {file} lies outside the folder")
    return path


def _contours(root: Path, file: str | None) -> tuple[np.ndarray, ...]:
    if file is None:
        return ()
    path = _inside(root, file)
    try:
        rows = np.load(path, allow_pickle=False)
        if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype != np.float32 or not np.isfinite(rows).all():
            raise ValueError("not contours")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is damaged or missing; the contours cannot be read") from error
    return tuple(np.split(rows[:, 1:], np.flatnonzero(np.diff(rows[:, 0])) + 1))


def _structures(root: Path, stored: _StoredSet) -> StructureSet:
    structures, set_aside = (
        tuple(_structure(root, s) for s in some) for some in (stored.structures, stored.set_aside)
    )
    return StructureSet(stored.geometry, structures, stored.time_days, set_aside)


def _structure(root: Path, s: _StoredStructure) -> Structure:
    contours = _contours(root, s.contours)
    return Structure(
        s.name, s.role, _volume(root, s.mask), s.estimated, s.source_name, s.colour, contours, s.carried_from
    )
