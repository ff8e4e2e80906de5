"""What lies in the opened folder as tables: patients, comparisons, studies and departments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dash import html

from dashboards.faults import words_of
from dashboards.files.entry import Entry
from dashboards.files.library import Library
from dashboards.links import link
from dashboards.names import plan_labels
from dashboards.tables.long import long_table, number, words
from scenarios.records.run import read_record
from twin import PatientTwin

_SEEN = 10  # rows of one table that are seen at once; the others scroll
_ROW_PX, _HEAD_PX = 28, 35
_CHANGED = words(
    "changed", "Changed", minWidth=88, flex=0, width=90, valueFormatter={"function": "rtDate(params.value)"}
)
_SPAN = [
    number("days", "Days", 0, minWidth=64, flex=0.7),
    number("samples", "Samples", 0, minWidth=84, flex=0.7),
]
_OUTSIDE = {"rt-outside-cell": "params.value != 'inside'"}
_WHOLE = {"function": "params.data.open ? 1 : 20"}  # what cannot be read says so in all columns
_CHANGE = words(
    "key", "Entry", cellRenderer="rtChange", sortable=False, minWidth=92, flex=0, width=92, tooltipField="",
    pinned="right",
)  # fmt: skip
_PLANS = words("plans", "Plans", flex=2.4, minWidth=150)


def _name(head: str) -> dict[str, Any]:
    return words("name", head, cellRenderer="rtLink", flex=2, minWidth=130, colSpan=_WHOLE)


@dataclass(frozen=True)
class _Kind:
    """One kind of what a folder holds.

    Args:
        title: its heading.
        name: of its table.
        entries: finds them.
        facts: what the columns say of one; a row without its name, its date and its link.
        columns: the table's.
        page: the address that opens one, and the name of the key in its query.
        empty: what is said where there are none.
    """

    title: str
    name: str
    entries: Callable[[Library], list[Entry]]
    facts: Callable[[Library, Entry], dict[str, Any]]
    columns: list[dict[str, Any]]
    page: tuple[str, str]
    empty: str


def folder_tables(library: Library) -> list[Any]:
    """A section for each kind, and one for what cannot be looked into.

    Args:
        library: the opened folder.
    """
    sections = [
        _section(kind, [_row(library, kind, entry) for entry in kind.entries(library)]) for kind in _KINDS
    ]
    faults = [html.Li(f"{name}: {why}") for name, why in library.faults()]
    damaged = html.Section([html.H2("Cannot be read"), html.Ul(faults, className="rt-list")])
    return [*sections, damaged] if faults else sections


def _section(kind: _Kind, rows: list[dict[str, Any]]) -> Any:
    if not rows:
        return html.Section([html.H2(kind.title), html.P(kind.empty, className="rt-faint")])
    table = long_table(f"list-{kind.name}", kind.title, kind.columns, kind.empty, rows)
    height = f"{_HEAD_PX + _ROW_PX * min(len(rows), _SEEN)}px"
    return html.Section([html.H2(kind.title), html.Div(table, className="rt-card", style={"height": height})])


def _row(library: Library, kind: _Kind, entry: Entry) -> dict[str, Any]:
    always = {"changed": _date(entry.changed), "key": entry.key, "kind": kind.name}
    try:
        page, query = kind.page
        facts = kind.facts(library, entry)
        return {"name": entry.key, "open": link(page, **{query: entry.key}), **always, **facts}
    except Exception as error:  # whatever it is, the others are listed
        return {"name": f"{entry.key} cannot be read: {words_of(error)}", **always}


def _date(seconds: float) -> str:
    """When something was changed; empty where a file claims a year that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return ""


def _twin(library: Library, entry: Entry) -> dict[str, Any]:
    return {**library.noted(entry, _twin_facts), "compare": link("/new", twin=entry.key)}


def _twin_facts(folder: Path) -> dict[str, Any]:
    twin = PatientTwin.load(folder)
    tnm = " ".join(filter(None, (twin.clinical.t_stage, twin.clinical.n_stage, twin.clinical.m_stage)))
    return {
        "who": twin.id,
        "gtv_cm3": twin.gtv_cm3,
        "scans": len(twin.scans),
        "now_days": twin.now_days,
        "histology": twin.clinical.histology,
        "tnm": tnm or None,
        "origin": "in silico" if twin.in_silico else "imported",
    }


def _run(library: Library, entry: Entry) -> dict[str, Any]:
    record = library.record(entry) or read_record(entry.path)  # the second says what is wrong
    outside = any(plan.context for plan in record.plans)
    return {
        "who": record.patient.id,
        "plans": " v ".join(plan.label for plan in record.plans),
        "days": record.days,
        "samples": record.samples,
        "context": "\u26a0 outside" if outside else "inside",
    }


def _study(library: Library, entry: Entry) -> dict[str, Any]:
    study = library.study(entry.key)
    record = study.record
    return {
        "who": record.cohort,
        "plans": " v ".join(plan_labels(study).values()),
        "days": record.days,
        "samples": record.samples,
    }


def _clinic(library: Library, entry: Entry) -> dict[str, Any]:
    run = library.clinic(entry.key).run
    return {"linacs": run.clinic.linacs, "per_year": run.referrals.per_year, "days": run.days}


_KINDS = (
    _Kind(
        "Patients", "twins", Library.twins, _twin,
        [
            _name("Patient"),
            words("who", "Id", minWidth=84),
            number("gtv_cm3", "Tumour, cm\u00b3", minWidth=102),
            number("scans", "Scans", 0, minWidth=56, flex=0.6),
            number("now_days", "Day", 0, minWidth=46, flex=0.6),
            words("histology", "Histology", flex=1.3, minWidth=84),
            words("tnm", "TNM", minWidth=78),
            words("origin", "Origin", minWidth=70),
            _CHANGED,
            words(
                "compare", "Plans", cellRenderer="rtCompare", sortable=False, minWidth=96, flex=0, width=96,
                tooltipField="name",
            ),
            _CHANGE,
        ],
        ("/twin", "twin"), "No patients yet: import one or make one on the right.",
    ),
    _Kind(
        "Comparisons", "runs", Library.runs, _run,
        [
            _name("Comparison"), words("who", "Patient", minWidth=84), _PLANS, *_SPAN,
            words("context", "Context", minWidth=90, cellClassRules=_OUTSIDE), _CHANGED, _CHANGE,
        ],
        ("/compare", "run"), "No comparisons yet: choose Compare beside a patient.",
    ),
    _Kind(
        "Studies", "studies", Library.studies, _study,
        [_name("Study"), words("who", "Cohort", flex=1.8, minWidth=140), _PLANS, *_SPAN, _CHANGED, _CHANGE],
        ("/cohort", "study"), "No studies yet: rt-twin cohort makes one.",
    ),
    _Kind(
        "Departments", "clinics", Library.clinics, _clinic,
        [
            _name("Department"), number("linacs", "Linacs", 0), number("per_year", "Referrals a year", 0),
            number("days", "Days", 0), _CHANGED, _CHANGE,
        ],
        ("/adaptive", "clinic"), "No departments yet: rt-twin clinic makes one.",
    ),
)  # fmt: skip
