"""A virtual scan beside what it was made of and what it is held against."""

from __future__ import annotations

from dashboards.files.entry import Entry
from dashboards.files.subject import OneDay, ground
from scenarios.engine.scanning import named_scan
from scenarios.records.layer import Layer, scan_layer
from twin import InputError, PatientTwin, Scan

APART = "::"  # between the parts of a key
SOURCE, MADE, TRUTH = "source", "made", "truth"
_SAME_DAY = 1.0  # a real scan of this far away is still the day's


class ScanPair(OneDay):
    """A simulated scan of a twin, with its source, and a scan that shows how it should look where there is one.

    Args:
        entry: of the twin.
        twin: the patient.
        made: name of the simulated scan.
        truth: name of what it is held against; empty for none.

    Attributes:
        key: of the twin.

    Raises:
        InputError: no such scan, or one that nothing has simulated.
    """

    def __init__(self, entry: Entry, twin: PatientTwin, made: str, truth: str = "") -> None:
        scan = named_scan(twin, made)
        if scan.simulated is None:
            raise InputError(f"{made} is no virtual scan")
        self.scans = {SOURCE: named_scan(twin, scan.simulated.source), MADE: scan}
        if truth:
            self.scans[TRUTH] = named_scan(twin, truth)
        self.key = entry.key
        key = APART.join((entry.key, made, truth))
        source = self.scans[SOURCE].volume
        drawn = tuple(s for s in twin.structures if s.geometry.same_grid(source.geometry))
        shown = PatientTwin(
            twin.id, scans=(Scan(SOURCE, 0.0, ground(source)),), structures=drawn, in_silico=twin.in_silico
        )
        images = [(_layer(role, s), s.volume, s.name) for role, s in self.scans.items()]
        place = entry.path / "scans" / key.replace("/", "|")
        super().__init__(Entry(key, place, entry.changed), shown, images)


def _layer(role: str, scan: Scan) -> Layer:
    own = scan_layer(scan.volume.modality, scan.volume.unit)
    return own.model_copy(update={"name": role, "label": scan.name})


def truth_of(twin: PatientTwin, made: Scan) -> str:
    """The scan that shows how a simulated one should look: what its source was made of, else a real one of the day.

    Args:
        twin: the patient.
        made: the simulated scan.

    Returns:
        Its name; empty where there is none.
    """
    assert made.simulated is not None
    source = named_scan(twin, made.simulated.source)
    if source.simulated is not None:
        before = named_scan(twin, source.simulated.source)
        if before.volume.modality == made.volume.modality:
            return before.name
    real = [s for s in comparable(twin, made) if s.simulated is None]
    near = [s for s in real if abs(s.time_days - made.time_days) <= _SAME_DAY and s is not source]
    return near[0].name if near else ""


def comparable(twin: PatientTwin, made: Scan) -> list[Scan]:
    """The other scans of a simulated one's modality.

    Args:
        twin: the patient.
        made: the simulated scan.
    """
    return [s for s in twin.scans if s is not made and s.volume.modality == made.volume.modality]
