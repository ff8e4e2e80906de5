"""Image series on their way into the twin."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from twin.dicom.dates import acquired
from twin.dicom.images import series as dicom
from twin.dicom.images.series import Series, Stack
from twin.dicom.images.stacks import stacks
from twin.dicom.images.suv import suv_factors
from twin.dicom.instance import Instance
from twin.dicom.left_out import LeftOut
from twin.dicom.structure_sets import Drawing
from twin.errors import InputError
from twin.volume import Volume

_CONE_BEAM = re.compile(r"\b(CBCT|CONE[ -]?BEAM|XVI|ON-BOARD|OBI|HALCYON|ETHOS|KV_?CT)\b")
# Values of RescaleType that are HU or do not say (DICOM PS3.3 C.11.1.1.2); spectral CT has images of other quantities.
_HU = ("", "HU", "US")


@dataclass(eq=False)
class Image:
    """One volume on its way into the twin.

    Args:
        stack: its slices.
        modality: CT, CBCT, MR or PT.
        drawings: the structure sets that are drawn on it.
        chosen: those of them that are used.
        time_days: days from day 0.
    """

    stack: Stack
    modality: str
    drawings: list[Drawing] = field(default_factory=list)
    chosen: list[Drawing] = field(default_factory=list)
    time_days: float = 0.0

    @property
    def files(self) -> tuple[Instance, ...]:
        """Its slices from feet to head."""
        return self.stack.files

    @property
    def first(self) -> Instance:
        """The slice whose tags stand for the series."""
        return self.stack.first

    @cached_property
    def uids(self) -> frozenset[str]:
        """SOP Instance UIDs of its slices."""
        return frozenset(f.text("SOPInstanceUID") for f in self.files)

    @cached_property
    def day(self) -> datetime.date | None:
        """On which it was acquired, or None where nothing says it."""
        return acquired(self.files)

    @property
    def rank(self) -> tuple[Any, ...]:
        """What orders images for which nothing else does: number of slices, then their UIDs."""
        return -len(self.files), self.first.text("SeriesInstanceUID"), min(self.uids)

    def volume(self) -> Volume:
        """Its voxels.

        Raises:
            InputError: pixels that are damaged, or a PET that gives no SUV.
        """
        if self.modality == "PT":
            factors = suv_factors(self.stack)
            return dicom.volume(self.stack, "PT", "SUV", lambda f: factors[f.file])
        if self.modality == "MR":
            return dicom.volume(self.stack, "MR", "a.u.")
        return dicom.volume(self.stack, "CBCT" if self.modality == "CBCT" else "CT", "HU")


def images(series: Sequence[Series], left_out: LeftOut) -> list[Image]:
    """The volumes of all image series.

    Args:
        series: CT, MR and PT.
        left_out: takes scouts, single images, series with missing slices, CT that is not in HU, and pixels into which
            text is burned.
    """
    found = []
    for one in series:
        for stack in stacks(one, left_out):
            try:
                _check_scale(stack)
                _check_annotation(stack)
            except InputError as error:
                left_out.add(stack.modality, stack.files, error)
                continue
            found.append(Image(stack, _modality(stack)))
    return found


def _check_scale(stack: Stack) -> None:
    """Refuse values of unknown scale: CT and PET need their rescale tags (DICOM PS3.3 C.8.2.1, C.8.9.4)."""
    needed = {"CT": ("RescaleSlope", "RescaleIntercept"), "PT": ("RescaleSlope",)}.get(stack.modality, ())
    for keyword in needed:
        lacking = [f for f in stack.files if f.number(keyword) is None]
        if lacking:
            unit = "HU" if stack.modality == "CT" else "activity"
            raise InputError(
                f"{keyword} is missing in {len(lacking)} of its slices, so that its {unit} is unknown"
            )
    kinds = {f.word("RescaleType") for f in stack.files} if stack.modality == "CT" else set()
    if kinds - set(_HU):
        raise InputError(f"its values are {', '.join(sorted(kinds))} by RescaleType and not HU")


def _check_annotation(stack: Stack) -> None:
    """Refuse pixels that hold enough text to name the patient (DICOM PS3.3 C.7.6.1.1.5)."""
    if any(f.word("BurnedInAnnotation") == "YES" for f in stack.files):
        raise InputError(
            "text that may name the patient is burned into its pixels (BurnedInAnnotation is YES)"
        )


def _modality(stack: Stack) -> str:
    """CT, PT or MR as the files say; a CT that its series or its machine calls a cone-beam CT is one."""
    keywords = ("SeriesDescription", "StudyDescription", "ManufacturerModelName", "ImageType")
    words = " ".join(stack.first.text(k) for k in keywords).upper().replace("_", " ")
    return "CBCT" if stack.modality == "CT" and _CONE_BEAM.search(words) else stack.modality
