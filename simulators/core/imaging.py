"""The protocol of an imaging task: a translation, with the patients that it is made for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from models.registry import Registry
from twin.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from models.batch import Batch
    from models.data.examples import Subject
    from models.task import Task
    from twin import Volume
    from twin.volume import Modality

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Learned:
    """Examples to learn from.

    Args:
        subjects: the patients, each with arrays on disk.
        skipped: how many of those that were looked at had no example.
        facts: what the trained network's config says of them beside its task, e.g. its domain.
    """

    subjects: list[Subject]
    skipped: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Paired:
    """A scan to translate, and what it ought to become.

    Args:
        patient: whose.
        source: what is given.
        truth: what is wanted, on the same grid.
        region: (z, y, x) bool, where it is judged.
        regions: name -> (z, y, x) bool, parts of it that are told apart.
        yardsticks: name -> image, what stands beside the source and what is done without learning.
        scan: by which scans of a patient are told apart; "" where there is one.
    """

    patient: str
    source: Volume
    truth: Volume
    region: np.ndarray
    regions: Mapping[str, np.ndarray] = field(default_factory=dict)
    yardsticks: Mapping[str, Volume] = field(default_factory=dict)
    scan: str = ""


def within(case: Paired, part: str) -> np.ndarray | None:
    """(z, y, x) bool: what of a part of a case is judged; None where that is nothing.

    Args:
        case: which.
        part: a name of its `regions`.
    """
    there = case.regions.get(part)
    there = None if there is None else there & case.region
    return there if there is not None and there.any() else None


class ImagingTask(Protocol):
    """What is translated, and where its examples come from.

    Args:
        task: the translation itself.
        preferred: the weights that are taken where none are named.
        version: of how a patient becomes examples; a cache made by another version is not used.
        training: what a training of this task usually differs in from the families' own configs.
    """

    task: Task
    preferred: str
    version: str
    training: Mapping[str, Any]

    def learned(
        self, sources: Sequence[Path], cache: Path, options: Mapping[str, Any], progress: Progress
    ) -> Learned:
        """The examples of all patients in some folders, kept as arrays in a cache.

        Args:
            sources: folders.
            cache: what lies there already is not made again.
            options: the task's own, `TrainingConfig.examples`.
            progress: is told what goes on, and which share is done.

        Raises:
            InputError: there is none, or an option is unknown.
        """
        ...

    def upgraded(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The `config.json` of weights as this version has it; one that was written by it comes back as it is."""
        ...


@runtime_checkable
class ScanTask(ImagingTask, Protocol):
    """A task that makes a scan of a scan alone.

    Args:
        reads: the modality of what it takes.
        modality: of what it makes.
        yardsticks: names of what its cases have beside source and truth.
    """

    yardsticks: Sequence[str]
    reads: Modality
    modality: Modality

    def domain(self, scan: Volume) -> str | None:
        """Why a scan lies outside what the task is made for, or None."""
        ...

    def numbers(self, scan: Volume) -> np.ndarray | None:
        """(f,) by which a guard tells how far a scan is from what was learned (`models.guard`); None without one."""
        ...

    def encode(self, scan: Volume, slices: int) -> Batch:
        """All slices of a scan.

        Args:
            scan: the source.
            slices: that the network sees.
        """
        ...

    def decode(self, made: np.ndarray, scan: Volume) -> Volume:
        """The target on the scan's own grid.

        Args:
            made: (z, T, y, x) of the network.
            scan: the source.
        """
        ...

    def patients(self, folder: Path) -> Mapping[str, Path]:
        """Each patient of a folder, and where his scans lie.

        Raises:
            InputError: there is none.
        """
        ...

    def cases(self, folder: Path) -> Iterator[Paired]:
        """Patients of a folder on whom the task is judged.

        Raises:
            InputError: there is none.
        """
        ...

    def figures(self, made: Volume, case: Paired) -> dict[str, float]:
        """What is measured on an image of a case beside its errors."""
        ...

    def classical(self, scan: Volume) -> Volume:
        """What is done without learning: a yardstick beside the source itself."""
        ...


TASKS = Registry("task", "tasks", "simulators.tasks")  # name -> an imaging task


def scan_task(name: str) -> ScanTask:
    """The task of a name that makes a scan of a scan.

    Args:
        name: what is translated.

    Raises:
        InputError: there is none, or it is no translation of scans.
    """
    found = TASKS[name]
    if not isinstance(found, ScanTask):
        raise InputError(f"the task {name} is no translation of a scan alone; compare and train it")
    return found
