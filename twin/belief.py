"""What is believed about one tumour: samples of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from twin.errors import InputError


@dataclass(frozen=True, eq=False)
class Belief:
    """Weighted samples of the tumour's parameters.

    Args:
        samples: parameter name -> (n,) float64; the unit is in the name.
        weights: (n,), summing to 1, or None for equal weights.
        kind: "prior" or "posterior".
        learned_from: (time_days, kind, value) of the observations that a posterior has learned from.
        ess: effective number of samples of a posterior, as its update measured it.
        prior: constants of the prior that are not the usual ones, by name.
    """

    samples: Mapping[str, np.ndarray]
    weights: np.ndarray | None = None
    kind: str = "prior"
    learned_from: tuple[tuple[float, str, float], ...] = ()
    ess: float | None = None
    prior: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sizes = {v.shape for v in self.samples.values()}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1:
            raise InputError("a belief needs one (n,) array for each parameter, all of one length")
        object.__setattr__(self, "samples", MappingProxyType(dict(self.samples)))

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(next(iter(self.samples.values())))
