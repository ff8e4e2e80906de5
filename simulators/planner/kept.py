"""Finished plans on this machine's disk, so that no plan is optimised twice.

A file bears a digest of all that its plan follows from and holds fluence and dose, no name of anybody. The folder is
its owner's alone, holds so many bytes at most, and may be removed at any time.
"""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from simulators.photon.superposition import Beams
from simulators.planner.plan import FluencePlan, Told, plan_dose
from simulators.planner.template import Template
from twin import DoseGrid, Geometry, InputError, Scan, StructureSet, Volume
from twin.files.atomic import atomic_file
from twin.files.lock import remove

MOST_BYTES = 1 << 30
_CODE = ("planner", "photon", "dose")  # of this room: what plans follow from
_DIGITS = 40
_LIBRARIES = ("numpy", "scipy", "numba")


def kept_plan(
    scan: Scan,
    structures: StructureSet,
    prescription_gy: float,
    fractions: int,
    *,
    targets: StructureSet,
    template: Template,
    start: FluencePlan | None = None,
    told: Told = lambda share: None,
) -> FluencePlan:
    """The plan of a prescription as `plan_dose` makes it, from disk where it was made before: the same to the bit.

    Args:
        scan, structures, prescription_gy, fractions, targets, template, start, told: as in `plan_dose`.

    Raises:
        InputError: as in `plan_dose`.
    """
    asked = _digest(scan, structures, prescription_gy, fractions, targets, template, start)
    file = folder() / f"{asked}.npz"
    with suppress(Exception):  # numpy raises many types on damaged files, which are as if they were not there
        if file.exists():
            return _read(file, targets, template)
    made = plan_dose(
        scan,
        structures,
        prescription_gy,
        fractions,
        targets=targets,
        template=template,
        start=start,
        told=told,
    )
    with suppress(OSError, InputError):  # a disk that is full or may not be written costs time, no plan
        _write(file, made)
    return made


def folder() -> Path:
    """Where plans are kept: RT_TWIN_PLANS, or in the user's folder for what programs can make again."""
    given, home = os.environ.get("RT_TWIN_PLANS"), os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given)
    return (Path(home) if home else Path.home() / ".cache") / "rt-twin" / "plans"


def _read(file: Path, targets: StructureSet, template: Template) -> FluencePlan:
    with np.load(file, allow_pickle=False) as held:
        spacing, origin = (tuple(float(v) for v in held[k]) for k in ("spacing_mm", "origin_mm"))
        array = held["dose"]
        volume = Volume(Geometry(array.shape, spacing, origin), array, "DOSE", "Gy")  # type: ignore[arg-type]
        fractions = int(held["fractions"])
        dose = DoseGrid(str(held["name"]), volume, float(held["prescription_gy"]), "fluence plan", fractions)
        beams = Beams(*(held[k] for k in ("isocentre", "gantry_rad", "fluence", "v_mm", "u_mm")))
        notes = tuple(str(n) for n in held["notes"])
    os.utime(file)  # used last goes last
    return FluencePlan(dose, beams, targets, template, notes)


def _write(file: Path, plan: FluencePlan) -> None:
    grid, beams, fresh = plan.dose.volume.geometry, plan.beams, not file.parent.exists()
    with atomic_file(file) as part:
        if fresh:
            part.parent.chmod(0o700)
        part.chmod(0o600)
        with part.open("wb") as out:
            np.savez_compressed(
                out, dose=plan.dose.volume.array, spacing_mm=grid.spacing_mm, origin_mm=grid.origin_mm,
                name=plan.dose.name, prescription_gy=plan.dose.prescription_gy, fractions=int(plan.dose.fractions or 1),
                isocentre=beams.isocentre, gantry_rad=beams.gantry_rad, fluence=beams.fluence, v_mm=beams.v_mm,
                u_mm=beams.u_mm, notes=np.array(plan.notes, dtype=str),
            )  # fmt: skip
    _bounded(file.parent)


def _bounded(place: Path) -> None:
    """Remove what was used least recently until the folder keeps its bound."""
    found = []
    for file in place.glob(f"{'[0-9a-f]' * _DIGITS}.npz"):
        with suppress(OSError):  # another process removed it
            about = file.stat()
            found.append((about.st_mtime, about.st_size, file))
    total = 0
    for _, size, file in sorted(found, reverse=True):
        total += size
        if total > MOST_BYTES:
            remove(file)


def _digest(
    scan: Scan,
    structures: StructureSet,
    prescription_gy: float,
    fractions: int,
    targets: StructureSet,
    template: Template,
    start: FluencePlan | None,
) -> str:
    digest = hashlib.blake2b(digest_size=_DIGITS // 2)

    def add(*parts: object) -> None:
        digest.update(repr(parts).encode())

    def add_array(array: np.ndarray) -> None:
        add(array.shape, array.dtype.str)
        digest.update(np.ascontiguousarray(array).data)

    add(_makers(), scan.name, float(prescription_gy), int(fractions), template.model_dump_json())
    for volume in (scan.volume, *(s.mask for several in (structures, targets) for s in several)):
        add(volume.geometry)
        add_array(volume.array)
    for several in (structures, targets):
        add([(s.name, s.role, s.estimated, s.source_name) for s in several])
    if start is not None:
        for array in (start.beams.isocentre, start.beams.gantry_rad, start.beams.fluence, start.beams.v_mm):
            add_array(array)
        add_array(start.beams.u_mm)
    return digest.hexdigest()


@cache
def _makers() -> str:
    """What plans are made with: this code, its libraries and the kind of processor."""
    digest = hashlib.blake2b(digest_size=16)
    room = Path(__file__).parents[1]
    for part in _CODE:
        for file in sorted((room / part).rglob("*")):
            if file.suffix in (".py", ".yaml"):
                digest.update(file.read_bytes())
    return f"{digest.hexdigest()} {[version(n) for n in _LIBRARIES]} {platform.machine()}"
