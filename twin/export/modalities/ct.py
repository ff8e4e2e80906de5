"""CT: one file a slice, in HU."""

from __future__ import annotations

from pathlib import Path

from pydicom import uid
from pydicom.dataset import Dataset

from twin.errors import InputError
from twin.export.objects import About, Origin, Series, SliceKind, write_slices
from twin.volume import Volume


def write(part: Path, volume: Volume, origin: Origin, about: About) -> Series:
    """Write a CT.

    Args:
        part: an existing folder.
        volume: HU, int16, right-handed axes.
        origin: where it comes from.
        about: the scan.

    Raises:
        InputError: the volume is not in HU or its axes are left-handed.
    """
    return write_hounsfield(
        part, volume, origin, about, SliceKind("ct", uid.CTImageStorage, "CT", ("AXIAL",), fill)
    )


def write_hounsfield(part: Path, volume: Volume, origin: Origin, about: About, kind: SliceKind) -> Series:
    """Write slices whose values are HU.

    Args:
        part, volume, origin, about: as in `write`.
        kind: CT, or what is written as one.

    Raises:
        InputError: the volume is not in HU or its axes are left-handed.
    """
    if volume.unit != "HU":
        raise InputError(f"a CT is exported in HU, not in {volume.unit}")
    return write_slices(part, volume.array, volume.geometry, origin, kind, about)


def fill(data: Dataset, number: int) -> None:
    """What only a CT has.

    Args:
        data: a slice.
        number: of it.
    """
    del number
    data.AcquisitionNumber, data.KVP = None, None
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "HU"
    data.WindowCenter, data.WindowWidth = 40, 400
