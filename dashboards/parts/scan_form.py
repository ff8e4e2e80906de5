"""The form of a virtual scan: which scanners can scan what, and a scanner's options as fields."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import dash_mantine_components as dmc

from dashboards.files.model_cards import Card, built_in, learned
from models.hub import CONFIG
from scenarios.records.layer import scan_layer
from simulators.core.imaging import TASKS, ScanTask
from simulators.core.scanner import ScanOptions
from simulators.names.scanners import SCANNERS
from twin import InputError, Scan
from twin.files.json_file import read_json
from twin.volume import Modality

OPTION = "scan-option"  # the fields' ids are {OPTION: NAME}


def scanners_of(modality: Modality) -> list[tuple[str, str]]:
    """The scanners that take a scan: name and words; physical ones take a CT, learned ones what their task reads.

    Args:
        modality: of the scan.
    """
    titles = {card.name: card.title for card in built_in()}
    found = [(name, titles.get(name, name)) for name in SCANNERS] if modality == "CT" else []
    for card in learned():
        weights = card.weights
        if weights is None or weights.task is None or weights.task not in TASKS:
            continue
        task = TASKS[weights.task]
        if isinstance(task, ScanTask) and task.reads == modality:
            found.append((card.name, f"{card.title} ({card.name}, learned)"))
    return found


def hold_reads(scanner: str, scan: Scan) -> None:
    """Refuse a scanner that is none of the form's: a name may also be a path, which pages never follow.

    Args:
        scanner: its name, as the form has it.
        scan: what it is to scan.

    Raises:
        InputError: it does not read the scan.
    """
    if scanner not in dict(scanners_of(scan.volume.modality)):
        raise InputError(f"no scanner {scanner!r} reads {scan.name}")


def scan_label(scan: Scan) -> str:
    """A scan of a patient in words.

    Args:
        scan: the scan.
    """
    kind = scan_layer(scan.volume.modality, scan.volume.unit).label
    return f"{scan.name} ({kind if scan.simulated is None else f'SIMULATED {kind}'}, day {scan.time_days:g})"


def card_of(scanner: str) -> Card | None:
    """The card of a scanner, or None where it has none.

    Args:
        scanner: its name.
    """
    return next((card for card in (*built_in(), *learned()) if card.name == scanner), None)


def guarded(scanner: str | None) -> bool:
    """Whether a scanner can say how far a scan is from what it learned.

    Args:
        scanner: its name.
    """
    card = card_of(scanner or "")
    return (
        card is not None and card.weights is not None and "guard" in read_json(card.weights.folder / CONFIG)
    )


def options_of(scanner: str) -> type[ScanOptions]:
    """What of a scanner can be set; of a learned one nothing, and its network is not read for that.

    Args:
        scanner: its name.
    """
    return SCANNERS[scanner].options if scanner in SCANNERS else ScanOptions


def fields(options: type[ScanOptions]) -> list[Any]:
    """A field for each option, with its value where nothing is said.

    Args:
        options: of the scanner.
    """
    return [
        _field(name, list(_choices(field.annotation)), field.default)
        for name, field in options.model_fields.items()
    ]


def _field(name: str, choices: list[Any], default: Any) -> Any:
    words = name.removesuffix("_mm").removesuffix("_min").removesuffix("_s").replace("_", " ")
    words = {"fwhm": "FWHM", "mas": "mAs"}.get(words, words.capitalize())
    unit = next(
        (f", {unit}" for end, unit in (("_mm", "mm"), ("_min", "min"), ("_s", "s")) if name.endswith(end)), ""
    )
    known: dict[str, Any] = {
        "id": {OPTION: name},
        "label": words + unit,
        "size": "xs",
        "className": "rt-option",
    }
    if not choices:
        return dmc.NumberInput(value=default, placeholder="usual", **known)
    listed = ["on" if c is True else "off" if c is False else str(c) for c in choices]
    value = {True: "on", False: "off", None: None}.get(default, str(default)) if default is not None else None
    return dmc.Select(data=listed, value=value, clearable=default is None, placeholder="usual", **known)


def _choices(annotation: Any) -> tuple[Any, ...]:
    """The values among which an option is chosen; none for a number."""
    if annotation is bool:
        return (True, False)
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    inner = [a for a in get_args(annotation) if a is not NoneType]
    return _choices(inner[0]) if len(inner) == 1 else ()


def given(options: type[ScanOptions], values: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from the usual ones.

    Args:
        options: of the scanner.
        values: of the fields, by name.
    """
    usual = {name: field.default for name, field in options.model_fields.items()}
    said = {n: v for n, v in values.items() if n in usual and v not in (None, "")}
    return {n: v for n, v in said.items() if {"on": True, "off": False}.get(v, v) != usual[n]}
