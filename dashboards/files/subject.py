"""A patient whose images can be shown: what is known of them before any voxel is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboards.files.entry import Entry
from scenarios.records.layer import Layer
from twin import InputError, PatientTwin, Volume

_AIR_HU = -1000


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
        """Words on where a generated day's sample lies among all samples, begun by a colon; empty where not known.

        Args:
            frame: the day.
        """
        del frame
        return ""

    @abstractmethod
    def fractions_in(self, frame: Frame) -> int:
        """How many fractions a frame's dose was given in; 0 where that is not known.

        Args:
            frame: the day.
        """

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


class OneDay(Subject):
    """Images beside each other as of one day, none of them a dose.

    Args:
        entry: where they lie.
        twin: the patient, with the CT on whose grid they are shown.
        images: the layer of each, its voxels, and what made it in words, which may be empty.
    """

    def __init__(self, entry: Entry, twin: PatientTwin, images: Sequence[tuple[Layer, Volume, str]]) -> None:
        super().__init__(entry, twin)
        self._images = {layer.name: (layer, volume, maker) for layer, volume, maker in images}

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Of the images, each shown over the CT or in its place."""
        return tuple(layer for layer, _, _ in self._images.values())

    @property
    def frames(self) -> tuple[Frame, ...]:
        """One day with all of them; none where there are none."""
        makers = {name: maker for name, (_, _, maker) in self._images.items()}
        return (Frame("", 0, 0.0, dict.fromkeys(makers, ""), makers, acquired=True),) if makers else ()

    def fractions_in(self, frame: Frame) -> int:
        """None.

        Args:
            frame: the only one.
        """
        del frame
        return 0

    def read(self, frame: Frame, layer: Layer) -> Volume:
        """One of the images.

        Args:
            frame: the only one.
            layer: which.
        """
        del frame
        return self._images[layer.name][1]


def ground(volume: Volume) -> Volume:
    """What the viewers show images over: an image itself where it is in HU, else air on its grid.

    Args:
        volume: the image.
    """
    if volume.unit == "HU":
        return Volume(volume.geometry, lambda: volume.array, "CT", "HU")
    return Volume(volume.geometry, np.full(volume.geometry.shape, _AIR_HU, np.int16), "CT", "HU")
