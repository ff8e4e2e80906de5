"""A learned translation of scans: a network of a task that makes a scan of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.data.noise import volume_noise
from simulators.anatomy.grain import given_back
from simulators.core.chance import Key, Purpose
from simulators.core.imaging import ScanTask, scan_task
from simulators.core.scanner import ScanOptions, ScanRequest
from simulators.learned.weights import SMOOTH, Network, network, plain
from twin import InputError, Volume
from twin.volume import Modality, Unit

_CHANCE = Key(0, "translation", Purpose.IMAGE)  # of families that draw: the same scan gives the same image


@dataclass(frozen=True, eq=False)
class ScanTranslator:
    """A `VirtualScanner` for whole scans of any size, slice by slice with the slices around each.

    Nothing outside the network's range changes. Of what the network took from the scan, the share that its config has
    as `grain` is given back.

    Args:
        task: what is translated.
        network: the trained network.
        steps: network evaluations of an image, in place of the family's own.
        grain: whether grain is given back.
    """

    task: ScanTask
    network: Network
    steps: int | None = None
    grain: bool = True

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
        name = weights.name if self.grain else f"{weights.name}{SMOOTH}"
        return f"{self.task.task.name}/{name} {self.network.version}"

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
        import torch

        why = self.task.domain(scan)
        if why is not None:
            raise InputError(f"the task {self.task.task.name} cannot be done: {why}")
        family = self.network.family
        batch = self.task.encode(scan, family.slices)
        if family.pixel_noise:
            shape = (len(batch), *batch.source.shape[-2:])
            drawn = volume_noise(_CHANCE.generator(), family.noise_channels, shape)
            batch = replace(batch, noise=torch.from_numpy(drawn))
        made = family.sample(batch.to(self.network.device), self.steps).float().cpu().numpy()
        image = self.task.decode(made, scan)
        share = self.network.facts.get("grain", 0.0) if self.grain else 0.0
        return given_back(image, scan, share) if share else image


def translator_named(task: str, name: str | None = None) -> ScanTranslator:
    """The learned translation of a task.

    Args:
        task: what is translated.
        name: of its weights, or a folder, `NAME@N` for N network evaluations, `NAME+smooth` to give no grain back;
            the task's preferred ones where None.

    Raises:
        InputError: the task is no translation of scans, there are no such weights, or they give no grain back anyway.
    """
    imaging = scan_task(task)
    asked = name or imaging.preferred
    steps = asked.removesuffix(SMOOTH).partition("@")[2]
    if steps and not steps.isdecimal():
        raise InputError(f"{name!r}: give the number of network evaluations as NAME@4")
    found, grain = network(plain(asked), task), not asked.endswith(SMOOTH)
    if not grain and not found.facts.get("grain"):
        raise InputError(f"{name!r}: these weights give no grain back; leave {SMOOTH} out")
    return ScanTranslator(imaging, found, int(steps) if steps else None, grain)
