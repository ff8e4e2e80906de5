"""A learned translation of scans: a network of a task that makes a scan of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulators.core.imaging import TASKS, ScanTask
from simulators.core.scanner import ScanOptions, ScanRequest
from simulators.learned.weights import Network, network
from twin import InputError, Volume
from twin.volume import Modality, Unit


@dataclass(frozen=True, eq=False)
class ScanTranslator:
    """A `VirtualScanner` for whole scans of any size, slice by slice with the slices around each.

    Nothing outside the network's range changes.

    Args:
        task: what is translated.
        network: the trained network.
    """

    task: ScanTask
    network: Network

    options = ScanOptions

    @property
    def name(self) -> str:
        """The task's."""
        return self.task.task.name

    @property
    def modality(self) -> Modality:
        """Of what the task makes."""
        return self.task.modality

    @property
    def unit(self) -> Unit:
        """Of what the task makes."""
        return self.task.task.target[0].unit  # type: ignore[return-value]  # a channel's unit is any word

    @property
    def version(self) -> str:
        """What every scan names as its maker."""
        weights = self.network.weights
        return f"{self.task.task.name}/{weights.name} {self.network.version}"

    def scan(self, requests: Sequence[ScanRequest]) -> list[Volume]:
        """The target of each request's CT as it is on the day.

        Args:
            requests: what is drawn on a CT is not looked at.

        Raises:
            InputError: an option, or a scan that lies outside what the task is made for.
        """
        for request in requests:
            self.options.of(self.name, request.options)
        return [self.translate(request.shown) for request in requests]

    def translate(self, scan: Volume) -> Volume:
        """The target of a scan, on the scan's own grid.

        Raises:
            InputError: the scan lies outside what the task is made for.
        """
        why = self.task.domain(scan)
        if why is not None:
            raise InputError(f"the task {self.task.task.name} cannot be done: {why}")
        family = self.network.family
        batch = self.task.encode(scan, family.slices)
        made = family.sample(batch.to(self.network.device)).float().cpu().numpy()
        return self.task.decode(made, scan)


def translator_named(task: str, name: str | None = None) -> ScanTranslator:
    """The learned translation of a task.

    Args:
        task: what is translated.
        name: of its weights, or a folder; the task's preferred ones where None.

    Raises:
        InputError: the task is no translation of scans, or there are no such weights.
    """
    imaging = TASKS[task]
    if not isinstance(imaging, ScanTask):
        raise InputError(f"the task {task} is no translation of a scan alone; compare and train it")
    return ScanTranslator(imaging, network(name or imaging.preferred, task))
