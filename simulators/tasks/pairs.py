"""Two scans of one patient as an example to learn from: the earlier one, what was done between, and the later one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulators.core.chance import Key, Purpose
from simulators.core.treatment import TreatmentRequest, TumourView
from simulators.dose.accumulation import accumulated
from simulators.tasks.conditions import SHAPE, Crop, gtv_volume, sampled, scaled
from simulators.treatment.mechanistic import MechanisticTreatment
from simulators.tumour.radiobiology import LATE_ALPHA_BETA_GY
from twin import Fraction, PatientTwin, Scan, StructureSet, Volume

_EROSION = 0.5  # not known of a real tumour; no condition depends on it


@dataclass(frozen=True, eq=False)
class Contoured:
    """A CT and what is drawn on it; the GTV is missing where it was seen to be gone."""

    scan: Scan
    structures: StructureSet

    @property
    def gtv(self) -> Volume | None:
        """Mask of what is drawn, on its own box."""
        return gtv_volume(self.structures) if self.structures.role("GTV") else None

    @property
    def gtv_cm3(self) -> float:
        """Its volume, cm3."""
        gtv = self.gtv
        return 0.0 if gtv is None else float(np.count_nonzero(gtv.array)) * gtv.geometry.voxel_cm3


@dataclass(frozen=True, eq=False)
class Pair:
    """One example, on the earlier scan's crop; its arrays are made when they are asked for.

    Args:
        crop: of the earlier scan.
        request: what would be asked of a generator, told the volume that was drawn on the later scan.
        later: the later scan and what is drawn on it.
        mechanistic: whose follow-up is the draft.
    """

    crop: Crop
    request: TreatmentRequest
    later: Contoured
    mechanistic: MechanisticTreatment

    @property
    def start_days(self) -> float:
        """When the earlier scan was made, days from day 0."""
        return self.request.scan.time_days

    @property
    def day(self) -> float:
        """When the later scan was made, days from day 0."""
        return self.later.scan.time_days

    @property
    def drawable(self) -> bool:
        """Whether a draft can be made of it."""
        return self.mechanistic.domain(self.request) is None

    @cached_property
    def vector(self) -> np.ndarray:
        """(f,) float32 conditions in the order of `VECTOR`; nan is missing."""
        return self.crop.vector(self.request)

    @cached_property
    def image(self) -> np.ndarray:
        """(7, z, y, x) float32, `Crop.channels`."""
        draft = self.crop.draft(self.request.scan.volume, self.mechanistic.drafted(self.request)[1])
        return self.crop.channels(self.request.eqd2_since, draft)

    @cached_property
    def target(self) -> np.ndarray:
        """(2, z, y, x) float32: later CT in [-1, 1], share of the later GTV."""
        grid, gtv = self.crop.grid, self.later.gtv
        mask = np.zeros(grid.shape, np.float32) if gtv is None else sampled(gtv, grid)
        return np.stack([scaled(sampled(self.later.scan.volume, grid, fill=-1024.0)), mask])


def pairs_of(twin: PatientTwin) -> Iterator[Pair]:
    """All examples of a twin: every CT with a GTV, with every later contoured CT.

    A tumour that does not fit into the crop with its margin gives none.
    """
    mechanistic = MechanisticTreatment()
    dates = _dates(twin)
    for i, start in enumerate(dates[:-1]):
        if start.gtv is None:
            continue
        crop = Crop.of(start.scan, start.structures, slices=SHAPE[0])
        if crop.exceeds:
            continue
        for end in dates[i + 1 :]:
            yield Pair(crop, _request(twin, start, end), end, mechanistic)


def request_between(
    twin: PatientTwin, start: Scan, structures: StructureSet, day: float, tumour: TumourView | None, key: Key
) -> TreatmentRequest:
    """The request for a follow-up on a day, under the fractions that the twin has been given.

    Args:
        twin: whose fractions, doses and clinical record count.
        start: the CT to start from.
        structures: what is drawn on it, with a GTV.
        day: of the image, days from day 0.
        tumour: what is known of it on that day, or None.
        key: chance of the image.
    """
    given = [f for f in twin.fractions if start.time_days < f.time_days <= day]
    dose, eqd2 = _dose(twin, given)
    last = max((f.time_days for f in twin.fractions), default=np.inf)  # what never began does not end
    return TreatmentRequest(
        scan=start,
        structures=structures,
        dose_since=dose,
        eqd2_since=eqd2,
        fractions_since=len(given),
        elapsed_days=day - start.time_days,
        since_rt_end_days=day - last,
        clinical=twin.clinical,
        tumour=tumour,
        key=key,
    )


def _dates(twin: PatientTwin) -> list[Contoured]:
    """The twin's contoured CTs, by time."""
    found = []
    for scan in twin.scans:
        drawn = _drawn_on(twin.structures, scan) if scan.volume.modality == "CT" else None
        if drawn is not None:
            found.append(Contoured(scan, drawn))
    return found


def _drawn_on(sets: Sequence[StructureSet], scan: Scan) -> StructureSet | None:
    return next(
        (s for s in sets if s.time_days == scan.time_days and s.geometry.same_grid(scan.volume.geometry)),
        None,
    )


def _request(twin: PatientTwin, start: Contoured, end: Contoured) -> TreatmentRequest:
    view = TumourView(end.gtv_cm3, start.gtv_cm3, _EROSION)
    key = Key(0, twin.id, Purpose.IMAGE)
    return request_between(twin, start.scan, start.structures, end.scan.time_days, view, key)


def _dose(twin: PatientTwin, given: Sequence[Fraction]) -> tuple[Volume | None, Volume | None]:
    """Physical dose and EQD2 of fractions on the first one's dose grid; None where none has a known dose."""
    grids = [f.grid for f in given if f.grid is not None]
    if not grids:
        return None, None
    geometry = twin.doses[grids[0]].volume.geometry
    return (
        accumulated(twin.doses, given, geometry),
        accumulated(twin.doses, given, geometry, alpha_beta_gy=LATE_ALPHA_BETA_GY),
    )
