"""Facts for the command line to print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from scenarios.records.run import Comparison
from scenarios.records.schema import SIMULATED
from twin import PatientTwin, Scan

if TYPE_CHECKING:
    from scenarios.validation.checks import Row


def describe(twin: PatientTwin) -> dict[str, Any]:
    """What a twin holds, JSON-able; a missing clinical entry is None."""
    contours = twin.contours
    return {
        "id": twin.id,
        "in_silico": twin.in_silico,
        "gtv_cm3": twin.gtv_cm3,
        "now_days": twin.now_days,
        "day0_weekday": twin.day0_weekday,
        "scans": [_scan_words(s) for s in twin.scans],
        "structures": {
            s.name: {
                "role": s.role,
                "cm3": round(s.cm3, 2),
                "estimated": s.estimated,
                "source": s.source_name,
            }
            for s in contours
        },
        "doses": {
            d.name: {"prescription_gy": d.prescription_gy, "approximate": d.approximate}
            for d in twin.doses.values()
        },
        "fractions": len(twin.fractions),
        "delivered_gy": sum(f.dose_gy for f in twin.fractions),
        "observations": [{"day": o.time_days, "kind": o.kind, "value": o.value} for o in twin.observations],
        "belief": None if twin.belief is None else {"kind": twin.belief.kind, "samples": twin.belief.n},
        "clinical": twin.clinical.model_dump(),
        "notes": list(twin.notes),
    }


def _scan_words(scan: Scan) -> str:
    words = f"{scan.name} ({scan.volume.modality}), day {scan.time_days:g}"
    found = scan.registration
    if found is None:
        return words
    poor = ", POOR: its place is not to be trusted" if found.poor else ""
    return f"{words}, registered (mutual information {found.similarity:.2f} of 1 to 2{poor})"


def print_notes(twin: PatientTwin) -> None:
    """What was left out or assumed, and which registrations are poor, a line each."""
    for note in twin.notes:
        print(f"note: {note}")
    for scan in twin.scans:
        if scan.registration is not None and scan.registration.poor:
            print(f"note: {_scan_words(scan)}")


def print_facts(facts: dict[str, Any]) -> None:
    """Facts for a person: nested ones as indented lines, missing ones said to be missing."""
    for name, value in facts.items():
        if isinstance(value, dict):
            known = {k: v for k, v in value.items() if v is not None}
            print(f"{name}:" if known else f"{name}: none")
            for key, item in known.items():
                print(f"  {key}: {_words(item)}")
            missing = [k for k, v in value.items() if v is None]
            if missing:
                print(f"  missing: {', '.join(missing)}")
        else:
            print(f"{name}: {_words(value)}")


def _words(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items() if v not in (None, False))
    if isinstance(value, list):
        return "; ".join(map(_words, value)) or "none"
    return str(value)


def print_comparison(result: Comparison) -> None:
    """The comparison's table: volumes with their interval, local control and mean lung dose of each plan."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    columns = {
        "gtv_end_of_treatment": "end of RT",
        "gtv_3_months": "3 months",
        "gtv_6_months": "6 months",
        "gtv_12_months": "12 months",
        "local_control_2y": "control 2 y",
        "mean_lung_dose": "mean lung dose, Gy",
    }
    record = result.record
    title = f"{SIMULATED}\ntumour volume, cm3: median [{record.level:.0%} interval, n = {record.samples}]"
    shown = Table(title=title, box=SIMPLE_HEAD)
    shown.add_column("plan")
    for heading in columns.values():
        shown.add_column(heading, justify="right")
    for plan in record.plans:
        rows = result.outcomes.filter(pl.col("plan") == plan.slug)
        cells = [_cell(rows.filter(pl.col("outcome") == name)) for name in columns]
        shown.add_row(plan.label + (" *" if plan.context else ""), *cells)
    console = Console()
    console.width = max(console.width, 130) if not console.is_terminal else console.width
    console.print(shown)
    for plan in record.plans:
        for reason in plan.context:
            console.print(f"* {plan.label} is outside the context of use: {reason}", highlight=False)
    for note in record.notes:
        console.print(note, highlight=False)


def _cell(row: pl.DataFrame) -> str:
    if row.is_empty() or row["mean"][0] is None:
        return "unknown" if not row.is_empty() else "-"
    middle, low, high, unit = (row[c][0] for c in ("mean", "low", "high", "unit"))
    if unit == "probability":
        return f"{middle:.0%} [{low:.0%}, {high:.0%}]"
    return f"{middle:.1f} [{low:.1f}, {high:.1f}]"


def print_validation(rows: Sequence[Row]) -> None:
    """The validation table, and how many of its rows lie inside their interval."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD)
    for heading in ("", "what", "published", "interval", "ours", "held out", "source", "note"):
        shown.add_column(heading, justify="right" if heading in ("published", "interval", "ours") else "left")
    marks = {True: "ok", False: "MISS", None: "-"}
    for row in rows:
        interval = f"{row.low:.4g} to {row.high:.4g}"
        held_out = "yes" if row.held_out else "calibrated"
        numbers = (f"{row.published:.4g}", interval, f"{row.ours:.4g}")
        shown.add_row(marks[row.inside], row.name, *numbers, held_out, row.source, row.note)
    console = Console()
    console.width = max(console.width, 200) if not console.is_terminal else console.width
    console.print(shown)
    for kind in ("exact", "clinical"):
        judged = [row.inside for row in rows if row.kind == kind and row.inside is not None]
        console.print(f"{kind}: {sum(judged)} of {len(judged)} inside", highlight=False)
