"""Copy the last scan: the baseline that every learned generator has to beat."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor


class CopyTranslator:
    """A `Translator` that answers with the image and mask it was given."""

    slices = 1
    drafted = False
    noise_channels = 0

    def fit(self, data: Iterable[Mapping[str, Tensor]], config: Mapping[str, Any]) -> Self:
        """Learns nothing."""
        return self

    def guided(self, vector: Tensor, noise: Tensor) -> Tensor:
        """The conditions as given; it aims at no volume."""
        return vector.clone()

    def layers(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        """(b, 3, y, x): the same image with and without tumour."""
        return image[:, [0, 0, 1]]

    def generate(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        """(b, 2, y, x): channels 0 and 1 of `image`."""
        return image[:, :2].clone()

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write `config.json`; there are no weights."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        (path / "config.json").write_text(json.dumps({"_class_name": type(self).__name__}))

    @classmethod
    def from_pretrained(cls, folder: str | PathLike[str]) -> Self:
        """The copy baseline.

        Raises:
            ValueError: the folder holds another model.
        """
        config = json.loads((Path(folder) / "config.json").read_text())
        if config.get("_class_name") != cls.__name__:
            raise ValueError(f"{folder} holds a {config.get('_class_name')}, not a {cls.__name__}")
        return cls()


FAMILY = CopyTranslator
