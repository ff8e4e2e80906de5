"""Virtual treatment: from the latest acquired scan and what was done since, the follow-up CT and tumour mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulators.core.chance import Key
from twin import ClinicalRecord, Geometry, Scan, StructureSet, Volume


@dataclass(frozen=True, eq=False)
class TumourView:
    """What the biology says of the tumour at the time of the image.

    Args:
        gtv_cm3: tumour volume, cm3.
        gtv0_cm3: its volume on the scan that the request starts from, cm3.
        erosion: share of the lost volume that re-aerates in place; the rest is drawn in by tissue.
        geometry: grid of the fields below, or None where only the volume is known.
        viable, doomed, remnant: (z, y, x) float32 fractions of a voxel, or None.
    """

    gtv_cm3: float
    gtv0_cm3: float
    erosion: float
    geometry: Geometry | None = None
    viable: np.ndarray | None = None
    doomed: np.ndarray | None = None
    remnant: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Before:
    """What was done before the scan that an image starts from, which is not the patient's first.

    Args:
        eqd2_all: EQD2 with alpha/beta 3 Gy from day 0 to the image, Gy; None where no dose is known.
        fractions: given before the scan.
        days: from day 0 to the scan.
        reacted: whether lung on the scan shows already how it answers to the dose before it.
    """

    eqd2_all: Volume | None
    fractions: int
    days: float
    reacted: bool


@dataclass(frozen=True, eq=False)
class TreatmentRequest:
    """One follow-up image that is wanted.

    Args:
        scan: the latest acquired CT.
        structures: what is drawn on it.
        dose_since: physical dose since that scan, Gy, on any grid of the frame.
        eqd2_since: EQD2 with alpha/beta 3 Gy since that scan, Gy, on the same grid.
        fractions_since: number of fractions since that scan.
        elapsed_days: time from the scan to the wanted image, days.
        since_rt_end_days: time from the end of the course, days; negative during it.
        clinical: the clinical record.
        tumour: what the biology says, or None to let the generator draw it.
        key: chance of this image; the same for one sample through time and across plans.
        before: what was done before the scan; None where it is the patient's first.
    """

    scan: Scan
    structures: StructureSet
    dose_since: Volume | None
    eqd2_since: Volume | None
    fractions_since: int
    elapsed_days: float
    since_rt_end_days: float
    clinical: ClinicalRecord
    tumour: TumourView | None
    key: Key
    before: Before | None = None

    @property
    def eqd2_all(self) -> Volume | None:
        """EQD2 from day 0 to the image, Gy."""
        return self.eqd2_since if self.before is None else self.before.eqd2_all

    @property
    def eqd2_unseen(self) -> Volume | None:
        """EQD2 whose injury to the lung the scan cannot show yet, Gy."""
        return self.eqd2_since if self.before is not None and self.before.reacted else self.eqd2_all

    @property
    def fractions_all(self) -> int:
        """Fractions from day 0 to the image."""
        return self.fractions_since + (0 if self.before is None else self.before.fractions)

    @property
    def days_all(self) -> float:
        """Time from day 0 to the image, days."""
        return self.elapsed_days + (0.0 if self.before is None else self.before.days)


@dataclass(frozen=True, eq=False)
class FollowUp:
    """A generated follow-up, stored as the region that changed.

    Args:
        request: what was asked for.
        scan: CT in HU (int16) on a whole-voxel crop of the request's scan; outside it nothing changed.
        gtv: tumour mask (uint8 0/1) on the same crop.
        injury: lung injury mask (uint8 0/1) on the same crop, apart from the tumour.
        gtv_cm3: the mask's volume with sub-voxel borders, cm3.
        displacement_mm: (3, z, y, x) float32 in (z, y, x) mm on the crop: follow-up point + displacement =
            the point of the baseline scan that moved there.
        generator: name and version of what made it.
        fallback: why another generator than the one asked for made it, or None.
    """

    request: TreatmentRequest
    scan: Volume
    gtv: Volume
    injury: Volume
    gtv_cm3: float
    displacement_mm: np.ndarray
    generator: str
    fallback: str | None = None


class VirtualTreatment(Protocol):
    """A generator of follow-up CTs."""

    @property
    def name(self) -> str:
        """By which it is asked for."""
        ...

    def domain(self, request: TreatmentRequest) -> str | None:
        """Why the request lies outside the generator's domain, or None where it lies inside.

        Args:
            request: the image that is wanted.
        """
        ...

    def generate(self, requests: Sequence[TreatmentRequest]) -> list[FollowUp]:
        """The follow-ups, in order; each depends on its own request only.

        Args:
            requests: the images that are wanted, each inside the domain.
        """
        ...
