"""A twin of the opened folder."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from dashboards.files.entry import Entry
from dashboards.files.subject import Frame, Subject
from scenarios.records.layer import DOSE, FOLLOW_UP, TUMOUR, Layer, scan_layer
from twin import PatientTwin, Scan, StructureSet, Volume

_CT = ("CT", "CBCT")  # shown in the place of the baseline


class TwinFolder(Subject):
    """A twin of the opened folder: its scans by day, and its first dose grid.

    Args:
        entry: where it lies.

    Raises:
        InputError: it is broken, or of a newer release.
    """

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry, PatientTwin.load(entry.path))

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """A layer for the CTs, for the tumour drawn on them, for the dose, each other modality and simulated scan."""
        others = (
            layer for s in self._later for layer in self._layers_of(s) if layer not in (FOLLOW_UP, TUMOUR)
        )
        return (FOLLOW_UP, TUMOUR, DOSE, *dict.fromkeys(others))

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """Every acquired day; the baseline CT itself is no frame."""
        found: dict[float, Frame] = {}

        real = {max(0.0, s.time_days) for s in self._later if s.simulated is None}
        if self.twin.doses:
            real.add(0.0)

        def on(day: float) -> Frame:
            return found.setdefault(day, Frame("", 0, day, {}, {}, acquired=day in real))

        for scan in self._later:
            frame = on(max(0.0, scan.time_days))
            for layer in self._layers_of(scan):
                frame.files.setdefault(layer.name, scan.name)
                frame.generators.setdefault(layer.name, scan.name)
        if self.twin.doses:
            on(0.0)
            for frame in found.values():
                frame.files[DOSE.name] = next(iter(self.twin.doses))
        return tuple(found[day] for day in sorted(found))

    def read(self, frame: Frame, layer: Layer) -> Volume:
        """An acquired scan, the tumour drawn on it, or the dose.

        Args:
            frame: the day.
            layer: what is wanted of it.
        """
        name = frame.files[layer.name]
        if layer == DOSE:
            return self.twin.doses[name].volume
        scan = next(scan for scan in self.twin.scans if scan.name == name)
        drawn = self._drawn(scan)
        if layer != TUMOUR or drawn is None:
            return scan.volume
        return Volume(drawn.geometry, drawn.gtv().astype(np.uint8), "MASK", "1")

    @property
    def _later(self) -> list[Scan]:
        return [scan for scan in self.twin.scans if scan is not self.twin.baseline]

    def _layers_of(self, scan: Scan) -> list[Layer]:
        if scan.simulated is not None:
            layer = scan_layer(scan.volume.modality, scan.volume.unit, scan.name)
            return [layer.model_copy(update={"label": f"SIMULATED {layer.label}"})]
        if not _is_ct(scan):
            return [scan_layer(scan.volume.modality, scan.volume.unit)]
        return [FOLLOW_UP] if self._drawn(scan) is None else [FOLLOW_UP, TUMOUR]

    def _drawn(self, scan: Scan) -> StructureSet | None:
        """What was drawn on the day of a scan, the tumour among it."""
        for drawn in self.twin.structures:
            if drawn.time_days == scan.time_days and drawn.role("GTV"):
                return drawn
        return None


def _is_ct(scan: Scan) -> bool:
    return scan.volume.modality in _CT
