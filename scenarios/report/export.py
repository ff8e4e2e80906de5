"""A run as DICOM: whole follow-up CTs, the tumour of each date, and the dose accumulated until then; and a twin's own
simulated scans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.records.layer import MADE_BY
from scenarios.records.run import ImageRecord, PlanRecord, Run, RunImage
from scenarios.records.schema import SIMULATED
from twin import Acquired, InputError, PatientTwin, Scan, StructureSet, Volume
from twin.export import Origin, Series, write_rtdose, write_rtplan, write_rtstruct, write_scan
from twin.export import exported as written_as_dicom
from twin.files.atomic import atomic_folder
from twin.files.nifti import write

_FIRST_SCAN = 5  # SeriesNumber; CT, structures, plan and dose come before


def export_dicom(run: Run, folder: Path) -> int:
    """Write the baseline and every follow-up of a run, a folder for each date, whole or not at all.

    Layout: `baseline/`, `PLAN-SLUG/d021.354-s000/` with `ct-NNN.dcm`, `rtstruct.dcm`, `rtplan.dcm`, `rtdose.dcm` and
    what virtual scanners made, as `pet-NNN.dcm`; their scans of day 0 lie in `day-0/`.
    UIDs follow from the run; all dates share the baseline's frame of reference, because they share its grid.

    Args:
        run: a comparison with images.
        folder: a new folder.

    Returns:
        The number of follow-ups.

    Raises:
        InputError: the run has no images, or the folder exists with other content or cannot be written.
    """
    bases = {layer.name for layer in run.record.drawn("base")}
    dates = [i.record for i in run.images if i.record.kind in bases]
    if not dates:
        raise InputError("the run has no follow-up CT; make it with --image-samples 1 or more")
    plans = {p.slug: p for p in run.record.plans}
    with atomic_folder(folder) as part:
        source = _baseline(run.twin, run.record.request, run.record.versions["rt-twin"], part / "baseline")
        for record in dates:
            place = part / record.plan / f"d{record.day:07.3f}-s{record.sample:03d}"
            _follow_up(run, plans[record.plan], record, source, place)
        _day_0_scans(run, source, part / "day-0")
    return len(dates)


def export_scans(twin: PatientTwin, folder: Path) -> int:
    """Write a twin's simulated scans and the baseline that they lie beside, whole or not at all.

    Layout: `baseline/`, a folder for each scan by its name, and `scans.json` that says how each was made. UIDs follow
    from that; all share the baseline's frame of reference.

    Args:
        twin: the patient.
        folder: a new folder.

    Returns:
        The number of simulated scans.

    Raises:
        InputError: the twin has no simulated scan, or the folder exists with other content or cannot be written.
    """
    made = [scan for scan in twin.scans if scan.simulated is not None]
    if not made:
        raise InputError(f"the twin {twin.id} has no simulated scan; make one with rt-twin scan")
    ours = version("rt-twin")
    with atomic_folder(folder) as part:
        written = {twin.baseline.name: _baseline(twin, twin.id, ours, part / "baseline")}
        for scan in made:
            written[scan.name] = _scan(twin, scan, written, ours, part / scan.name)
        facts = [how_made(scan, scan.name) for scan in made]
        (part / "scans.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return len(made)


def write_made(twin: PatientTwin, scan: Scan, part: Path, *, dicom: bool = False) -> None:
    """Write a simulated scan alone, and beside it in `scan.json` all that is needed to make it again.

    Args:
        twin: whose.
        scan: a simulated one.
        part: an existing folder.
        dicom: a folder of DICOM files by the scan's name instead of a NIfTI file.
    """
    file = scan.name if dicom else f"{scan.name}.nii.gz"
    if dicom:
        _scan(twin, scan, {}, version("rt-twin"), part / file)
    else:
        write(part / file, scan.volume, SIMULATED)
    (part / "scan.json").write_text(json.dumps(how_made(scan, file), indent=1), encoding="utf-8")


def how_made(scan: Scan, file: str) -> dict[str, Any]:
    """All that is needed to make a simulated scan again, as it is written beside its image.

    Args:
        scan: a simulated one.
        file: the image's, or the folder of its files.
    """
    how = scan.simulated
    assert how is not None
    return {
        "simulated": SIMULATED, "file": file, "modality": scan.volume.modality, "unit": scan.volume.unit,
        "day": scan.time_days, "scanner": how.scanner, "source": how.source, "seed": how.seed,
        "options": dict(how.options), "version": how.version,
    }  # fmt: skip


def _scan(twin: PatientTwin, scan: Scan, written: Mapping[str, Series], ours: str, part: Path) -> Series:
    part.mkdir()
    how = scan.simulated
    assert how is not None
    seed = f"{twin.id}|{json.dumps(how_made(scan, scan.name))}"
    origin = Origin(twin.id, seed, twin.id, f"{how.scanner} scanner", how.version or ours, **_known(twin))
    return write_scan(
        part, _as_acquired(twin, scan.volume), origin,
        description=f"{how.scanner}, day {scan.time_days:g}",
        source=written.get(how.source), options=how.options,
    )  # fmt: skip


def _baseline(twin: PatientTwin, seed: str, version: str, part: Path) -> Series:
    part.mkdir()
    changed = twin.baseline.changed
    made_by = "in-silico anatomy" if twin.in_silico else None if changed is None else changed.version
    origin = Origin(twin.id, f"{seed}|baseline", twin.id, made_by, version, **_known(twin))
    ct = write_scan(part, _as_acquired(twin, twin.baseline.volume), origin, description="baseline CT, day 0")
    write_rtstruct(part / "rtstruct.dcm", twin.contours, ct, label="baseline")
    return ct


def _follow_up(run: Run, plan: PlanRecord, record: ImageRecord, source: Series, part: Path) -> None:
    part.mkdir(parents=True)
    seed = f"{run.record.request}|{record.plan}|{record.sample}|{record.day:.6f}"
    name, _, version = record.generator.rpartition(" ")
    origin = Origin(run.twin.id, seed, run.twin.id, name or record.generator, version, **_known(run.twin))
    words = f"{plan.label}, day {record.day:.1f}" + (", OUTSIDE CONTEXT OF USE" if plan.context else "")
    ct = write_scan(
        part, _as_acquired(run.twin, whole_ct(run, record)), origin, description=words, source=source
    )
    structure_uid = write_rtstruct(part / "rtstruct.dcm", tumour_of(run, record), ct, label="follow-up")
    doses = [layer.name for layer in run.record.layers if layer.modality == "DOSE"]
    dose = run.stored(record.plan, record.day, doses[0], record.sample) if doses else None
    if dose is not None:
        plan_uid = write_rtplan(
            part / "rtplan.dcm",
            origin,
            prescription_gy=plan.total_gy,
            fractions=plan.fractions,
            structure_set_uid=structure_uid,
            method=plan.dose_method or "",
        )
        write_rtdose(
            part / "rtdose.dcm",
            _as_acquired(run.twin, dose),
            origin,
            plan_uid=plan_uid,
            description=f"accumulated, {words}",
            method=plan.dose_method or "",
        )
    same = [
        i
        for i in run.images
        if (i.record.plan, i.record.sample, i.record.day) == (record.plan, record.sample, record.day)
    ]
    _write_scans(run, same, seed, words, source, part)


def _day_0_scans(run: Run, source: Series, part: Path) -> None:
    """What scanners made of the baseline, which all plans share."""
    by_file = {i.record.file: i for i in run.images if i.record.day <= 0.0}
    seed = f"{run.record.request}|day 0"
    _write_scans(run, by_file.values(), seed, "day 0", source, part)


def _write_scans(
    run: Run, images: Iterable[RunImage], seed: str, words: str, source: Series, part: Path
) -> None:
    """The images of virtual scanners, whatever they are, beside what else there is of their day."""
    layers = {layer.name: layer for layer in run.record.layers if layer.draw not in ("base", "outline")}
    number = _FIRST_SCAN
    for image in images:
        layer = layers.get(image.record.kind)
        if layer is None or layer.modality not in written_as_dicom():
            continue
        part.mkdir(parents=True, exist_ok=True)
        scanner = layer.name.removesuffix(MADE_BY)
        origin = Origin(
            run.twin.id,
            seed,
            run.twin.id,
            image.record.generator,
            run.record.versions["rt-twin"],
            **_known(run.twin),
        )
        write_scan(
            part,
            _as_acquired(run.twin, image.volume),
            origin,
            description=f"{layer.label}, {words}",
            number=number,
            name=f"{scanner}-s{image.record.sample:03d}" if part.name == "day-0" else layer.name,
            source=source,
            options=run.record.scanner_options.get(scanner),
        )
        number += 1


def _known(twin: PatientTwin) -> dict[str, Any]:
    """What is known of the baseline CT and holds for what is made of it; without a position the patient lay on the
    back, head first."""
    acquired = _lay(twin)
    return {
        "position": (acquired.position if acquired else "") or "HFS",
        "unannotated": twin.in_silico or (acquired is not None and acquired.unannotated),
        "names_kept": twin.names_kept,
        "body_part": "HEAD" if any("Brain" in drawn for drawn in twin.structures) else "CHEST",
    }


def _lay(twin: PatientTwin) -> Acquired | None:
    """How the patient lay for his baseline CT; for his first scan where he has no CT."""
    cts = (s for s in twin.acquired if s.volume.modality == "CT" and s.time_days >= 0)
    return next(cts, twin.acquired[0]).acquired


def _as_acquired(twin: PatientTwin, volume: Volume) -> Volume:
    """A volume with the axes of the baseline CT as it was acquired, so that planning systems see it as they did."""
    acquired = _lay(twin)
    return volume.turned(acquired.direction) if acquired else volume


def whole_ct(run: Run, record: ImageRecord) -> Volume:
    """A follow-up CT on the whole baseline grid: the stored crop in its place, the baseline around it.

    Args:
        run: the comparison with its images.
        record: of the follow-up CT.
    """
    crop = run.stored(record.plan, record.day, record.kind, record.sample)
    assert crop is not None
    return run.whole(crop)


def tumour_of(run: Run, record: ImageRecord) -> StructureSet:
    """What is outlined on a follow-up's date: tumour and injured lung; a tumour that is gone has no contour.

    Args:
        run: the comparison with its images.
        record: of the follow-up CT.
    """
    geometry = run.twin.baseline.volume.geometry
    structures = StructureSet(geometry, (), record.day)
    for layer in run.record.drawn("outline"):
        crop = run.stored(record.plan, record.day, layer.name, record.sample)
        if crop is None or not crop.array.any():
            continue
        mask = np.zeros(geometry.shape, dtype=bool)
        mask[geometry.box_of(crop.geometry)] = crop.array > 0
        structures = structures.with_mask(layer.label, layer.role or "OTHER", mask, estimated=True)
    return structures
