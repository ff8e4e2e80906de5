"""Weights in a folder, as something that works on patients."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.hub import Weights, weights_named
from models.layout import CONFIG
from simulators.core.imaging import TASKS
from twin import InputError
from twin.dicom.pseudonym import keyed
from twin.errors import missing
from twin.files.json_file import read_json

if TYPE_CHECKING:
    from models.family import Family

FOLLOW_UP = "follow-up"
SMOOTH = "+smooth"  # after a name: the grain is not given back
_WHICH_KEY = "which key"  # what tells keys apart without telling them


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network and what is known of it.

    Args:
        weights: where it lies.
        family: the network, ready for use.
        version: eight digits of its weights, which every image names.
        facts: what its config says beside the network itself, e.g. its domain and whom it learned from.
        device: on which it runs.
    """

    weights: Weights
    family: Family
    version: str
    facts: Mapping[str, Any]
    device: str


def located(name: str, task: str) -> Weights:
    """The weights of a name within a task, or of a folder.

    Raises:
        InputError: there are none.
    """
    try:
        return weights_named(name, task)
    except ValueError as error:
        raise InputError(str(error)) from None


def plain(name: str) -> str:
    """The weights that a name stands for, without `@N` network evaluations and `+smooth`, no grain given back.

    Example:
        >>> plain("runs/bridge@50+smooth")
        'runs/bridge'
    """
    return name.removesuffix(SMOOTH).partition("@")[0]


def network(name: str, task: str) -> Network:
    """A trained network.

    Args:
        name: of weights under `RT_TWIN_WEIGHTS` or among those shipped, within the task or as `TASK/NAME`; or a folder.
        task: whose weights are wanted.

    Raises:
        InputError: there are no such weights, they cannot be read, or the libraries that they need are not installed.
    """
    return _loaded(located(name, task), task)


@lru_cache(maxsize=2)
def _loaded(weights: Weights, task: str) -> Network:
    told = facts(weights.folder)
    try:
        import torch

        from models.hub import load

        family = load(weights.folder, TASKS[task].upgraded(told))
    except ImportError as error:
        raise missing("learned generators need", error) from None
    except InputError:
        raise
    except (
        Exception
    ) as error:  # safetensors, pydantic and torch have errors of their own for what does not fit
        first = str(error).splitlines()[0]
        raise InputError(f"the weights in {weights.folder} cannot be used: {first}") from None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Network(weights, family.to(device), fingerprint(weights.folder), told, device)


def facts(folder: Path) -> dict[str, Any]:
    """What a folder of weights says of itself.

    Raises:
        InputError: its config is damaged.
    """
    told = read_json(folder / CONFIG)
    if not isinstance(told, dict):
        raise InputError(f"{folder / CONFIG} is broken: it holds no entries")
    return told


def fingerprint(folder: Path) -> str:
    """Eight hexadecimal digits of the weights: the version that every image names."""
    digest = hashlib.blake2b(digest_size=4)
    for file in sorted(folder.glob("*.safetensors")) or [folder / CONFIG]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def patient_digest(patient: str) -> str:
    """What the list of training patients keeps of an id: weights may be published, ids may not be found by trial.

    Args:
        patient: the id.

    Returns:
        Which key it is made with (it is not shipped), a colon, and the id under that key.
    """
    return f"{keyed(_WHICH_KEY)[:8]}:{keyed(f'trained on {patient}')[:16]}"


def learned_from(patients: Sequence[str], trained_on: Sequence[str]) -> list[str] | None:
    """Those of some patients that weights have learned from.

    Args:
        patients: ids.
        trained_on: what weights list: digests under a key, or of version 0.1 without one.

    Returns:
        Their ids; None where the list was made with the key of another installation, so that nobody can tell.

    Example:
        >>> learned_from(["000500", "000501"], ["6d78c3af"])
        ['000500']
    """
    seen = set(trained_on)
    found = [p for p in patients if patient_digest(p) in seen or _unkeyed_digest(p) in seen]
    ours = keyed(_WHICH_KEY)[:8]
    elsewhere = any(":" in digest and digest.partition(":")[0] != ours for digest in seen)
    return None if elsewhere and not found else found


def _unkeyed_digest(patient: str) -> str:
    """As version 0.1 listed patients."""
    return hashlib.blake2b(patient.encode(), digest_size=4).hexdigest()
