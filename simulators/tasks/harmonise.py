"""The task `harmonise`: a CT of one reconstruction kernel as another would have it; one network, many kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.channel import Channel
from models.condition import Condition
from models.task import Task
from simulators.scanners.quality.kernel import Kernel, KernelName
from simulators.tasks.body import body
from simulators.tasks.nonlocal_means import noise_sd
from simulators.tasks.registered import Registered
from simulators.tasks.scan_pairs import ScanPair
from twin import Volume

_CT = Channel(name="ct", unit="HU", low=-1024.0, high=1024.0)
_TASK = Task(
    name="harmonise",
    source=(_CT,),
    target=(_CT,),
    start=(("ct",),),
    conditions=(Condition(name="to_per_mm"),),
)
_MOST_MM = 1.2  # of a Gaussian that softens


@dataclass(frozen=True)
class HarmoniseTask(Registered):
    """The kernel that is wanted is told by the frequency at which its MTF is 50 %.

    Args:
        kernel: to which a scan is brought where no pair says another.
    """

    kernel: KernelName = "standard"

    def inside(self, scan: Volume) -> np.ndarray:
        """(z, y, x) bool: the body."""
        return body(scan.array)

    def vector(self, facts: Mapping[str, Any] | None) -> np.ndarray:
        """(1,) frequency at which the wanted kernel's MTF is 50 %, per mm."""
        name = (facts or {}).get("to", self.kernel)
        return np.array([Kernel.named(name).f50_per_mm], np.float32)

    def judged(self, pair: ScanPair) -> bool:
        """Those of the kernel to which a scan is brought."""
        return pair.facts.get("to", self.kernel) == self.kernel

    def decode(self, made: np.ndarray, scan: Volume) -> Volume:
        """The scan with what the network changed, in the body; what lies beyond its range keeps its value.

        Args:
            made: (z, 1, y, x) numbers.
            scan: what was encoded.
        """
        change = (made[:, 0] - _CT.numbers(scan.array)) * np.float32(_CT.unit_size)
        return self.volume(scan.geometry, scan.array + np.where(self.inside(scan), change, 0.0))

    def classical(self, scan: Volume) -> Volume:
        """A Gaussian that gives a scan's noise the SD of a standard kernel's, never a sharper one."""
        from scipy.ndimage import gaussian_filter

        there = self.inside(scan)
        f50 = Kernel.named(self.kernel).f50_per_mm
        pixel = scan.geometry.spacing_mm[1]
        sigma = min(_MOST_MM, 0.187 / f50) / pixel  # a Gaussian whose MTF is 50 % there
        soft = gaussian_filter(scan.array.astype(np.float32), (0, sigma, sigma), mode="nearest")
        softer = noise_sd(soft, there) < noise_sd(scan.array, there)
        return self.volume(scan.geometry, np.where(there & softer, soft, scan.array))


TASK = HarmoniseTask(_TASK, "CT", "CT", outside=-1000.0)
