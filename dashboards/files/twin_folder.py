"""A twin of the opened folder."""

from __future__ import annotations

from functools import cached_property

from dashboards.files.acquired import acquired_frames, acquired_layers, read_acquired
from dashboards.files.entry import Entry
from dashboards.files.subject import Frame, Subject
from scenarios.records.layer import DOSE, FOLLOW_UP, TUMOUR, Layer
from twin import PatientTwin, Volume


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
        return tuple(dict.fromkeys((FOLLOW_UP, TUMOUR, DOSE, *acquired_layers(self.twin))))

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """Every acquired day; the baseline CT itself is no frame, but for its dose."""
        found = acquired_frames(self.twin)
        if self.twin.doses:
            if not found or found[0].day > 0:
                found.insert(0, Frame("", 0, 0.0, {}, {}, acquired=True))
            for frame in found:
                frame.files[DOSE.name] = next(iter(self.twin.doses))
        return tuple(found)

    def read(self, frame: Frame, layer: Layer) -> Volume:
        """An acquired scan, the tumour drawn on it, or the dose.

        Args:
            frame: the day.
            layer: what is wanted of it.
        """
        name = frame.files[layer.name]
        return self.twin.doses[name].volume if layer == DOSE else read_acquired(self.twin, name, layer)

    def fractions_in(self, frame: Frame) -> int:
        """The fractions of the dose's own plan.

        Args:
            frame: the day.
        """
        dose = self.twin.doses[frame.files[DOSE.name]]
        return round(dose.prescription_gy / dose.fraction_gy) if dose.fraction_gy else 0
