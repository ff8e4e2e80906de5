"""Two scans of one patient as an example to learn from: the earlier one, what was done between, and the later one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.accumulation import accumulated
from simulators.chance import Key, Purpose
from simulators.complications import LATE_ALPHA_BETA_GY
from simulators.conditions import SHAPE, Crop, gtv_volume, sampled, scaled
from simulators.treatment import TreatmentRequest, TumourView
from twin import Fraction, PatientTwin, Scan, StructureSet, Volume

_EROSION = 0.5  # not known of a real tumour; no condition depends on it


@dataclass(frozen=True, eq=False)
class Pair:
    """One example, on the earlier scan's crop.

    Args:
        patient: the twin's id.
        image: (4, z, y, x) float32: earlier CT in [-1, 1], share of GTV, EQD2 since / 60 Gy, the CT without tumour.
        vector: (f,) float32 conditions in the order of `VECTOR`; nan is missing.
        target: (2, z, y, x) float32: later CT in [-1, 1], share of the later GTV.
        start_days, day: when the two scans were made, days from day 0.
    """

    patient: str
    image: np.ndarray
    vector: np.ndarray
    target: np.ndarray
    start_days: float
    day: float


@dataclass(frozen=True, eq=False)
class _Contoured:
    """A CT and what is drawn on it; the GTV is missing where it was seen to be gone."""

    scan: Scan
    structures: StructureSet

    @property
    def gtv(self) -> Volume | None:
        return gtv_volume(self.structures) if self.structures.role("GTV") else None

    @property
    def gtv_cm3(self) -> float:
        gtv = self.gtv
        return 0.0 if gtv is None else float(np.count_nonzero(gtv.array)) * gtv.geometry.voxel_cm3


def pairs_of(twin: PatientTwin) -> Iterator[Pair]:
    """All examples of a twin: every CT with a GTV, with every later contoured CT.

    A tumour that does not fit into the crop with its margin gives none.
    """
    dates = _dates(twin)
    for i, start in enumerate(dates[:-1]):
        if start.gtv is None:
            continue
        crop = Crop.of(start.scan, start.structures, slices=SHAPE[0])
        if crop.exceeds:
            continue
        for end in dates[i + 1 :]:
            request = _request(twin, start, end)
            gtv = end.gtv
            target = [
                scaled(sampled(end.scan.volume, crop.grid, fill=-1024.0)),
                np.zeros(crop.grid.shape, np.float32) if gtv is None else sampled(gtv, crop.grid),
            ]
            yield Pair(
                twin.id,
                crop.channels(request.eqd2_since),
                crop.vector(request),
                np.stack(target),
                start.scan.time_days,
                end.scan.time_days,
            )


def pair_requests(twin: PatientTwin) -> list[TreatmentRequest]:
    """What would be asked of a generator for the same pairs, guided by the volume that was drawn on the later scan."""
    dates = _dates(twin)
    return [
        _request(twin, start, end)
        for i, start in enumerate(dates)
        if start.gtv is not None
        for end in dates[i + 1 :]
    ]


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


def _dates(twin: PatientTwin) -> list[_Contoured]:
    """The twin's contoured CTs, by time."""
    found = []
    for scan in twin.scans:
        drawn = _drawn_on(twin.structures, scan) if scan.volume.modality == "CT" else None
        if drawn is not None:
            found.append(_Contoured(scan, drawn))
    return found


def _drawn_on(sets: Sequence[StructureSet], scan: Scan) -> StructureSet | None:
    return next(
        (s for s in sets if s.time_days == scan.time_days and s.geometry.same_grid(scan.volume.geometry)),
        None,
    )


def _request(twin: PatientTwin, start: _Contoured, end: _Contoured) -> TreatmentRequest:
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
