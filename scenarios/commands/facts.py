"""Facts for the command line to print."""

from __future__ import annotations

import json
from typing import Any

from twin import PatientTwin, Scan
from twin.check import Check


def describe(twin: PatientTwin) -> dict[str, Any]:
    """What a twin holds, JSON-able; a missing clinical entry is None."""
    contours = twin.contours
    return {
        "id": twin.id,
        "in_silico": twin.in_silico,
        "names_kept": twin.names_kept,
        "gtv_cm3": twin.gtv_cm3,
        "now_days": twin.now_days,
        "day0_weekday": twin.day0_weekday,
        "scans": [scan_words(s) for s in twin.scans],
        "structures": {
            s.name: {
                "role": s.role,
                "cm3": round(s.cm3, 2),
                "estimated": s.estimated,
                "source": s.source_name,
            }
            for s in contours
        },
        "carried_over": {
            scan.name: names
            for scan in twin.scans
            for drawn in twin.structures
            if drawn.geometry.same_grid(scan.volume.geometry)
            and (names := [s.name for s in drawn if s.carried_from])
        },
        "doses": {
            d.name: {
                "prescription_gy": d.prescription_gy,
                "fractions": d.fractions,
                "method": d.method,
                "approximate": d.approximate,
            }
            for d in twin.doses.values()
        },
        "reference": twin.reference,
        "fractions": len(twin.fractions),
        "delivered_gy": sum(f.dose_gy for f in twin.fractions),
        "observations": [{"day": o.time_days, "kind": o.kind, "value": o.value} for o in twin.observations],
        "belief": None if twin.belief is None else {"kind": twin.belief.kind, "samples": twin.belief.n},
        "clinical": twin.clinical.model_dump(),
        "notes": list(twin.notes),
        "checks": [_check_words(c) for c in twin.checks],
        "history": [f"{c.kind}: {c.words}" for c in twin.history],
    }


def scan_words(scan: Scan) -> str:
    """A scan, its day, and how it came into the baseline's frame."""
    words = f"{scan.name} ({scan.volume.modality}), day {scan.time_days:g}"
    if scan.simulated is not None:
        return f"{words}, {scan.origin}"
    words += f", {scan.origin}" if scan.changed is not None else ""
    found = scan.registration
    if found is None:
        return words
    poor = ", POOR: its place is not to be trusted" if found.poor else ""
    fit = f"mutual information {found.similarity:.2f} of 1 to 2{poor}"
    fit += "".join(f", {name} {mm:.1f} mm off" for name, mm in found.surface_mm.items())
    if found.jacobian is not None:
        fit += f", tissue at {found.jacobian[0]:.2f} to {found.jacobian[1]:.2f} of its volume"
    return f"{words}, registered ({fit})"


def _check_words(check: Check) -> str:
    return f"{'ok' if check.passed else 'CHECK'}: {check.words}"


def print_notes(twin: PatientTwin) -> None:
    """What was left out or assumed, which registrations are poor, and what is plausible or not, a line each."""
    for note in twin.notes:
        print(f"note: {note}")
    for scan in twin.scans:
        if scan.registration is not None and scan.registration.poor:
            print(f"note: {scan_words(scan)}")
    for check in twin.checks:
        print(_check_words(check))


def print_facts(facts: dict[str, Any], as_json: bool = False) -> None:
    """Facts for a person: nested ones as indented lines, missing ones said to be missing; or all as JSON."""
    if as_json:
        print(json.dumps(facts, indent=1))
        return
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
