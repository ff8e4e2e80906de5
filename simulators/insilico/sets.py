"""A longitudinal set in its folder, in silico or imported, as it is read.

SET/set.json says what it is and lists the patients, SET/NAME.twin is one as a clinic would have him. In a set with
truth, SET/NAME.truth/PLAN.twin is what would have been seen without noise under every plan, and volumes.parquet holds
the tumour's volumes there, true and as they could be expected at best.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.errors import InputError
from twin.files.folder import TRUTH as TRUTH_FILE
from twin.files.json_file import read_json

FORMAT = "rt-twin-set/1"
INDEX = "set.json"
IMPORTED = (
    "none: patients of a centre"  # what stands for the simulator of a set that `rt-twin import --many` wrote
)
VOLUMES = "volumes.parquet"  # of a patient's truth
TRUTH = ".truth"  # ends the folder's name
TRUE_DRAW = -1  # of the true volume among the draws of what could be expected


def read_index(folder: Path) -> dict[str, Any]:
    """What a set says of itself.

    Args:
        folder: the set.

    Returns:
        `format`; `simulator`, what made it; `arguments` of its making; `patients`, each with `id`, `twin` and `truth`
        (folders within the set) or the reason why he `failed`.

    Raises:
        InputError: the folder holds no set, or one of another format.
    """
    try:
        stored = read_json(folder / INDEX)
    except InputError as error:
        raise InputError(f"the folder {folder} holds no longitudinal set: {error}") from None
    found = stored.get("format") if isinstance(stored, dict) else None
    if found != FORMAT:
        raise InputError(f"{folder} has the format {found!r}; this version reads {FORMAT}")
    return stored


def twins_in(folder: Path, *, truth: bool = True) -> list[Path]:
    """The twins to learn from in a folder, by name: of a set with truth, what would have been seen under every plan.

    Args:
        folder: a set, any folder of twins, or one twin.
        truth: whether what would have been seen comes before what a clinic would have.

    Raises:
        InputError: there is none, or the folder is a set of another format.
    """
    if folder.suffix == ".twin" and folder.is_dir():
        return [folder]
    if (folder / INDEX).is_file():
        read_index(folder)
    every = (
        sorted(p for p in folder.glob(f) if (p / "twin.json").is_file())
        for f in ((f"*{TRUTH}/*.twin", "*.twin") if truth else ("*.twin",))
    )
    found = next(filter(None, every), [])
    if not found:
        raise InputError(f"there are no twins in {folder}; give a folder that holds NAME.twin folders")
    return found


def is_truth(twin: Path) -> bool:
    """Whether a twin's folder is the truth under one plan, rather than what a clinic would have.

    Args:
        twin: a NAME.twin folder.
    """
    return twin.parent.suffix == TRUTH


def patient_of(twin: Path) -> str:
    """Whose twin a folder is: the truths of a patient under several plans are his."""
    return (twin.parent if is_truth(twin) else twin).stem


def true_parameters(twin: Path) -> Mapping[str, float] | None:
    """The parameters of an in-silico patient's tumour, from the file in his folder; None where there is none.

    Args:
        twin: the patient's folder.

    Raises:
        InputError: the file is broken.
    """
    file = twin / TRUTH_FILE
    if not file.is_file():
        return None
    try:
        biology = read_json(file).get("biology")
        return {name: float(value) for name, value in biology.items()} if biology else None
    except (AttributeError, TypeError, ValueError):
        raise InputError(f"{file} is broken; its parameters cannot be read") from None
