"""Finding and loading trained Translators."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.families.translator import Translator
    from models.networks.neural import NeuralTranslator

SHIPPED = Path(__file__).parent / "weights"
ENVIRONMENT = "RT_TWIN_WEIGHTS"


def kinds() -> dict[str, type[NeuralTranslator]]:
    """The Translators that are trained, by the name that a config gives them."""
    from models.families.bridge import Bridge
    from models.families.diffusion import Diffusion
    from models.families.pix2pix import Pix2Pix

    return {"bridge": Bridge, "pix2pix": Pix2Pix, "diffusion": Diffusion}


def folders() -> dict[str, Path]:
    """Trained Translators by name: a user's own under `RT_TWIN_WEIGHTS`, which go first, and the shipped ones."""
    places = [SHIPPED]
    if os.environ.get(ENVIRONMENT):
        places.append(Path(os.environ[ENVIRONMENT]))
    return {path.parent.name: path.parent for place in places for path in sorted(place.glob("*/config.json"))}


def folder_of(name_or_folder: str | os.PathLike[str]) -> Path:
    """Where a Translator's weights lie.

    Args:
        name_or_folder: a folder with `config.json`, or a name in `folders`.

    Raises:
        ValueError: there is none; the message is one sentence.
    """
    path = Path(name_or_folder)
    if (path / "config.json").is_file():
        return path
    known = folders()
    if str(name_or_folder) in known:
        return known[str(name_or_folder)]
    others = f"; there are: {', '.join(sorted(known))}" if known else ""
    raise ValueError(f"there are no weights {str(name_or_folder)!r}{others}")


def load(name_or_folder: str | os.PathLike[str]) -> Translator:
    """A trained Translator, of whichever class its config names.

    Raises:
        ValueError: there is none, or its class is not known; the message is one sentence.
    """
    from models.families.copy import CopyTranslator

    path = folder_of(name_or_folder)
    name = json.loads((path / "config.json").read_text()).get("_class_name")
    classes: dict[str, Any] = {c.__name__: c for c in kinds().values()}
    classes[CopyTranslator.__name__] = CopyTranslator
    if name not in classes:
        raise ValueError(f"{path} holds a {name}, which is none of: {', '.join(sorted(classes))}")
    return classes[name].from_pretrained(path)
