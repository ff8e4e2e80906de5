"""Clinical records from JSON and CSV files, and from FHIR bundles."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from twin.clinical import ClinicalRecord
from twin.clinical.fhir import read_bundle
from twin.errors import InputError
from twin.nomenclature.labels import is_plain, shown_path

_MISSING = ("", "na", "n/a", "nan", "none", "null", "unknown", "?")
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_AGES_APART = 3.0  # years between images and record that are no sign of another patient
_FLAGS = ("interstitial_lung_disease", "comorbidity")
_MAX_BYTES = 1 << 24


def read_clinical(path: str | os.PathLike[str], notes: list[str] | None = None) -> ClinicalRecord:
    """A clinical record from JSON (an object, or a bundle of FHIR R4) or CSV (a header of field names, one row).

    What is not named, empty, or said to be unknown is missing.

    Args:
        path: the file; CSV where its name ends so.
        notes: takes what of a bundle was not read and why, one sentence each.

    Raises:
        InputError: no such file, not readable, an unknown field, an impossible or contradictory entry, or a bundle of
            several patients.
    """
    path = Path(path)
    said = shown_path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{said} is too large for a clinical record")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{said} is not a text file in UTF-8") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    entries = _row(said, text) if path.suffix.lower() == ".csv" else _object(said, text)
    if entries.get("resourceType") == "Bundle":
        try:
            entries, unread = read_bundle(entries)
        except InputError as error:
            raise InputError(f"{said}: {error}") from None
        if notes is not None:
            notes += unread
    elif "resourceType" in entries:
        raise InputError(f"{said} is one FHIR resource; give a Bundle of Patient, Condition and Observation")
    return _checked(said, entries)


def merged(first: ClinicalRecord, second: ClinicalRecord) -> ClinicalRecord:
    """The second record, with what it misses taken from the first.

    Raises:
        InputError: together they contradict each other.
    """
    known = {k: v for k, v in second.model_dump().items() if v is not None}
    return _checked("the record together with what was known before", {**first.model_dump(), **known})


def doubts(images: ClinicalRecord, given: ClinicalRecord) -> list[str]:
    """In what a clinical record contradicts what images say of the patient, one sentence each.

    Args:
        images: age and sex as the images have them.
        given: the record.
    """
    found = []
    if images.sex and given.sex and images.sex != given.sex:
        found.append(
            f"the clinical record says {given.sex}, the images {images.sex}: are they of one patient?"
        )
    ages = images.age_years, given.age_years
    if None not in ages and abs(ages[0] - ages[1]) > _AGES_APART:  # type: ignore[operator]
        found.append(
            f"the clinical record says {ages[1]:g} years, the images {ages[0]:g}: are they of one patient?"
        )
    return found


def edited(record: ClinicalRecord, entries: Sequence[str]) -> ClinicalRecord:
    """A clinical record with some entries replaced.

    Args:
        record: the record; not changed.
        entries: NAME=VALUE each; an empty value makes the entry missing, and a unit in a name may be left out.

    Raises:
        InputError: no such entry, or an impossible or contradictory value.

    Example:
        >>> after = edited(ClinicalRecord(age_years=67, ecog=1), ["age=71", "ecog="])
        >>> after.age_years, after.ecog
        (71.0, None)
    """
    known = record.model_dump()
    for entry in entries:
        given, equals, value = entry.partition("=")
        names = [n for n in known if n == given.strip()] or [
            n for n in known if n.removesuffix("_years").removesuffix("_percent") == given.strip()
        ]
        if not names or not equals:
            raise InputError(f"{entry!r} is not NAME=VALUE of a clinical record; it has: {', '.join(known)}")
        known[names[0]] = _value(names[0], value.strip())
    return _checked("--set", known)


def _object(said: str, text: str) -> dict[str, Any]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is no JSONDecodeError
        raise InputError(f"{said} is not valid JSON") from error
    if not isinstance(entries, dict):
        raise InputError(f"{said} is not a JSON object of clinical entries")
    return entries


def _row(said: str, text: str) -> dict[str, Any]:
    try:
        rows = [row for row in csv.DictReader(text.splitlines()) if any(row.values())]
    except csv.Error as error:
        raise InputError(f"{said} is not valid CSV: {error}") from error
    if len(rows) != 1:
        raise InputError(
            f"{said} has {len(rows)} rows; a patient's clinical record is one row under its header"
        )
    entries: dict[str, Any] = {}
    for name, value in rows[0].items():
        if name is None or value is None:
            raise InputError(f"{said}: the row and the header differ in length")
        entries[name.strip()] = _value(name.strip(), value.strip() if isinstance(value, str) else value)
    return entries


def _value(name: str, text: str) -> Any:
    known = text.lower()
    # "none" is an answer for chemotherapy, "no drug", and missing for all else
    if known in _MISSING and not (name == "chemotherapy" and known == "none"):
        return None
    if name in _FLAGS and known in (*_YES, *_NO):
        return known in _YES
    return text


def _checked(said: str, entries: dict[str, Any]) -> ClinicalRecord:
    try:
        return ClinicalRecord.model_validate(entries)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        known = ", ".join(ClinicalRecord.model_fields)
        if first["type"] == "extra_forbidden":  # without a header the first patient's name would stand there
            where = repr(where) if is_plain(where) else "one of its names"
            raise InputError(f"{said}: {where} is no entry of a clinical record; it has: {known}") from error
        why = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{said}: {where + ': ' if where else ''}{why}") from error
