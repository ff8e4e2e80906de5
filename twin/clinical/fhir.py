"""A clinical record from a bundle of HL7 FHIR R4 resources, as mCODE profiles them; no name or date is kept."""

from __future__ import annotations

import datetime
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from twin.clinical.codes import (
    AJCC,
    CATEGORIES,
    CHEMOTHERAPY,
    ECOG,
    EDITIONS,
    ICD_10,
    ICD_O,
    ICD_O_MORPHOLOGY,
    INTERSTITIAL_LUNG_DISEASE,
    LUNG_CANCER,
    MCODE,
    MEASURED,
    MORPHOLOGY,
    RADIOTHERAPY_COURSE,
    SCT,
    SMOKING,
    STAGING,
)
from twin.errors import InputError

MAX_RESOURCES = 10_000
_MOST_NAMED = 5
_VALID = ("final", "amended", "corrected")  # Observation.status; others are not, not yet or no longer true
_GIVEN = ("completed", "in-progress")  # Procedure.status
_KINDS = {"clinical": "c", "pathological": "p", "unspecified": ""}
_ROMAN = {"1": "I", "2": "II", "3": "III", "4": "IV"}
_UNITS = {
    "ecog": ("", "1", "{score}"),
    "fev1_percent": ("%",),
    "pack_years": ("", "1", "{pack-years}", "{PackYears}", "a"),
}

Json = dict[str, Any]
Code = tuple[str, str]


def read_bundle(bundle: Json) -> tuple[Json, list[str]]:
    """The entries of a clinical record that a bundle holds, and what of it was not read and why.

    Where there are both, clinical categories are used and not pathological ones; of several observations of a thing
    the latest. Codes that are not known are said and stand for nothing.

    Args:
        bundle: of type Bundle, as JSON gives it.

    Returns:
        Entries by the names of `ClinicalRecord`, and notes, one sentence each, that name nobody.

    Raises:
        InputError: too many resources, or those of several patients.

    Example:
        >>> patient = {"resourceType": "Patient", "id": "x", "gender": "female"}
        >>> read_bundle({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]})
        ({'sex': 'female'}, [])
    """
    reading = _Reading(_resources(bundle))
    reading.read()
    return {k: v for k, v in reading.entries.items() if v is not None}, reading.notes


def _resources(bundle: Json) -> dict[str, list[Json]]:
    """Resources by their type; what is no resource is none."""
    entries = _items(bundle.get("entry"))
    if len(entries) > MAX_RESOURCES:
        raise InputError(f"the bundle holds {len(entries)} resources; at most {MAX_RESOURCES} are read")
    of: dict[str, list[Json]] = defaultdict(list)
    patients = {
        f"Patient/{e['resource'].get('id')}": e.get("fullUrl") for e in entries if _kind(e) == "Patient"
    }
    subjects = set()
    for entry in entries:
        if _kind(entry):
            resource = entry["resource"]
            of[_kind(entry)].append(resource)
            reference = _text(_map(resource.get("subject")), "reference")
            alias = {url: name for name, url in patients.items() if url}
            subjects.add(alias.get(reference, "/".join(reference.split("/")[-2:])))
    if len(patients) > 1 or len(subjects - {""} | set(patients)) > 1:
        raise InputError("the bundle holds resources of several patients; give those of one")
    return of


def _kind(entry: Json) -> str:
    return _text(_map(entry.get("resource")), "resourceType")


class _Reading:
    """One bundle in the course of being read.

    Args:
        of: resources by their type.
    """

    def __init__(self, of: dict[str, list[Json]]) -> None:
        self.of = of
        self.entries: Json = {}
        self.notes: list[str] = []
        self.unknown: Counter[str] = Counter()

    def read(self) -> None:
        """Fill the entries and the notes."""
        self._conditions()
        self._observations()
        self._procedures()
        self._patient()
        if self.unknown:
            named = [f"{count} {words}" for words, count in self.unknown.most_common(_MOST_NAMED)]
            more = len(self.unknown) - len(named)
            self.notes.append(
                "not read of the clinical bundle, as no entry of the record stands for it: "
                + ", ".join(named) + (f" and {more} more kinds" if more > 0 else "")
            )  # fmt: skip

    def _patient(self) -> None:
        for patient in self.of["Patient"]:
            sex = _text(patient, "gender")
            if sex in ("female", "male"):
                self.entries["sex"] = sex
            elif sex:
                self.notes.append(
                    "the bundle's patient is of another or unknown gender; the record's sex stays missing"
                )
            born, day = _date(patient.get("birthDate")), self._day()
            if born and day:
                self.entries["age_years"] = float(
                    day.year - born.year - ((day.month, day.day) < (born.month, born.day))
                )
            elif patient.get("birthDate"):
                self.notes.append(
                    "the bundle has a birth date, but no whole date of it or of a treatment or stage from which an age "
                    "follows"
                )

    def _day(self) -> datetime.date | None:
        """The day at which the age counts: the start of radiotherapy, else of the latest staging."""
        courses = [_period(p)[0] for p in self._given(RADIOTHERAPY_COURSE)]
        staged = [_date(o.get("effectiveDateTime")) for o in self._observed(STAGING)]
        starts, stages = [d for d in courses if d], [d for d in staged if d]
        return min(starts) if starts else max(stages, default=None)

    # Conditions

    def _conditions(self) -> None:
        histologies = set()
        for condition in self.of["Condition"]:
            if {c for _, c in _codes(condition.get("verificationStatus"))} & {"refuted", "entered-in-error"}:
                continue
            codes = _codes(condition.get("code"))
            if any(_is_interstitial(c) for c in codes):
                self.entries["interstitial_lung_disease"] = True
            elif any(_is_lung_cancer(c) for c in codes):
                histologies |= self._histology(condition, codes)
            else:
                self._not_read("Condition", codes)
        if len(histologies) == 1:
            self.entries["histology"] = histologies.pop()
        elif histologies:
            self.notes.append(
                "the bundle's lung cancers are of several histologies; the record's stays missing"
            )
        if self.of["Condition"] and not any(
            _is_lung_cancer(c) for x in self.of["Condition"] for c in _codes(x.get("code"))
        ):
            self.notes.append("no condition of the bundle is a lung cancer by a code that is known")

    def _histology(self, condition: Json, codes: Iterable[Code]) -> set[str]:
        """What the morphology says, else what the disorder's own code says."""
        morphology = list(_extended(condition, "mcode-histology-morphology-behavior"))
        said = [c for m in morphology for c in _codes(m.get("valueCodeableConcept"))]
        found = {
            MORPHOLOGY.get(c) if s == SCT else ICD_O_MORPHOLOGY.get(c) if s in ICD_O else None
            for s, c in said
        }
        found -= {None}
        if said and not found:
            self._not_read("morphology", said)
        if not found:
            found = {LUNG_CANCER.get(c) for s, c in codes if s == SCT} - {None}
        return {f for f in found if f}

    # Observations

    def _observations(self) -> None:
        known = {**STAGING, **MEASURED}
        for observation in self.of["Observation"]:
            codes = _codes(observation.get("code"))
            if not any(c in known for c in codes):
                self._not_read("Observation", codes)
            elif _text(observation, "status") not in _VALID:
                self.notes.append("an observation of the bundle is not final and was not read")
        self._staging()
        for entry in dict.fromkeys(MEASURED.values()):
            seen = self._latest(o for o in self._observed(MEASURED) if entry in _meaning(o, MEASURED))
            if seen is not None:
                self.entries[entry] = self._measured(entry, seen)

    def _staging(self) -> None:
        """The categories of one way of staging, clinical before others, and their edition."""
        of: dict[str, list[Json]] = defaultdict(list)
        for observation in self._observed(STAGING):
            of[_meaning(observation, STAGING)[0][1]].append(observation)
        used = next((kind for kind in ("c", "", "p") if of[kind]), None)
        if used is None:
            return
        unused = [name for name, kind in _KINDS.items() if of[kind] and kind != used]
        if unused:
            name = next(n for n, kind in _KINDS.items() if kind == used)
            self.notes.append(f"the {name} stage of the bundle is used, not the {' or '.join(unused)} one")
        editions = set()
        for entry in ("t_stage", "n_stage", "m_stage", "stage"):
            seen = self._latest(o for o in of[used] if _meaning(o, STAGING)[0][0] == entry)
            if seen is not None:
                self.entries[entry] = self._category(entry, seen)
                editions |= {EDITIONS.get(c) for s, c in _codes(seen.get("method")) if s == SCT}
        if len(editions) == 1:
            self.entries["tnm_edition"] = editions.pop()
        if self.entries.get("tnm_edition") is None:
            self.notes.append(
                "the edition of TNM is not said, not known or not one; --set tnm_edition=8 says it"
            )

    def _category(self, entry: str, observation: Json) -> str | None:
        codes = _codes(observation.get("valueCodeableConcept"))
        letter = "" if entry == "stage" else entry[0].upper()
        for system, code in codes:
            found = CATEGORIES.get(code) if system == SCT else _ajcc(code, letter) if system in AJCC else None
            if (
                found is not None
                and (not letter or found.startswith(letter))
                and (letter or found[0] in "0I")
            ):
                return found
        self._not_read(f"{letter or 'stage'} category" if letter else "stage", codes)
        return None

    def _measured(self, entry: str, observation: Json) -> Any:
        codes = _codes(observation.get("valueCodeableConcept"))
        if entry == "smoking":
            found = next((SMOKING[c] for _, c in codes if c in SMOKING), "unknown")
            if found == "unknown":
                self._not_read("smoking status", codes)
            return None if found == "unknown" else found
        if entry == "ecog" and codes:
            grade = next((ECOG[c] for _, c in codes if c in ECOG), None)
            if grade is None:
                self._not_read("ECOG status", codes)
            return grade
        quantity = _map(observation.get("valueQuantity"))
        value = observation.get("valueInteger", quantity.get("value"))
        unit = _text(quantity, "code") or _text(quantity, "unit")
        if isinstance(value, bool) or not isinstance(value, int | float) or unit not in _UNITS[entry]:
            self.notes.append(f"{entry} of the bundle has no value in a unit that is known")
            return None
        return value

    # Procedures

    def _procedures(self) -> None:
        for procedure in self.of["Procedure"]:
            codes = _codes(procedure.get("code"))
            if not {c for s, c in codes if s == SCT} & {RADIOTHERAPY_COURSE, CHEMOTHERAPY}:
                self._not_read("Procedure", codes)
        courses, drugs = self._given(RADIOTHERAPY_COURSE), self._given(CHEMOTHERAPY)
        self.notes += [words for course in courses if (words := _course_words(course))]
        if not drugs:
            return
        starts_ends = [_period(p) for p in (*courses[:1], *drugs)]
        if len(courses) == 1 and all(d for pair in starts_ends for d in pair):
            (start, end), *given = starts_ends
            overlaps = [a <= end and b >= start for a, b in given]  # type: ignore[operator]
            self.entries["chemotherapy"] = "concurrent" if any(overlaps) else "sequential"
        else:
            self.notes.append(
                "chemotherapy was given, but when it was in relation to one course of radiotherapy is not said; "
                "--set chemotherapy=concurrent or sequential says it"
            )

    # What all share

    def _observed(self, known: dict[Code, Any]) -> list[Json]:
        return [
            o
            for o in self.of["Observation"]
            if _text(o, "status") in _VALID and any(c in known for c in _codes(o.get("code")))
        ]

    def _given(self, code: str) -> list[Json]:
        return [
            p
            for p in self.of["Procedure"]
            if _text(p, "status") in _GIVEN and (SCT, code) in _codes(p.get("code"))
        ]

    @staticmethod
    def _latest(observations: Iterable[Json]) -> Json | None:
        return max(observations, key=lambda o: _text(o, "effectiveDateTime"), default=None)

    def _not_read(self, what: str, codes: Iterable[Code]) -> None:
        """Count what is not known, by its code where that is one and no text."""
        shown = [c for _, c in codes if re.fullmatch(r"(?=.*\d)[A-Z0-9./-]{1,18}", c)]
        self.unknown[f"{what} {shown[0]}" if shown else f"{what} without a known code"] += 1


def _ajcc(code: str, letter: str) -> str | None:
    """A category or stage as AJCC and UICC write them: cT3, 3C; one after treatment (y) or of a recurrence is none."""
    if letter:
        found = re.fullmatch(rf"[cp]?({letter}.+)", code)
        return found[1] if found else None
    arabic = re.fullmatch(r"([1-4])([ABC][123]?)?", code)
    roman = re.fullmatch(r"0|I{1,3}([ABC][123]?)?|IV[AB]?", code)
    return _ROMAN[arabic[1]] + (arabic[2] or "") if arabic else code if roman else None


def _course_words(course: Json) -> str:
    """Dose and fractions of a radiotherapy course, as mCODE says them."""
    said = []
    for volume in _extended(course, "mcode-radiotherapy-dose-delivered-to-volume"):
        parts = {_text(e, "url"): e for e in _items(volume.get("extension"))}
        dose = _map(_map(parts.get("totalDoseDelivered")).get("valueQuantity"))
        fractions = _map(parts.get("fractionsDelivered")).get("valueUnsignedInt")
        per_gy = {"Gy": 1.0, "cGy": 100.0}.get(_text(dose, "code"))
        value = dose.get("value")
        if (
            per_gy
            and isinstance(value, int | float)
            and isinstance(fractions, int)
            and 0 < value / per_gy < 200
        ):
            said.append(f"{value / per_gy:g} Gy in {fractions} fractions")
    return (
        f"the bundle tells of radiotherapy: {', '.join(said)}; what was delivered is read from treatment records"
        if said
        else ""
    )


def _is_lung_cancer(code: Code) -> bool:
    return (code[0] == SCT and code[1] in LUNG_CANCER) or (code[0] in ICD_10 and code[1].startswith("C34"))


def _is_interstitial(code: Code) -> bool:
    return (code[0] == SCT and code[1] in INTERSTITIAL_LUNG_DISEASE) or (
        code[0] in ICD_10 and code[1].startswith("J84")
    )


def _meaning(observation: Json, known: dict[Code, Any]) -> list[Any]:
    return [known[c] for c in _codes(observation.get("code")) if c in known]


def _codes(concept: Any) -> list[Code]:
    """Systems and codes of a CodeableConcept; its texts are not read."""
    codings = _items(_map(concept).get("coding"))
    return [(_text(c, "system"), _text(c, "code")) for c in codings if _text(c, "code")]


def _extended(resource: Json, name: str) -> Iterator[Json]:
    """Extensions of an mCODE name."""
    return (e for e in _items(resource.get("extension")) if _text(e, "url") == MCODE + name)


def _period(procedure: Json) -> tuple[datetime.date | None, datetime.date | None]:
    period = _map(procedure.get("performedPeriod"))
    return _date(period.get("start")), _date(period.get("end"))


def _date(value: Any) -> datetime.date | None:
    """A whole date, of a date or a time; a year or a month alone is none."""
    try:
        return (
            datetime.date.fromisoformat(value[:10]) if isinstance(value, str) and len(value) >= 10 else None
        )
    except ValueError:
        return None


def _map(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Json]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _text(value: Json, key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
