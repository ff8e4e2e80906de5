"""RTPLAN: what was prescribed; treatment records: what was given."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from twin.dicom.series import Instance
from twin.errors import InputError

_TREATMENT_CLOCK = 0.375  # 09:00, where the record keeps no time


@dataclass(frozen=True)
class Plan:
    """What one RTPLAN prescribes.

    Args:
        uid: SOPInstanceUID, by which doses and records refer to it; never stored in a twin.
        prescription_gy: total dose to the target, Gy.
        stated: the file states it for a target; else it is the beams' doses at their specification points, which
            may lie outside the target.
        fractions: planned number.
        beams: number of treatment beams.
    """

    uid: str
    prescription_gy: float
    stated: bool
    fractions: int
    beams: int

    @property
    def fraction_gy(self) -> float:
        """Dose of one fraction, Gy."""
        return self.prescription_gy / self.fractions

    @property
    def name(self) -> str:
        """The short form, "60/30"."""
        return f"{self.prescription_gy:g}/{self.fractions}"


def read_plan(file: Instance) -> Plan:
    """The prescription of an RTPLAN.

    The dose is the highest TargetPrescriptionDose of a target volume or site, else of a target point, else the
    beams' doses at their specification points times the fractions (DICOM PS3.3 C.8.8.10, C.8.8.13).

    Raises:
        InputError: no fractions or no dose can be read.
    """
    try:
        groups = list(file.get("FractionGroupSequence", ()))
        fractions = max((int(g.get("NumberOfFractionsPlanned") or 0) for g in groups), default=0)
        target_gy = _target_gy(file)
        prescription_gy = target_gy or sum(_group_gy(g) for g in groups)
        beams = sum(
            str(b.get("TreatmentDeliveryType") or "TREATMENT") == "TREATMENT"
            for b in file.get("BeamSequence", ())
        )
    except InputError:
        raise
    except Exception as error:  # pydicom raises many types on damaged items
        raise InputError(f"{file.file} is a damaged RTPLAN") from error
    if not 1 <= fractions <= 200:
        raise InputError(f"{file.file}: an RTPLAN of {fractions} fractions cannot be read")
    if not 0.1 <= prescription_gy <= 300.0:
        raise InputError(f"{file.file}: the RTPLAN prescribes {prescription_gy:g} Gy, which cannot be")
    return Plan(file.text("SOPInstanceUID"), round(prescription_gy, 3), target_gy > 0, fractions, int(beams))


def _target_gy(file: Instance) -> float:
    volumes, points = [0.0], [0.0]
    for item in file.get("DoseReferenceSequence", ()):
        dose_gy = float(item.get("TargetPrescriptionDose") or 0.0)
        if str(item.get("DoseReferenceType")) == "TARGET":
            point = str(item.get("DoseReferenceStructureType")) in ("POINT", "COORDINATES")
            (points if point else volumes).append(dose_gy)
    return max(volumes) or max(points)


def _group_gy(group: Any) -> float:
    beams = group.get("ReferencedBeamSequence") or ()
    return sum(float(b.get("BeamDose") or 0.0) for b in beams) * int(
        group.get("NumberOfFractionsPlanned") or 0
    )


@dataclass(frozen=True)
class Session:
    """One treatment session of a record.

    Args:
        plan_uid: the plan that was treated.
        date: of the treatment; never stored in a twin.
        clock: share of the day.
        number: CurrentFractionNumber, 0 where it is not kept.
    """

    plan_uid: str
    date: datetime.date
    clock: float
    number: int


def read_record(file: Instance) -> Session:
    """The session of an RT treatment record (DICOM PS3.3 A.29).

    Raises:
        InputError: no date, or no plan is named.
    """
    date = file.date("TreatmentDate")
    plans = file.get("ReferencedRTPlanSequence", ())
    if date is None or not plans:
        raise InputError(f"{file.file}: the treatment record names no date or no plan")
    time = file.text("TreatmentTime")
    clock = _TREATMENT_CLOCK
    if time[:4].isdigit() and len(time) >= 4:
        clock = (int(time[:2]) * 60 + int(time[2:4])) / 1440.0
    try:
        beams = file.get("TreatmentSessionBeamSequence", ())
        number = int(beams[0].get("CurrentFractionNumber") or 0) if beams else 0
        return Session(str(plans[0].get("ReferencedSOPInstanceUID") or ""), date, clock, number)
    except Exception as error:  # pydicom raises many types on damaged items
        raise InputError(f"{file.file} is a damaged treatment record") from error
