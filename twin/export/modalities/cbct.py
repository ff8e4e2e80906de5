"""Cone-beam CT: CT Image Storage, which has no class of its own for it, with marks that say what it is."""

from __future__ import annotations

from pathlib import Path

from pydicom import uid
from pydicom.dataset import Dataset

from twin.export.modalities import ct
from twin.export.objects import About, Origin, Series, SliceKind
from twin.volume import Volume


def write(part: Path, volume: Volume, origin: Origin, about: About) -> Series:
    """Write a cone-beam CT.

    Args:
        part: an existing folder.
        volume: HU, int16, right-handed axes.
        origin: where it comes from.
        about: the scan.

    Raises:
        InputError: the volume is not in HU or its axes are left-handed.
    """

    def fill(data: Dataset, number: int) -> None:
        ct.fill(data, number)
        data.ScanOptions = "CBCT"
        data.ProtocolName = " ".join(["CBCT", str(about.options.get("system", ""))]).strip()

    # By its fourth value and the protocol it is told from a planning CT.
    kind = SliceKind("cbct", uid.CTImageStorage, "CT", ("AXIAL", "CBCT"), fill)
    return ct.write_hounsfield(part, volume, origin, about, kind)
