"""Treatment records: what was given, beam by beam and session by session."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from twin.dicom.instance import Instance
from twin.dicom.treatment.rtplan import NO_DOSE, Plan
from twin.errors import InputError

_TREATMENT_CLOCK = 0.375  # 09:00, where the record keeps no time
_WHOLE = 0.02  # metersets agree to this share
_SAME_SESSION_DAYS = 3 / 24  # fractions of one day lie at least this far apart
_BEAMS = (
    "TreatmentSessionBeamSequence",
    "TreatmentSessionIonBeamSequence",
    "TreatmentSessionApplicationSetupSequence",
)


@dataclass(frozen=True)
class Delivery:
    """One beam, or one application of sources, as it was recorded.

    Args:
        plan_uid: the plan that was treated.
        group: ReferencedFractionGroupNumber, 0 where it is not kept.
        number: CurrentFractionNumber, 0 where it is not kept.
        date: of the treatment; never stored in a twin.
        clock: share of the day.
        beam: its number, 0 where it is not kept.
        kind: TreatmentDeliveryType.
        specified: meterset that was to be given, None where it is not kept.
        delivered: meterset that was given, None where it is not kept.
        broken_off: it ended before its time.
    """

    plan_uid: str
    group: int
    number: int
    date: datetime.date
    clock: float
    beam: int
    kind: str
    specified: float | None
    delivered: float | None
    broken_off: bool = False

    @property
    def when(self) -> float:
        """Days since the year 1."""
        return self.date.toordinal() + self.clock


def read_record(file: Instance) -> list[Delivery]:
    """What a record says was given (DICOM PS3.3 A.29, C.8.8.21); none where it is setup or imaging alone.

    Raises:
        InputError: no date, or no plan is named.
    """
    try:
        plans = file.items("ReferencedRTPlanSequence")
        plan_uid = plans[0].text("ReferencedSOPInstanceUID") if plans else ""
        group = int(file.number("ReferencedFractionGroupNumber") or 0)
        beams = [b for keyword in _BEAMS for b in file.items(keyword)]
        date = file.date("TreatmentDate") or next(
            (d for b in beams for c in _control_points(b) if (d := c.date("TreatmentControlPointDate"))), None
        )
        if date is None or not plan_uid:
            raise InputError(f"{file.file}: the treatment record names no date or no plan")
        clock = _clock(file)
        return [_delivery(b, plan_uid, group, date, clock) for b in beams]
    except InputError:
        raise
    except Exception as error:  # pydicom raises many types on damaged items
        raise InputError(f"{file.file} is a damaged treatment record") from error


def _clock(file: Instance) -> float:
    time = file.text("TreatmentTime").replace(":", "")
    if len(time) < 4 or not time[:4].isdigit():
        return _TREATMENT_CLOCK
    return min(int(time[:2]) * 60 + int(time[2:4]), 1439) / 1440.0


def _control_points(beam: Instance) -> list[Instance]:
    return beam.items("ControlPointDeliverySequence") or beam.items("IonControlPointDeliverySequence")


def _delivery(beam: Instance, plan_uid: str, group: int, date: datetime.date, clock: float) -> Delivery:
    points = _control_points(beam)
    specified, delivered = (
        beam.number(of_beam) if beam.get(of_beam) is not None or not points else points[-1].number(of_point)
        for of_beam, of_point in (
            ("SpecifiedPrimaryMeterset", "SpecifiedMeterset"),
            ("DeliveredPrimaryMeterset", "DeliveredMeterset"),
        )
    )
    return Delivery(
        plan_uid,
        group,
        int(beam.number("CurrentFractionNumber") or 0),
        date,
        clock,
        int(beam.number("ReferencedBeamNumber") or 0),
        beam.text("TreatmentDeliveryType"),
        specified,
        delivered,
        beam.text("TreatmentTerminationStatus") in ("OPERATOR", "MACHINE"),
    )


@dataclass(frozen=True)
class Session:
    """One fraction that was given, whole or in part.

    Args:
        plan_uid: the plan that was treated.
        group: number of its fraction group, 0 where it is not kept.
        date: on which most of it was given; never stored in a twin.
        clock: share of the day.
        share: of the fraction's dose, by the metersets of its beams.
        days: on how many days it was given.
    """

    plan_uid: str
    group: int
    date: datetime.date
    clock: float
    share: float
    days: int


def sessions(deliveries: Iterable[Delivery], plans: dict[str, Plan]) -> list[Session]:
    """The fractions that beams were recorded for, by time.

    A fraction is what has one number in one fraction group of one plan. Beams that are for setup or imaging, or
    that gave no meterset, are none of it. Beams that were interrupted and finished later, the same day or another,
    make one fraction; where all of its beams are complete and the number comes again, it is the next fraction (some
    systems keep no number, or count from 1 in each course). It stands on the day that gave most of it, with the
    share of the dose that its metersets say.

    Args:
        deliveries: all beams of all records.
        plans: by UID; their beams' doses weigh the beams.
    """
    of: dict[tuple[str, int, int, int], list[Delivery]] = defaultdict(list)
    for d in _once(deliveries):
        day = 0 if d.number else d.date.toordinal()
        of[d.plan_uid, d.group, d.number, day].append(d)
    found = []
    for (uid, group, number, _), parts in of.items():
        for fraction in _fractions(parts, numbered=number > 0):
            session = _session(fraction, plans.get(uid), group)
            if session.share > 0:
                found.append(session)
    return sorted(found, key=lambda s: (s.date, s.clock, s.plan_uid, s.group))


def gives_dose(delivery: Delivery, plan: Plan | None) -> bool:
    """Whether a recorded beam treated the patient: no setup field, no image, no meterset of zero."""
    treated = delivery.kind not in NO_DOSE
    if not delivery.kind and plan is not None and plan.beams and delivery.beam:
        treated = any(delivery.beam in g.beams for g in plan.groups) or not any(g.beams for g in plan.groups)
    return treated and (delivery.delivered is None or delivery.delivered > 0)


def _once(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Deliveries by time, those that two records tell alike once."""
    return sorted(
        set(deliveries), key=lambda d: (d.when, d.beam, d.kind, d.delivered or 0.0, d.specified or 0.0)
    )


def _fractions(parts: list[Delivery], *, numbered: bool) -> list[list[Delivery]]:
    """Parts of one number as the fractions that they make."""
    made: list[list[Delivery]] = []
    for part in parts:
        if made:
            again = [d for d in made[-1] if d.beam == part.beam]
            open_end = any(d.broken_off and d.delivered is None for d in again)
            full = not open_end and sum(_share(d, [*again, part]) for d in [*again, part]) > 1 + _WHOLE
            full = full and bool(again) and part.kind != "CONTINUATION"
            apart = part.when - made[-1][-1].when > _SAME_SESSION_DAYS
            if not (full and apart) and (numbered or not apart):
                made[-1].append(part)
                continue
        made.append([part])
    return made


def _share(part: Delivery, of_beam: list[Delivery]) -> float:
    """What a part gave of its beam: of the largest meterset that any of the beam's parts was to give."""
    specified = max((d.specified or 0.0 for d in of_beam), default=0.0)
    if part.delivered is None or specified <= 0:
        return 1.0
    return part.delivered / specified


def _session(parts: list[Delivery], plan: Plan | None, group: int) -> Session:
    planned = next((g for g in plan.groups if g.number == group), plan.groups[0]) if plan else None
    weights = dict(planned.beams) if planned is not None else {}
    recorded = {d.beam for d in parts}
    if not recorded & set(weights):  # the plan does not number its beams as the record does
        weights = dict.fromkeys(recorded, 1.0)
    elif not any(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    whole = sum(weights.values())
    given: dict[int, float] = defaultdict(float)
    on: dict[tuple[datetime.date, float], float] = defaultdict(float)
    for d in parts:
        of_beam = [p for p in parts if p.beam == d.beam]
        room = max(0.0, 1.0 - given[d.beam])
        share = min(_share(d, of_beam), room)
        given[d.beam] += share
        on[d.date, d.clock] += share * weights.get(d.beam, 0.0)
    share = sum(given[n] * w for n, w in weights.items()) / whole
    by_day: dict[datetime.date, float] = defaultdict(float)
    for (date, _), part in on.items():
        by_day[date] += part
    date = max(by_day, key=lambda day: (by_day[day], -day.toordinal()))
    clock = min(c for d, c in on if d == date)
    days = sum(part > 0 for part in by_day.values())
    return Session(parts[0].plan_uid, group, date, clock, 1.0 if share > 1 - _WHOLE else share, days)
