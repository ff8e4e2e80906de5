"""The protocol of every image-to-image model: tensors in, tensors out.

Shapes: b batch of slices, C channels of what a model sees of a slice and its neighbours (`models.data.stack.stack`:
channel 0 is the image to start from, scaled to [-1, 1]; channel 1 the tumour mask, 0 to 1; the last one the depth in
the tumour), f condition numbers (nan = missing), k noise channels, (y, x) pixels.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor


@runtime_checkable
class Translator(Protocol):
    """An image-to-image model with conditions.

    `generate` depends on its arguments only: the caller owns the noise, so that one patient's sample keeps its noise
    through time and across plans. No slice depends on the others of its batch.

    A model that was trained with the relative tumour volume among its conditions works in two ways. Guided: the
    caller gives the relative volume. Free: it is missing (nan), and the model first draws it from the other
    conditions, at the quantile that the noise's channel 0 stands for; `guided` shows what is drawn.

    Args:
        slices: how many neighbouring slices it sees: 1 is 2-D, 3 is 2.5-D.
        drafted: whether it corrects a draft, whose layers (`models.networks.layers`) are among a volume's channels;
            otherwise it changes the image itself.
        noise_channels: k; channel 0 is one number for a whole volume, the others vary from pixel to pixel
            (`models.data.noise.volume_noise`).
    """

    slices: int
    drafted: bool
    noise_channels: int

    def fit(self, data: Iterable[Mapping[str, Tensor]], config: Mapping[str, Any]) -> Self:
        """Train on batches with `image` (b, C, y, x), `vector` (b, f), `target` (b, 2, y, x)."""
        ...

    def guided(self, vector: Tensor, noise: Tensor) -> Tensor:
        """The conditions with the relative tumour volume that `generate` will aim at.

        Args:
            vector: (b, f), nan where a value is missing.
            noise: (b, noise_channels, y, x); only channel 0 matters.

        Returns:
            (b, f): as given, but the relative tumour volume, where it was missing, is the one drawn.
        """
        ...

    def layers(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        """The follow-up's layers (`models.networks.layers`), of which `generate` is composed.

        Args: as of `generate`.

        Returns:
            (b, 3, y, x): image in [-1, 1] where there is no tumour, image where there is, share of tumour in [0, 1].
        """
        ...

    def generate(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        """Follow-up image in [-1, 1] and tumour mask in [0, 1].

        Args:
            image: (b, C, y, x), as `models.data.stack.stack` gives it.
            vector: (b, f), nan where a value is missing.
            noise: (b, noise_channels, y, x), standard normal.

        Returns:
            (b, 2, y, x).
        """
        ...

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write `config.json` and, where the model has any, its weights as safetensors."""
        ...

    @classmethod
    def from_pretrained(cls, folder: str | PathLike[str]) -> Self:
        """The model that `save_pretrained` wrote."""
        ...
