"""A channel: what the numbers of one image mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np


class Channel(BaseModel):
    """One image among those that a task translates.

    Args:
        name: by which it is known; nothing is known by its place.
        unit: of its values.
        low, high: the values that become -1 and 1, or 0 and 1 of a share; what lies beyond is cut.
        share: it says how much of each voxel something is, 0 to 1.
        whole: it is computed from the whole volume, so that a slice needs it without its neighbours, and a network that
            sees one slice only is not shown it.
        group: of channels that are hidden together, or "".

    Example:
        >>> import numpy as np
        >>> ct = Channel(name="ct", unit="HU", low=-1024, high=1024)
        >>> ct.numbers(np.array([-2000.0, 0.0, 512.0])).tolist(), ct.values(np.array([0.5])).tolist()
        ([-1.0, 0.0, 0.5], [512.0])
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    unit: str = "1"
    low: float = 0.0
    high: float = 1.0
    share: bool = False
    whole: bool = False
    group: str = ""

    @property
    def unit_size(self) -> float:
        """By how much the value changes where the number changes by 1."""
        return (self.high - self.low) / (1.0 if self.share else 2.0)

    def numbers(self, values: np.ndarray) -> np.ndarray:
        """Values to numbers, float32."""
        import numpy as np

        first = 0.0 if self.share else -1.0
        cut = np.clip(values, self.low, self.high)
        return ((cut - self.low) * (1.0 / self.unit_size) + first).astype(np.float32)

    def values(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers to values, float32."""
        import numpy as np

        first = 0.0 if self.share else -1.0
        return ((numbers - np.float32(first)) * np.float32(self.unit_size) + np.float32(self.low)).astype(
            np.float32
        )
