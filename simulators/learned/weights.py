"""Weights in a folder as a `VirtualTreatment`."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulators.tasks.conditions import CHANNELS, VECTOR
from twin import InputError

if TYPE_CHECKING:
    from simulators.learned.adapter import TranslatedTreatment

_FACTS = "training.json"  # beside config.json: what the model learned from


def learned_treatment(name: str) -> TranslatedTreatment:
    """The learned generator of a name, or of a folder of weights.

    Args:
        name: of weights under `RT_TWIN_WEIGHTS` or among those shipped, or a folder's path.

    Raises:
        InputError: there are no such weights, or the libraries that they need are not installed.
    """
    from models.hub import folder_of

    try:
        return _loaded(folder_of(name))
    except ValueError as error:
        raise InputError(str(error)) from None


@lru_cache(maxsize=2)
def _loaded(path: Path) -> TranslatedTreatment:
    try:
        import torch

        from models.hub import load
        from simulators.learned.adapter import TranslatedTreatment
    except ImportError as error:
        raise InputError(_missing(error)) from None
    known = facts(path)
    shown = known.get("image_channels", CHANNELS)
    if "vector" in known and (known["vector"] != list(VECTOR) or shown != CHANNELS):
        raise InputError(
            f"the weights in {path} were trained by a version that shows a generator something else "
            f"({shown} channels, this one {CHANNELS}); train them again"
        )
    translator: Any = load(path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu":
        translator.to(device)
    return TranslatedTreatment(
        path.name, translator, fingerprint(path), known.get("domain", {}), device=device
    )


def facts(path: Path) -> dict[str, Any]:
    """What a folder of weights says of itself: its configuration and what it learned from."""
    found: dict[str, Any] = {}
    for name in ("config.json", _FACTS):
        file = path / name
        if file.is_file():
            found |= json.loads(file.read_text(encoding="utf-8"))
    return found


def fingerprint(path: Path) -> str:
    """Eight hexadecimal digits of the weights: the version that every image names."""
    digest = hashlib.blake2b(digest_size=4)
    for file in sorted(path.glob("*.safetensors")) or [path / "config.json"]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def patient_digest(patient: str) -> str:
    """What the list of training patients keeps of an id: weights may be published, ids may not.

    Example:
        >>> patient_digest("000500")
        '6d78c3af'
    """
    return hashlib.blake2b(patient.encode(), digest_size=4).hexdigest()


def _missing(error: ImportError) -> str:
    name = (error.name or "torch").partition(".")[0]
    return f"learned generators need {name}: pip install 'rt-twin[learned]'"
