"""A virtual scan of a patient, added to the twin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.core.chance import Key, Purpose
from simulators.core.scanner import ScanRequest, VirtualScanner
from simulators.names.scanners import scanner_named
from twin import InputError, PatientTwin, Scan, Simulated, StructureSet, __version__
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Seed, Time

_MINUTES = 24 * 60


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
        source: name of the CT that is scanned; the last one acquired by that day where None, the baseline without a
            day.
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
    ct = _source(twin, source, day)
    when = max(0.0, ct.time_days) if day is None else day
    key = Key(seed, twin.id, Purpose.SCANNER, ordinal=round(when * _MINUTES))
    asked = settings.model_dump(exclude_unset=True)
    (made,) = device.scan([ScanRequest(ct.volume, _drawn(twin, ct), key, asked)])
    how = Simulated(scanner, ct.name, seed, settings.model_dump(), _version(device))
    return twin.scanned(Scan(_free_name(twin, device.name), when, made, acquired=ct.acquired, simulated=how))


def _source(twin: PatientTwin, name: str | None, day: float | None) -> Scan:
    """The CT that is scanned."""
    if name is None:
        before = [
            s for s in twin.acquired if s.volume.modality == "CT" and (day is None or s.time_days <= day)
        ]
        return before[-1] if before and day is not None else twin.baseline
    found = next((s for s in twin.scans if s.name == name), None)
    if found is None:
        raise InputError(f"the twin has no scan {name!r}; there are: {', '.join(s.name for s in twin.scans)}")
    if found.volume.modality != "CT":
        raise InputError(f"{name} is {found.volume.modality}; virtual scanners scan a CT")
    return found


def _drawn(twin: PatientTwin, ct: Scan) -> StructureSet | None:
    """What is drawn on a CT, or None where nothing is."""
    grid = ct.volume.geometry
    on = [s for s in twin.structures if s.geometry.same_grid(grid)]
    same_day = [s for s in on if s.time_days == ct.time_days]
    return next(iter([*same_day, *on]), None)


def _version(device: VirtualScanner) -> str:
    return getattr(device, "version", f"rt-twin {__version__}")


def _free_name(twin: PatientTwin, scanner: str) -> str:
    taken = {s.name for s in twin.scans}
    return next(name for n in range(1, len(taken) + 2) if (name := f"{scanner}-{n}") not in taken)
