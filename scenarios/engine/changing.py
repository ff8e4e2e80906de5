"""CTs changed on import: what a learned task makes of each stands in its place, and the acquired one beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from simulators.core.imaging import scan_task
from simulators.learned.scanner import ScanTranslator, translator_named
from simulators.scanners.quality.kernel import KernelName
from twin import InputError, PatientTwin, Scan, Simulated

AS_ACQUIRED = "{}, as acquired"


def changer(task: Literal["denoise", "harmonise"], kernel: KernelName | None = None) -> ScanTranslator:
    """Who changes CTs.

    Args:
        task: denoise or harmonise.
        kernel: to which scans are harmonised.

    Raises:
        InputError: there are no weights of the task. A filter can only soften, whatever kernel a scan has: it is no
            stand-in for a network that learned what each kernel shows.
    """
    try:
        found = translator_named(task)
    except InputError as error:
        raise InputError(
            f"{error}; train some (rt-twin train SET --task {task}) and let RT_TWIN_WEIGHTS say where they lie"
        ) from None
    return found if kernel is None else replace(found, task=replace(scan_task(task), kernel=kernel))  # type: ignore[type-var]


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
        kept = replace(scan, name=AS_ACQUIRED.format(scan.name))
        how = Simulated(by.name, kept.name, 0, asked, by.version)
        scans += [replace(scan, volume=by.translate(scan.volume), changed=how), kept]
    words = (
        f"CTs were changed on import by {by.version}{''.join(f', to the kernel {k}' for k in asked.values())}"
    )
    return twin.fork(
        scans=tuple(scans), notes=(*twin.notes, f"{words}; the acquired ones are kept beside them")
    )
