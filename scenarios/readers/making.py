"""A reader study made of runs and twins: acquired and simulated volumes, alike, shuffled, without labels."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.comparison.result import Comparison, load
from scenarios.readers.alike import alike, common_grid, patient_in, place
from scenarios.readers.folder import (
    KEY,
    RECORD,
    CaseKey,
    LayerRecord,
    Reader,
    ReaderStudy,
    StudyKey,
    StudyRecord,
    case_file,
    load_reader_study,
)
from scenarios.records.layer import FOLLOW_UP
from simulators.core.chance import Key, Purpose
from twin import InputError, PatientTwin, Scan, StructureSet, Volume, __version__
from twin.files.atomic import atomic_folder
from twin.files.nifti import write
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Few, Seed
from twin.volume import Modality

Told = Callable[[str, float], None]
JUDGED = ("CT", "CBCT", "PT", "MR")
_FEWEST = 2  # of either kind


@dataclass(frozen=True, eq=False)
class Candidate:
    """A volume that may become a case.

    Args:
        key: what it is.
        layers: the images, upright: the one that is judged, then what lies over it.
        centre: (3,) LPS around which it is shown.
    """

    key: CaseKey
    layers: Sequence[Volume]
    centre: np.ndarray


@bounded
def make_reader_study(
    sources: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    readers: Sequence[str],
    *,
    modality: Modality = "CT",
    over: Modality | None = None,
    cases: Few | None = None,
    seed: Seed = 0,
    told: Told = lambda words, share: None,
) -> ReaderStudy:
    """Make the folder of a reader study.

    Acquired scans of patients count as real. What a virtual scanner or a generator made is simulated, and so is
    every scan of an in-silico patient, and one that was changed on import.

    Args:
        sources: run folders and twins.
        out: the new folder.
        readers: `NAME:EXPERIENCE` each, a pseudonym.
        modality: of the volumes that are judged: CT, CBCT, PT or MR.
        over: modality of scans of the same day that can be laid over them.
        cases: how many; as many of either kind as there are of the rarer one where None.
        seed: of which volumes are taken, and of their order.
        told: is told what goes on, and which share is done.

    Raises:
        InputError: no reader, too few volumes of either kind, or `out` exists.
    """
    known = [Reader.parse(text, secrets.token_urlsafe(18)) for text in readers]
    if not known:
        raise InputError("a reader study needs a reader: --reader NAME:EXPERIENCE")
    if len({reader.name for reader in known}) < len(known):
        raise InputError("two readers have the same name")
    if modality not in JUDGED:
        raise InputError(f"volumes of {modality} cannot be judged; choose {', '.join(JUDGED)}")
    with atomic_folder(out) as part:
        found = [c for source in sources for c in _candidates(Path(source), modality, over)]
        chance = Key(seed, "reader study", Purpose.READING).generator()
        chosen = _chosen(found, cases, chance)
        (part / "cases").mkdir()
        _write_cases(chosen, part, told)
        layers = tuple(LayerRecord(modality=v.modality, unit=v.unit) for v in chosen[0].layers)
        record = StudyRecord(
            seed=seed, cases=len(chosen), layers=layers, readers=tuple(known), version=__version__
        )
        (part / RECORD).write_text(record.model_dump_json(indent=1), encoding="utf-8")
        key = StudyKey(cases=tuple(candidate.key for candidate in chosen))
        (part / KEY).write_text(key.model_dump_json(indent=1), encoding="utf-8")
    return load_reader_study(out)


def _chosen(found: list[Candidate], cases: int | None, chance: np.random.Generator) -> list[Candidate]:
    """As many of either kind, in an order that tells nothing."""
    kinds = {real: [c for c in found if c.key.real is real] for real in (True, False)}
    rarer = min(len(kind) for kind in kinds.values())
    each = rarer if cases is None else cases // 2
    if each < _FEWEST or each > rarer:
        raise InputError(
            f"the sources hold {len(kinds[True])} acquired and {len(kinds[False])} simulated volumes of this kind; a "
            f"study of {2 * each} cases needs {max(each, _FEWEST)} of either"
        )
    taken = [kind[n] for kind in kinds.values() for n in chance.choice(len(kind), each, replace=False)]
    return [taken[n] for n in chance.permutation(len(taken))]


def _write_cases(chosen: list[Candidate], part: Path, told: Told) -> None:
    grid = common_grid([candidate.layers[0] for candidate in chosen])
    for n, candidate in enumerate(chosen):
        told(f"case {n + 1} of {len(chosen)}", n / len(chosen))
        first = candidate.layers[0]
        there = place(first, candidate.centre, grid)
        for layer, volume in enumerate(candidate.layers):
            inside = patient_in(volume) if volume.unit == "HU" else None
            write(part / case_file(n, layer), alike(volume, there, grid, inside))
    told("written", 1.0)


def _candidates(source: Path, modality: Modality, over: Modality | None) -> Iterator[Candidate]:
    if (source / "run.json").exists():
        yield from _of_run(source, modality, over)
    elif (source / "twin.json").exists():
        twin = PatientTwin.load(source)
        for scan in twin.scans:
            if scan.volume.modality == modality:
                yield from _candidate(twin, scan, _beside(twin, scan, over), over, source.name)
    else:
        raise InputError(f"{source} is neither a run nor a twin")


def _beside(twin: PatientTwin, scan: Scan, over: Modality | None) -> Volume | None:
    """A scan of the same day, acquired or simulated as the other is."""
    alike = (s for s in twin.scans if (s.simulated is None) == (scan.simulated is None))
    days = (s.volume for s in alike if s.volume.modality == over and abs(s.time_days - scan.time_days) < 0.5)
    return next(days, None)


def _candidate(
    twin: PatientTwin, scan: Scan, beside: Volume | None, over: Modality | None, name: str
) -> Iterator[Candidate]:
    if over is not None and beside is None:
        return
    real = scan.simulated is None and scan.changed is None and not twin.in_silico
    layers = [scan.volume, *([beside] if beside is not None else [])]
    key = CaseKey(real=real, patient=twin.id, source=f"{name}: {scan.name}, day {scan.time_days:g}")
    yield Candidate(key, [v.upright() for v in layers], _centre(twin, scan.volume))


def _of_run(source: Path, modality: Modality, over: Modality | None) -> Iterator[Candidate]:
    """The follow-ups that a run made, of the sample that stands for all."""
    run = load(source)
    wanted = [image for image in run.images if image.record.sample == run.record.shown_sample]
    for image in wanted:
        volume, made = _whole(run, image.volume), image.record
        if volume.modality != modality or made.day <= 0:
            continue
        at_once = (i for i in wanted if (i.record.plan, i.record.day) == (made.plan, made.day))
        beside = next((_whole(run, i.volume) for i in at_once if i.volume.modality == over), None)
        if over is not None and beside is None:
            continue
        layers = [volume, *([beside] if beside is not None else [])]
        words = f"{source.name}: {made.plan}, day {made.day:g}, {made.kind} by {made.generator}"
        key = CaseKey(real=False, patient=run.twin.id, source=words)
        yield Candidate(key, [v.upright() for v in layers], _centre(run.twin, volume))


def _whole(run: Comparison, image: Volume) -> Volume:
    """A follow-up CT is kept as the region that changed: laid on the baseline it is whole again."""
    first = run.twin.baseline.volume
    if (image.modality, image.unit) != (FOLLOW_UP.modality, FOLLOW_UP.unit):
        return image
    try:
        box = first.geometry.box_of(image.geometry)
    except InputError:  # of a scanner, on a grid of its own
        return image

    def laid() -> np.ndarray:
        array: Any = first.array.copy()
        array[box] = image.array
        return array

    return Volume(first.geometry, laid, image.modality, image.unit)


def _centre(twin: PatientTwin, volume: Volume) -> np.ndarray:
    """The tumour's centre where it lies in the volume, else the volume's own."""
    try:
        drawn: StructureSet | None = twin.contours
    except InputError:
        drawn = None
    own = volume.geometry
    middle = own.lps(np.subtract(own.shape, 1) / 2)
    targets = drawn.role("GTV") if drawn is not None else ()
    if not targets:
        return middle
    mask = targets[0].mask
    at = mask.geometry.lps(np.argwhere(np.asarray(mask.array) > 0).mean(axis=0))
    index = own.index(at)
    return at if (index >= 0).all() and (index < own.shape).all() else middle
