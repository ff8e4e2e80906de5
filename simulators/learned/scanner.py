"""A learned translation of scans: a network of a task that makes a scan of a scan."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.core.imaging import TASKS, ScanTask
from simulators.learned.weights import Network, network
from twin import InputError, Volume


@dataclass(frozen=True, eq=False)
class ScanTranslator:
    """Whole scans of any size, slice by slice with the slices around each; nothing outside the network's range changes.

    Args:
        task: what is translated.
        network: the trained network.
    """

    task: ScanTask
    network: Network

    @property
    def version(self) -> str:
        """What every scan names as its maker."""
        weights = self.network.weights
        return f"{self.task.task.name}/{weights.name} {self.network.version}"

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
