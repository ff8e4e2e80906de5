"""RTPLAN: what was prescribed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twin.dicom.dates import made
from twin.dicom.instance import Instance
from twin.errors import InputError

_MOST_FRACTIONS = 200
# A plan for a phantom or a machine treats nobody (DICOM PS3.3 C.8.8.9, PlanIntent); one of RESEARCH, as what this
# software exports, has a dose in the patient, but was not delivered unless records say so.
_NO_TREATMENT = ("VERIFICATION", "MACHINE_QA", "SERVICE")
# What delivers no dose to the patient (DICOM PS3.3 C.8.8.14, TreatmentDeliveryType).
NO_DOSE = ("SETUP", "OPEN_PORTFILM", "VERIFICATION", "DRY_RUN", "QA")


@dataclass(frozen=True)
class FractionGroup:
    """Fractions of one kind within a plan.

    Args:
        number: FractionGroupNumber.
        fractions: planned number.
        fraction_gy: dose of one of them to the target, Gy.
        beams: what each treatment beam gives of a fraction, in any unit, by the number of the beam.
    """

    number: int
    fractions: int
    fraction_gy: float
    beams: Mapping[int, float]


@dataclass(frozen=True)
class Plan:
    """What one RTPLAN prescribes.

    Args:
        uid: SOPInstanceUID, by which doses and records refer to it; never stored in a twin.
        prescription_gy: total dose to the target of all fraction groups, Gy.
        stated: the file states it for a target; else it is the beams' doses at their specification points, which
            may lie outside the target.
        groups: at least one.
        beams: number of treatment beams.
        status: ApprovalStatus, empty where it is not kept.
        intent: PlanIntent, empty where it is not kept.
        made: orders plans by the time at which they were made.
        structure_set: UID of the structure set that it was planned on, empty where none is named.
        doses: UIDs of the doses that it names.
        replaces: UIDs of plans that came before it or that it is another choice for.
        targets: number of different doses that it prescribes to targets.
    """

    uid: str
    prescription_gy: float
    stated: bool
    groups: tuple[FractionGroup, ...]
    beams: int
    status: str = ""
    intent: str = ""
    made: tuple[str, ...] = ()
    structure_set: str = ""
    doses: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()
    targets: int = 1

    @property
    def fractions(self) -> int:
        """Planned number of all fraction groups."""
        return sum(group.fractions for group in self.groups)

    @property
    def name(self) -> str:
        """The short form, "60/30"."""
        return f"{self.prescription_gy:g}/{self.fractions}"

    @property
    def needed(self) -> frozenset[int]:
        """Numbers of the beams that give dose."""
        given = {n for g in self.groups for n, share in g.beams.items() if share > 0}
        return frozenset(given or {n for g in self.groups for n in g.beams})

    @property
    def treats(self) -> bool:
        """Whether it is meant for the patient and not for a phantom or a machine."""
        return self.intent not in _NO_TREATMENT


def read_plan(file: Instance) -> Plan:
    """The prescription of an RTPLAN, photon, ion or brachy.

    The dose is the highest TargetPrescriptionDose of a target volume or site, else of a target point, else the
    doses of beams and applicators at their specification points times the fractions. Fraction groups add up; each
    gives its share of the prescription as the doses of its beams say, else as its number of fractions does (DICOM
    PS3.3 C.8.8.10, C.8.8.13).

    Raises:
        InputError: no fractions or no dose can be read.
    """
    try:
        groups = [_group(g) for g in file.items("FractionGroupSequence")]
        groups = [g for g in groups if g.fractions]
        targets_gy = _targets_gy(file)
        target_gy = max(targets_gy, default=0.0)
        delivery = [
            b.text("TreatmentDeliveryType") or "TREATMENT"
            for keyword in ("BeamSequence", "IonBeamSequence")
            for b in file.items(keyword)
        ]
        setup = _setup_beams(file)
        uids = {keyword: _referenced(file, keyword) for keyword in _REFERENCES}
        replaces = frozenset(
            p.text("ReferencedSOPInstanceUID")
            for p in file.items("ReferencedRTPlanSequence")
            if p.text("RTPlanRelationship") in ("PRIOR", "PREDECESSOR", "ALTERNATIVE")
        )
    except InputError:
        raise
    except Exception as error:  # pydicom raises many types on damaged items
        raise InputError(f"{file.file} is a damaged RTPLAN") from error
    total = sum(g.fractions for g in groups)
    if not 1 <= total <= _MOST_FRACTIONS:
        raise InputError(f"{file.file}: an RTPLAN of {total} fractions cannot be read")
    prescription_gy = target_gy or sum(g.fractions * g.fraction_gy for g in groups)
    if not prescription_gy:
        raise InputError(f"{file.file}: the RTPLAN states no prescribed dose")
    if not 0.1 <= prescription_gy <= 300.0:
        raise InputError(f"{file.file}: the RTPLAN prescribes {prescription_gy:g} Gy, which cannot be")
    return Plan(
        file.text("SOPInstanceUID"),
        round(prescription_gy, 3),
        target_gy > 0,
        tuple(_scaled(groups, prescription_gy, setup)),
        sum(kind not in NO_DOSE for kind in delivery),
        file.word("ApprovalStatus"),
        file.word("PlanIntent"),
        made(file, "RTPlanDate"),
        next(iter(uids["ReferencedStructureSetSequence"]), ""),
        uids["ReferencedDoseSequence"],
        replaces,
        max(1, len(targets_gy)),
    )


_SETUPS = "NumberOfBrachyApplicationSetups"
_REFERENCES = ("ReferencedStructureSetSequence", "ReferencedDoseSequence")


def _referenced(file: Instance, keyword: str) -> frozenset[str]:
    return frozenset(item.text("ReferencedSOPInstanceUID") for item in file.items(keyword))


def _targets_gy(file: Instance) -> set[float]:
    """The different doses that are prescribed to target volumes and sites, else to points, Gy."""
    volumes, points = set[float](), set[float]()
    for item in file.items("DoseReferenceSequence"):
        if item.text("DoseReferenceType") == "TARGET":
            point = item.text("DoseReferenceStructureType") in ("POINT", "COORDINATES")
            (points if point else volumes).add(item.number("TargetPrescriptionDose") or 0.0)
    return (volumes - {0.0}) or (points - {0.0})


def _setup_beams(file: Instance) -> frozenset[int]:
    """Numbers of beams that deliver no dose."""
    return frozenset(
        int(b.number("BeamNumber") or 0)
        for keyword in ("BeamSequence", "IonBeamSequence")
        for b in file.items(keyword)
        if b.text("TreatmentDeliveryType") in NO_DOSE
    )


def _group(item: Instance) -> FractionGroup:
    """A fraction group: its beams' doses at their specification points, Gy, and their metersets as their shares.

    A dose at a point may be nothing for a beam that treats; where a meterset is missing the doses are the shares.
    """
    beams = item.items("ReferencedBeamSequence")
    applied = item.items("ReferencedBrachyApplicationSetupSequence") if item.number(_SETUPS) else []
    dose_gy = sum(b.number("BeamDose") or 0.0 for b in beams)
    dose_gy += sum(a.number("BrachyApplicationSetupDose") or 0.0 for a in applied)
    by = "BeamMeterset" if all(b.get("BeamMeterset") is not None for b in beams) else "BeamDose"
    shares: dict[int, float] = {}
    for beam in beams:
        number = int(beam.number("ReferencedBeamNumber") or 0)
        shares[number] = shares.get(number, 0.0) + max(0.0, beam.number(by) or 0.0)
    planned = max(0, int(item.number("NumberOfFractionsPlanned") or 0))
    return FractionGroup(int(item.number("FractionGroupNumber") or 0), planned, dose_gy, shares)


def _scaled(
    groups: list[FractionGroup], prescription_gy: float, setup: frozenset[int]
) -> list[FractionGroup]:
    """The groups with the dose of a fraction in shares of the prescription, and without beams that give none."""
    known = all(g.fraction_gy > 0 for g in groups)
    parts = [g.fraction_gy if known else 1.0 for g in groups]
    whole = sum(part * g.fractions for part, g in zip(parts, groups, strict=True))
    return [
        FractionGroup(
            g.number,
            g.fractions,
            prescription_gy * part / whole,
            {n: gy for n, gy in g.beams.items() if n not in setup},
        )
        for part, g in zip(parts, groups, strict=True)
    ]
