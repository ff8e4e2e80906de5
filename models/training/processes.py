"""One process on one device, or, with accelerate installed and several GPUs, one process each."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import nn


def is_first() -> bool:
    """Whether this is the first of the processes that train together, as their launcher says."""
    return os.environ.get("RANK", "0") == "0"


@dataclass(frozen=True)
class Processes:
    """The processes that train together.

    Args:
        device: of this one.
        rank, count: which one it is, of how many.
        accelerator: accelerate's, or None where there is one process.
    """

    device: torch.device
    rank: int = 0
    count: int = 1
    accelerator: Any = None

    @classmethod
    def start(cls, device: str = "auto") -> Self:
        """This process; several, if `accelerate launch` started it on several GPUs.

        Args:
            device: `auto` takes a GPU where there is one.
        """
        if device == "auto" and torch.cuda.device_count() > 1:
            try:
                from accelerate import Accelerator
            except ImportError:
                pass
            else:
                one = Accelerator()
                return cls(one.device, one.process_index, one.num_processes, one)
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(torch.device(device))

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give all processes the mean of their gradients."""
        if self.count > 1:
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad = self.accelerator.reduce(parameter.grad, reduction="mean")
