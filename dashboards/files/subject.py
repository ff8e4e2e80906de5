"""A patient whose images can be shown: what is known of them before any voxel is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from dashboards.files.entry import Entry
from scenarios.records.layer import Layer
from twin import InputError, PatientTwin, Volume


@dataclass(frozen=True)
class Frame:
    """The images of one day besides the baseline: of a plan and sample where they are generated.

    Args:
        plan: slug of the plan; empty for acquired images.
        sample: index of the belief's sample.
        day: days from day 0.
        files: layer -> file, or the name of the acquired scan or dose.
        generators: layer -> what made it.
        acquired: from a scanner, not generated, or some of it is.
    """

    plan: str
    sample: int
    day: float
    files: dict[str, str]
    generators: dict[str, str]
    acquired: bool = False


class Subject(ABC):
    """A patient of the opened folder, with images.

    Args:
        entry: where the patient or the run lies.
        twin: the patient.
    """

    def __init__(self, entry: Entry, twin: PatientTwin) -> None:
        self.entry, self.twin = entry, twin

    @property
    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """What the images are of."""

    @property
    @abstractmethod
    def frames(self) -> tuple[Frame, ...]:
        """The days with images besides the baseline."""

    @property
    def shown_sample(self) -> int:
        """The sample whose images are shown first."""
        return 0

    def standing(self, frame: Frame) -> str:
        """Words on where a generated day's sample lies among all samples, begun by a comma; empty where not known.

        Args:
            frame: the day.
        """
        del frame
        return ""

    @abstractmethod
    def read(self, frame: Frame, layer: Layer) -> Volume:
        """The image of a layer that a frame has.

        Args:
            frame: the day.
            layer: what is wanted of it.

        Raises:
            InputError: its file is missing or broken.
        """

    def frame(self, index: int) -> Frame:
        """One of the frames.

        Args:
            index: its number.

        Raises:
            InputError: there is no such frame.
        """
        if not 0 <= index < len(self.frames):
            raise InputError(f"{self.entry.key} has no frame {index}")
        return self.frames[index]

    def layers_on(self, frame: Frame) -> list[Layer]:
        """What there are images of on a day; each is read by itself, so that a damaged one hides no other.

        Args:
            frame: the day.
        """
        return [layer for layer in self.layers if layer.name in frame.files]
