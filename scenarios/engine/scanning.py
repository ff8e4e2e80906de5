"""A virtual scan of a patient, added to the twin; the translation of a scan into one of another modality; and CTs that
are changed on import, of which what a learned task makes stands in their place and the acquired ones beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from simulators.core.chance import Key, Purpose
from simulators.core.imaging import scan_task
from simulators.core.scanner import ScanRequest, VirtualScanner
from simulators.learned.scanner import ScanTranslator, translator_named
from simulators.names.scanners import SCANNERS, scanner_named
from simulators.scanners.quality.kernel import KernelName
from twin import Geometry, InputError, PatientTwin, Scan, Simulated, StructureSet, Volume, __version__
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Seed, Time
from twin.structures import bounding_box
from twin.volume import Modality

_MINUTES = 24 * 60
_NOTHING_HU, _CUT = -1000.0, 0.005  # share of a target that may be air
_COARSE_MM, _SLICES = 4.0, 3  # of a preview
_MOST_APART = 2.0  # spreads of what was learned
_AS_ACQUIRED = "{}, as acquired"


@bounded
def scan(
    twin: PatientTwin,
    scanner: str,
    *,
    source: str | None = None,
    day: Time | None = None,
    options: Mapping[str, Any] | None = None,
    seed: Seed = 0,
) -> PatientTwin:
    """A new twin with one more scan, which a virtual scanner makes of one of its CTs.

    Args:
        twin: the patient; not changed.
        scanner: one of `simulators.scanner_named`, e.g. "cbct".
        source: name of the CT that is scanned (of a scan that a learned scanner reads); the last one acquired by that
            day where None, the baseline without a day.
        day: of the new scan, days from day 0; the CT's own where None.
        options: of the scanner, by name.
        seed: root of its chance; the same call gives the same voxels.

    Returns:
        The twin with the scan, which is marked as simulated and keeps all that is needed to make it again.

    Raises:
        InputError: an unknown name, an option that the scanner does not have, or a patient that it cannot scan.
    """
    device = scanner_named(scanner)
    settings = device.options.of(device.name, options or {})
    ct = _source(twin, source, day, _reads(device))
    when = max(0.0, ct.time_days) if day is None else day
    key = Key(seed, twin.id, Purpose.SCANNER, ordinal=round(when * _MINUTES))
    asked = settings.model_dump(exclude_unset=True)
    (made,) = device.scan([ScanRequest(ct.volume, _drawn(twin, ct), key, asked)])
    how = Simulated(scanner, ct.name, seed, settings.model_dump(), _version(device))
    return twin.scanned(Scan(free_name(twin, device.name), when, made, acquired=ct.acquired, simulated=how))


@dataclass(frozen=True, eq=False)
class Part:
    """So much of a scan as can be scanned in seconds.

    Args:
        patient: whose.
        scan: its voxels.
        structures: what is drawn on it, or None where nothing is or nobody looks.
        centre: (3,) LPS, mm: the tumour's where one is drawn.
        words: by how much less it is.
    """

    patient: str
    scan: Volume
    structures: StructureSet | None
    centre: np.ndarray
    words: str


def part_of(twin: PatientTwin, source: str, scanner: str) -> Part:
    """What a preview of a scanner scans: for a physical one every few voxels, for a learned one a few slices.

    Args:
        twin: the patient.
        source: name of the scan.
        scanner: as `scan` takes it.

    Raises:
        InputError: there is no such scan.
    """
    of = named_scan(twin, source)
    volume, drawn = of.volume, _drawn(twin, of)
    grid = volume.geometry
    centre = _middle(volume, drawn)
    if scanner not in SCANNERS:
        k = int(np.clip(round(float(grid.index(centre)[0])), 0, grid.shape[0] - 1))
        box = slice(max(0, k - _SLICES // 2), k + _SLICES // 2 + 1)
        cut = volume.crop((box, slice(None), slice(None)))  # whole ones: tasks look for the body
        return Part(twin.id, replace(cut, source=cut.array), None, centre, f"{_SLICES} slices alone")
    every = tuple(max(1, round(_COARSE_MM / mm)) for mm in grid.spacing_mm)
    thin = tuple(slice(None, None, n) for n in every)
    array = np.ascontiguousarray(volume.array[thin])
    z, y, x = grid.spacing_mm
    coarse = replace(
        grid,
        shape=array.shape,
        spacing_mm=(z * every[0], y * every[1], x * every[2]),
    )
    words = f"voxels of {max(coarse.spacing_mm):.0f} mm"
    return Part(
        twin.id, replace(volume, geometry=coarse, source=array), _thinned(drawn, coarse, thin), centre, words
    )


def previewed(part: Part, scanner: str, options: Mapping[str, Any] | None = None, *, seed: int = 0) -> Volume:
    """What a scanner makes of a part of a scan, by its settings for previews.

    Args:
        part: of `part_of`.
        scanner: as `scan` takes it.
        options: of the scanner, by name.
        seed: root of its chance.

    Raises:
        InputError: as `scan`.
    """
    device = scanner_named(scanner)
    settings = device.options.of(device.name, {**(options or {}), **device.options.preview})
    key = Key(seed, part.patient, Purpose.SCANNER)
    (made,) = device.scan(
        [ScanRequest(part.scan, part.structures, key, settings.model_dump(exclude_unset=True))]
    )
    return made


def translated(
    twin: PatientTwin, task: str, family: str | None = None, *, source: str | None = None
) -> tuple[Scan, ScanTranslator]:
    """What a learned task makes of a patient's scan, on that scan's grid, and who made it.

    Args:
        twin: the patient; his tumour, where one is drawn, must lie within what the scan shows.
        task: what is translated, e.g. "cbct-ct".
        family: of its weights; the task's best where None.
        source: name of the scan; the last one of the modality that the task takes where None.

    Raises:
        InputError: no such task, weights or scan; one that the task cannot take, or that does not show the tumour.
    """
    imaging = scan_task(task)
    scan = _of_modality(twin, imaging.reads, task, source)
    why = imaging.domain(scan.volume)
    if why is not None:
        raise InputError(f"{scan.name} cannot be translated: {why}")
    _shows_the_target(twin, scan)
    translator = translator_named(task, family)
    volume = translator.translate(scan.volume)
    asked = {"family": family or imaging.preferred}
    how = Simulated(task, scan.name, 0, asked, translator.version)
    return replace(scan, name=task, volume=volume, simulated=how), translator


def changer(task: Literal["denoise", "harmonise"], kernel: KernelName | None = None) -> ScanTranslator:
    """Who changes CTs.

    Args:
        task: denoise or harmonise.
        kernel: to which scans are harmonised.

    Raises:
        InputError: there are no weights of the task, or they know no such kernel. A filter can only soften, whatever
            kernel a scan has: it is no stand-in for a network that learned what each kernel shows.
    """
    try:
        found = translator_named(task)
    except InputError as error:
        raise InputError(
            f"{error}; train some (rt-twin train SET --task {task}) and let RT_TWIN_WEIGHTS say where they lie"
        ) from None
    if kernel is None:
        return found
    wanted: Any = replace(scan_task(task), kernel=kernel)  # type: ignore[type-var]
    (frequency,) = found.network.family.task.conditions
    if abs(frequency.standing(float(wanted.vector(None)[0]))) > _MOST_APART:
        raise InputError(f"{found.version} learned nothing like the kernel {kernel}")
    return replace(found, task=wanted)


def changed(twin: PatientTwin, by: ScanTranslator) -> PatientTwin:
    """A new twin of which every acquired CT is what a learned task makes of it; the acquired one is kept beside it.

    Args:
        twin: as it was imported.
        by: of `changer`.

    Raises:
        InputError: the task cannot take one of the CTs.
    """
    scans: list[Scan] = []
    asked = {"kernel": kernel} if (kernel := getattr(by.task, "kernel", None)) else {}
    for scan in twin.scans:
        if scan.volume.modality != "CT":
            scans.append(scan)
            continue
        kept = replace(scan, name=_AS_ACQUIRED.format(scan.name))
        how = Simulated(by.name, kept.name, 0, asked, by.version)
        scans += [replace(scan, volume=by.translate(scan.volume), changed=how), kept]
    words = (
        f"CTs were changed on import by {by.version}{''.join(f', to the kernel {k}' for k in asked.values())}"
    )
    return twin.fork(
        scans=tuple(scans), notes=(*twin.notes, f"{words}; the acquired ones are kept beside them")
    )


def _of_modality(twin: PatientTwin, modality: Modality, task: str, name: str | None) -> Scan:
    there = ", ".join(f"{s.name} ({s.volume.modality})" for s in twin.scans)
    found = [s for s in twin.scans if (s.volume.modality == modality if name is None else s.name == name)]
    if not found:
        what = f"no {modality}, which the task {task} takes" if name is None else f"no scan {name!r}"
        raise InputError(f"there is {what}; there are: {there}")
    if found[-1].volume.modality != modality:
        raise InputError(f"{found[-1].name} is {found[-1].volume.modality}; the task {task} takes {modality}")
    return found[-1]


def _shows_the_target(twin: PatientTwin, scan: Scan) -> None:
    """Refuse a scan whose field of view cuts the tumour: beyond it scanners leave air.

    Raises:
        InputError: it does.
    """
    drawn = next((s for s in reversed(twin.structures) if s.role("GTV")), None)
    if drawn is None:
        return
    gtv = drawn.gtv()
    box = bounding_box(gtv)
    hu = scan.volume.on(drawn.geometry.crop(box), fill=_NOTHING_HU)[gtv[box]]
    beyond = float((hu <= _NOTHING_HU).mean())
    if beyond > _CUT:
        raise InputError(f"the field of view of {scan.name} cuts the target: {beyond:.0%} of it is not shown")


def _reads(device: VirtualScanner) -> Modality:
    """What a scanner scans: physical ones a CT."""
    return device.task.reads if isinstance(device, ScanTranslator) else "CT"


def _source(twin: PatientTwin, name: str | None, day: float | None, reads: Modality) -> Scan:
    """The scan that is scanned, of the modality that the scanner reads."""
    if name is None:
        before = [
            s for s in twin.acquired if s.volume.modality == reads and (day is None or s.time_days <= day)
        ]
        if before and (day is not None or reads != "CT"):
            return before[-1]
        if reads != "CT":
            raise InputError(f"the twin has no acquired {reads}, which this scanner reads")
        return twin.baseline
    found = named_scan(twin, name)
    if found.volume.modality != reads:
        raise InputError(f"{name} is {found.volume.modality}; this scanner reads a {reads}")
    return found


def named_scan(twin: PatientTwin, name: str) -> Scan:
    """A scan of a patient.

    Args:
        twin: the patient.
        name: of the scan.

    Raises:
        InputError: there is none of that name.
    """
    found = next((s for s in twin.scans if s.name == name), None)
    if found is None:
        raise InputError(f"the twin has no scan {name!r}; there are: {', '.join(s.name for s in twin.scans)}")
    return found


def _drawn(twin: PatientTwin, ct: Scan) -> StructureSet | None:
    """What is drawn on a CT, or None where nothing is."""
    grid = ct.volume.geometry
    on = [s for s in twin.structures if s.geometry.same_grid(grid)]
    same_day = [s for s in on if s.time_days == ct.time_days]
    return next(iter([*same_day, *on]), None)


def _middle(volume: Volume, drawn: StructureSet | None) -> np.ndarray:
    """The tumour's centre, or the volume's own, LPS in mm."""
    targets = drawn.role("GTV") if drawn is not None else ()
    if not targets:
        return volume.geometry.lps(np.subtract(volume.geometry.shape, 1) / 2)
    mask = targets[0].mask
    return mask.geometry.lps(np.argwhere(np.asarray(mask.array) > 0).mean(axis=0))


def _thinned(drawn: StructureSet | None, grid: Geometry, thin: tuple[slice, ...]) -> StructureSet | None:
    """What is drawn, on a grid of every few voxels; what lies between them is left out."""
    if drawn is None:
        return None
    coarse = StructureSet(grid, (), drawn.time_days)
    for structure in drawn:
        mask = drawn.mask(structure.name)[thin]
        if mask.any():
            coarse = coarse.with_mask(structure.name, structure.role, mask, estimated=structure.estimated)
    return coarse


def _version(device: VirtualScanner) -> str:
    return getattr(device, "version", f"rt-twin {__version__}")


def free_name(twin: PatientTwin, scanner: str) -> str:
    """The name that a scanner's next scan of a patient gets.

    Args:
        twin: the patient.
        scanner: its own name.
    """
    taken = {s.name for s in twin.scans}
    return next(name for n in range(1, len(taken) + 2) if (name := f"{scanner}-{n}") not in taken)
