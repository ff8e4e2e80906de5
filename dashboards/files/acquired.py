"""What was acquired of a patient, as frames that viewers show: scans by day, and the tumour drawn on them."""

from __future__ import annotations

import numpy as np

from dashboards.files.subject import Frame
from scenarios.records.layer import FOLLOW_UP, TUMOUR, Layer, scan_layer
from twin import PatientTwin, Scan, StructureSet, Volume

_CT = ("CT", "CBCT")  # shown in the place of the baseline


def acquired_layers(twin: PatientTwin) -> tuple[Layer, ...]:
    """The layers of all scans but the baseline, each once.

    Args:
        twin: the patient.
    """
    return tuple(dict.fromkeys(layer for scan in _later(twin) for layer in _layers_of(twin, scan)))


def acquired_frames(twin: PatientTwin) -> list[Frame]:
    """A frame for every day with a scan; the baseline CT itself is none.

    Args:
        twin: the patient.
    """
    found: dict[float, Frame] = {}
    real = {max(0.0, s.time_days) for s in _later(twin) if s.simulated is None}
    for scan in _later(twin):
        day = max(0.0, scan.time_days)
        frame = found.setdefault(day, Frame("", 0, day, {}, {}, acquired=day in real))
        for layer in _layers_of(twin, scan):
            frame.files.setdefault(layer.name, scan.name)
            frame.generators.setdefault(layer.name, scan.name)
    return [found[day] for day in sorted(found)]


def read_acquired(twin: PatientTwin, name: str, layer: Layer) -> Volume:
    """A scan, or the tumour that was drawn on it.

    Args:
        twin: the patient.
        name: of the scan.
        layer: what is wanted of it.
    """
    scan = next(scan for scan in twin.scans if scan.name == name)
    drawn = _drawn(twin, scan)
    if layer != TUMOUR or drawn is None:
        return scan.volume
    return Volume(drawn.geometry, drawn.gtv().astype(np.uint8), "MASK", "1")


def _later(twin: PatientTwin) -> list[Scan]:
    return [scan for scan in twin.scans if scan is not twin.baseline]


def _layers_of(twin: PatientTwin, scan: Scan) -> list[Layer]:
    if scan.simulated is not None:
        layer = scan_layer(scan.volume.modality, scan.volume.unit, scan.name)
        return [layer.model_copy(update={"label": f"SIMULATED {layer.label}"})]
    if scan.volume.modality not in _CT:
        return [scan_layer(scan.volume.modality, scan.volume.unit)]
    if scan not in twin.acquired:  # kept beside what it became on import
        return [scan_layer(scan.volume.modality, scan.volume.unit, scan.name)]
    return [FOLLOW_UP] if _drawn(twin, scan) is None else [FOLLOW_UP, TUMOUR]


def _drawn(twin: PatientTwin, scan: Scan) -> StructureSet | None:
    """What was drawn on the day of a scan, the tumour among it."""
    for drawn in twin.structures:
        if drawn.time_days == scan.time_days and drawn.role("GTV"):
            return drawn
    return None
