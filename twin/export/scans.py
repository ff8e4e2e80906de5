"""A scan of any modality as DICOM: each has a file of its own in `modalities`, which is found by its name."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from twin.errors import InputError
from twin.export import modalities
from twin.export.objects import About, Origin, Series
from twin.volume import Volume


def exported() -> tuple[str, ...]:
    """Modalities that have a way into DICOM."""
    return tuple(found.name.upper() for found in pkgutil.iter_modules(modalities.__path__))


def write_scan(
    part: Path,
    volume: Volume,
    origin: Origin,
    *,
    description: str,
    number: int = 1,
    name: str | None = None,
    source: Series | None = None,
    options: Mapping[str, Any] | None = None,
) -> Series:
    """Write a scan as DICOM: slices as one file each, a radiograph as one.

    Args:
        part: an existing folder.
        volume: with right-handed axes, in the modality's unit.
        origin: where it comes from; with a generator, the files say that they are synthetic.
        description: of the series, in words that name nobody.
        number: SeriesNumber.
        name: of its files and UIDs; the modality's own where None.
        source: the CT that it was made from.
        options: how a virtual scanner was set, by name.

    Raises:
        InputError: there is no way into DICOM for the modality, its unit is another, or its axes are left-handed.
    """
    if volume.modality not in exported():
        known = ", ".join(exported())
        raise InputError(f"there is no way to write {volume.modality} as DICOM; there is one for {known}")
    module = import_module(f"{modalities.__name__}.{volume.modality.lower()}")
    about = About(description, number, name, source, dict(options or {}))
    written: Series = module.write(part, volume, origin, about)
    return written
