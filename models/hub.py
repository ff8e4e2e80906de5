"""Finding and loading trained networks: `TASK/NAME` under the shipped weights and under a user's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.layout import CONFIG
from models.registry import FAMILIES
from twin.errors import InputError
from twin.files.json_file import read_json

if TYPE_CHECKING:
    from models.family import Family

SHIPPED = Path(__file__).parent / "weights"
ENVIRONMENT = "RT_TWIN_WEIGHTS"


@dataclass(frozen=True)
class Weights:
    """A folder of weights.

    Args:
        task: what they translate, or None where the folder does not say: it is of an older version.
        name: within the task.
        folder: where they lie.
    """

    task: str | None
    name: str
    folder: Path

    @property
    def address(self) -> str:
        """By which they are found whatever the task at hand is."""
        return self.name if self.task is None else f"{self.task}/{self.name}"


def every() -> Iterator[Weights]:
    """All trained networks: the shipped ones, then a user's own under `RT_TWIN_WEIGHTS`, in any depth up to two."""
    places = [SHIPPED]
    if os.environ.get(ENVIRONMENT):
        places.append(Path(os.environ[ENVIRONMENT]))
    for place in places:
        for file in sorted([*place.glob(f"*/{CONFIG}"), *place.glob(f"*/*/{CONFIG}")]):
            yield Weights(_task_of(file), file.parent.name, file.parent)


def weights_named(name_or_folder: str | os.PathLike[str], task: str) -> Weights:
    """The weights of a name within a task.

    Args:
        name_or_folder: a folder with `config.json`, a name within the task, or `TASK/NAME`; a user's own go before
            shipped ones.
        task: whose weights are wanted.

    Raises:
        ValueError: there are none, or they are of another task; the message is one sentence.
    """
    path, asked = Path(name_or_folder), str(name_or_folder)
    if (path / CONFIG).is_file():
        found = Weights(_task_of(path / CONFIG), path.name, path)
        if found.task not in (task, None):
            raise ValueError(f"the weights in {path} are of the task {found.task!r}, not of {task!r}")
        return found
    fitting = [w for w in every() if w.task in (task, None)]
    found_last = next((w for w in reversed(fitting) if asked in (w.name, f"{task}/{w.name}")), None)
    if found_last is not None:
        return found_last
    others = ", ".join(sorted({w.name for w in fitting}))
    raise ValueError(
        f"there are no weights {asked!r} of the task {task!r}{f'; there are: {others}' if others else ''}"
    )


def load(folder: Path, config: Mapping[str, Any] | None = None) -> Family:
    """A trained network, of whichever family its config names.

    Args:
        folder: where it lies.
        config: in place of the folder's own, where that is of an older version.

    Raises:
        ValueError: the family is not known, or the folder's files do not fit; the message is one sentence.
    """
    told = config or read_json(folder / CONFIG)
    name = told.get("family") or str(told.get("_class_name")).lower()
    if name not in FAMILIES:
        raise ValueError(f"{folder} holds a {name}, which is none of: {', '.join(FAMILIES)}")
    return FAMILIES[name].from_pretrained(folder, told)


def _task_of(file: Path) -> str | None:
    try:
        name = read_json(file)["task"]["name"]
    except (InputError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None
