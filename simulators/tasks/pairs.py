"""Two scans of one patient as an example to learn from: the earlier one, what was done between, and the later one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from models.data.examples import Example, Subject
from simulators.anatomy.gtv import gtv_volume
from simulators.core.chance import Key, Purpose
from simulators.core.treatment import TreatmentRequest, TumourView
from simulators.dose.accumulation import accumulated
from simulators.insilico.sets import VOLUMES, is_truth
from simulators.tasks.alignment import aligned, motion
from simulators.tasks.crop import SHAPE, VECTOR, Crop, sampled, scaled
from simulators.treatment.mechanistic import MechanisticTreatment
from simulators.tumour.radiobiology import LATE_ALPHA_BETA_GY
from twin import Fraction, PatientTwin, Scan, StructureSet, Volume
from twin.files.tables import read_table

_PER_PLAN = 1  # pairs of images of one plan of the truth: there are six or seven plans
_OTHERS = 16  # patients with the same record, plan and drawn volume, of whom volumes are known too
_NEAR_SLICES = 8  # from the tumour's ends count as near it: 16 mm
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
    def source(self) -> np.ndarray:
        """(8, z, y, x) float32, `Crop.channels`."""
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
    """The twin's CTs on which somebody drew, by time: a tumour that was carried over says nothing of how it went on."""
    found = []
    for scan in twin.acquired:
        drawn = twin.drawn_on(scan) if scan.volume.modality == "CT" else None
        if drawn is not None and not any(s.carried_from for s in drawn.role("GTV")):
            found.append(Contoured(scan, drawn))
    return found


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


def write_pairs(path: Path, subject: Subject, most: int, align: bool) -> None:
    """Write the pairs of a twin's scans as examples.

    Args:
        path: the twin's folder.
        subject: whose arrays are written.
        most: how many pairs are kept with their images; of the truth under one plan, one.
        align: take set-up and breathing out of the follow-ups; of the truth nothing moved but what treatment moves.
    """
    pairs = list(pairs_of(PatientTwin.load(path)))
    if is_truth(path):  # only its first scan is a scan, with noise
        pairs = [p for p in pairs if p.start_days == pairs[0].start_days]
        most, align = _PER_PLAN, False
    kept = _chosen(pairs, most, subject.stem.name)
    every = [*kept, *(p for p in pairs if p not in kept)]
    subject.write(
        subject.patient,
        subject.stem,
        [_example(p, align) for p in kept],
        np.stack([p.vector for p in every]) if every else np.empty((0, len(VECTOR))),
        _outcomes(path, [p for p in pairs if p.start_days == pairs[0].start_days]),
    )


def _example(pair: Pair, align: bool) -> Example:
    source, target = pair.source, pair.target
    if align:
        target = aligned(target, motion(source[0], target[0], source[-1]))
    tumour = np.flatnonzero(((source[1] > 0.5) | (target[1] > 0.5)).any(axis=(1, 2)))
    focus = (0, source.shape[1])
    if tumour.size:
        focus = (max(0, int(tumour[0]) - _NEAR_SLICES), min(focus[1], int(tumour[-1]) + _NEAR_SLICES + 1))
    return Example(source, target, near=source[-1] > -1.0, focus=focus)


def _outcomes(path: Path, pairs: Sequence[Pair]) -> np.ndarray:
    """(m, f) conditions with the volumes that came of them, from the first image on; of the truth also what came of
    others like this patient.

    From a later image it is not known what was done before: no dose since may mean none at all, or a course that has
    just ended.
    """
    if not pairs:
        return np.empty((0, len(VECTOR)), np.float32)
    own = np.stack([p.vector for p in pairs])
    if not is_truth(path):
        return own
    table = read_table(path.parent / VOLUMES).filter(pl.col("plan") == path.stem, pl.col("draw") < _OTHERS)
    every = [own]
    for pair, vector in zip(pairs, own, strict=True):
        volumes = table.filter((pl.col("day") - pair.day).abs() < 1e-6, pl.col("draw") >= 0)[
            "gtv_cm3"
        ].to_numpy()
        others = np.repeat(vector[None], len(volumes), axis=0)
        others[:, VECTOR.index("relative_gtv")] = volumes / pair.crop.gtv_cm3
        every.append(others)
    return np.concatenate(every)


def _chosen(pairs: Sequence[Pair], most: int, name: str) -> list[Pair]:
    """The pairs whose images are kept: those from the first scan before others, by a chance that the name gives."""
    drawable = [p for p in pairs if p.drawable]
    order = np.random.default_rng(list(name.encode())).permutation(len(drawable))
    first = sorted(order, key=lambda i: drawable[i].start_days > pairs[0].start_days)
    return [drawable[i] for i in sorted(first[:most])]
