"""The tables of a clinic run, from what happened in the department."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from scenarios.clinic.flow import STAFF, Flow
from scenarios.clinic.people import STEPS, Patient
from scenarios.clinic.schema import CLINIC_SCHEMAS


def tables(flow: Flow, warm_up_days: int = 0) -> dict[str, pl.DataFrame]:
    """All tables of a finished flow, with the schemas `CLINIC_SCHEMAS`.

    Args:
        flow: finished.
        warm_up_days: `resources` counts from this day on, `summary` patients who arrived and visits that were due
            from then on.
    """
    frames = {
        "patients": _frame("patients", [_patient(p) for p in flow.patients]),
        "fractions": _frame("fractions", [row for p in flow.patients for row in _fractions(p)]),
        "visits": _visits(flow),
        "jobs": _jobs(flow),
        "replans": _replans(flow),
        "breakdowns": _frame("breakdowns", flow.breakdowns),
    }
    frames["resources"] = _resources(flow, frames, warm_up_days)
    frames["summary"] = _summary(_after(frames, warm_up_days))
    return frames


def _after(frames: dict[str, pl.DataFrame], day: int) -> dict[str, pl.DataFrame]:
    """The tables without what lay before a day."""
    begins = {"patients": "arrival_day", "visits": "appointment_day", "replans": "asked_day"}
    return frames | {name: frames[name].filter(pl.col(column) >= day) for name, column in begins.items()}


def _frame(name: str, rows: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CLINIC_SCHEMAS[name], orient="row")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _patient(p: Patient) -> tuple:
    delivered, missed = len(p.delivered), _missed(p)
    start = p.delivered[0][1] if p.delivered else None
    last = p.delivered[-1][1] if p.delivered else None
    whole = p.status == "finished" and delivered > 0
    prolonged = (
        int(last) - int(start) - (p.planned[-1].day - p.planned[0].day)
        if whole and last is not None and start is not None
        else None
    )
    return (
        p.number,
        p.what.scenario.label,
        p.what.priority,
        p.gtv_cm3,
        p.status,
        p.linac if p.linac >= 0 else None,
        p.arrival,
        _known(p.ready),
        start,
        _known(p.last_end) if p.over else None,
        None if start is None else start - p.arrival,
        prolonged,
        p.fractions,
        delivered,
        missed,
        p.fractions - delivered - missed,
        p.reasons["patient"],
        p.reasons["machine"],
        p.reasons["replan"],
        *(_known(value) for value in p.control),
    )


def _missed(p: Patient) -> int:
    """Fractions that will never be given: all that is left when it is over, and what the scenario leaves out."""
    if p.over:
        return p.fractions - len(p.delivered)
    return p.fractions - len(p.planned) if p.planned else 0


def _fractions(p: Patient) -> list[tuple]:
    planned = {v.number: v for v in p.planned}
    given = {number: (time, dose) for number, time, dose in p.delivered}
    rows: list[tuple] = []
    for number in range(1, p.fractions + 1):
        slot = planned.get(number)
        when = None if slot is None else slot.time_days
        if number in given:
            rows.append((p.number, number, "delivered", when, *given[number]))
        else:
            missed = p.over or (bool(planned) and slot is None)
            dose = None if slot is None else slot.dose_gy
            rows.append((p.number, number, "missed" if missed else "pending", when, None, dose))
    return rows


def _visits(flow: Flow) -> pl.DataFrame:
    names = ("patient", "fraction", "linac", "appointment_day", "began_day", "ended_day", "outcome")
    schema = CLINIC_SCHEMAS["visits"]
    frame = pl.DataFrame(flow.attempts, schema={n: schema[n] for n in names}, orient="row")
    frame = frame.with_columns(pl.col("began_day", "ended_day").fill_nan(None))
    # Outside hours is what lies before opening, after closing, or on a day when nobody works.
    began, ended = pl.col("began_day"), pl.col("ended_day")
    day = began.floor()
    opens, closes = day + flow.open.opens, day + flow.open.closes
    inside = (pl.min_horizontal(ended, closes) - pl.max_horizontal(began, opens)).clip(lower_bound=0)
    working = pl.Series([d for d in range(flow.days + 1) if flow.open.works(d)], dtype=pl.Float64)
    inside = pl.when(day.is_in(working.implode())).then(inside).otherwise(0.0)
    frame = frame.with_columns(
        waited_minutes=((began - pl.col("appointment_day")) * 1440).clip(lower_bound=0),
        overtime_minutes=((ended - began - inside) * 1440).clip(lower_bound=0),
    )
    return frame.select(list(schema)).cast(schema)  # type: ignore[arg-type]


def _jobs(flow: Flow) -> pl.DataFrame:
    rows = [
        (who, step, replan, asked, began, ended, flow.office.between(asked, began) * 24)
        for who, step, replan, asked, began, ended in flow.jobs
    ]
    return _frame("jobs", rows)


def _replans(flow: Flow) -> pl.DataFrame:
    rows = []
    for r in flow.replans:
        late = r.ready > r.due if not math.isnan(r.ready) else flow.days > r.due
        rows.append((r.patient, r.level, r.asked, r.due, _known(r.ready), late))
    return _frame("replans", rows)


def _resources(flow: Flow, frames: dict[str, pl.DataFrame], after: int) -> pl.DataFrame:
    rows = []
    open_h = 24 * flow.open.between(after, flow.days)
    used = (
        frames["visits"]
        .filter((pl.col("outcome") == "delivered") & (pl.col("began_day") >= after))
        .group_by("linac")
        .agg(
            hours=((pl.col("ended_day") - pl.col("began_day")) * 24).sum(),
            over=pl.col("overtime_minutes").sum() / 60,
        )
    )
    hours = {k: (busy - over, over) for k, busy, over in used.iter_rows()}
    down = [0.0] * flow.clinic.linacs
    for k, began, ended in flow.breakdowns:
        down[k] += 24 * flow.open.between(max(began, after), min(ended, flow.days))
    for k in range(flow.clinic.linacs):
        busy, over = hours.get(k, (0.0, 0.0))
        rows.append((f"linac {k}", 1, open_h, busy, over, down[k], busy / open_h if open_h else 0.0))
    for step, name in zip(STEPS, STAFF, strict=True):
        units = getattr(flow.clinic, name)
        room = 24 * flow.office.between(after, flow.days) * units
        busy = sum(
            24 * flow.office.between(max(began, after), min(ended, flow.days))
            for _, what, _, _, began, ended in flow.jobs
            if what == step
        )
        rows.append((name, units, room, busy, 0.0, 0.0, busy / room if room else 0.0))
    return _frame("resources", rows)


def _summary(frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
    patients, visits, resources = frames["patients"], frames["visits"], frames["resources"]
    linacs = resources.filter(pl.col("resource").str.starts_with("linac"))
    priced = patients.filter(pl.col("control_as_it_went").is_not_null())
    waits = patients["waited_days"].drop_nulls()
    on_linac = visits["waited_minutes"].drop_nulls()

    def mean(series: pl.Series) -> float | None:
        return float(np.mean(series.to_numpy())) if len(series) else None

    cost_wait = mean(priced["control_at_once"] - priced["control_after_wait"])
    lost = priced.with_columns(lost=pl.col("control_after_wait") - pl.col("control_as_it_went"))
    finished = lost.filter(pl.col("status") == "finished")
    rows: list[tuple[str, Any, str]] = [
        ("patients", patients.height, ""),
        ("patients finished", (patients["status"] == "finished").sum(), ""),
        ("patients stopped", (patients["status"] == "stopped").sum(), ""),
        ("waiting for treatment, median", waits.median(), "days"),
        ("waiting for treatment, 90th percentile", waits.quantile(0.9), "days"),
        ("waiting at the linac, mean", mean(on_linac), "minutes"),
        ("linac utilisation", mean(linacs["utilisation"]), "fraction"),
        ("linac overtime", linacs["overtime_hours"].sum(), "hours"),
        ("linac downtime", mean(linacs["down_hours"] / linacs["open_hours"]), "fraction"),
        ("fractions delivered", patients["delivered"].sum(), ""),
        ("fractions missed", patients["missed"].sum(), ""),
        ("fractions pending", patients["pending"].sum(), ""),
        ("visits lost to absence", patients["absences"].sum(), ""),
        ("visits lost to the machine", patients["lost_to_machine"].sum(), ""),
        ("visits lost to replans", patients["lost_to_replan"].sum(), ""),
        ("replans", frames["replans"].height, ""),
        ("replans late", frames["replans"]["late"].sum(), ""),
        ("prolongation of a finished course, mean", mean(patients["prolonged_days"].drop_nulls()), "days"),
        ("tumour control lost to waiting", cost_wait, "probability"),
        ("tumour control lost to delays and misses", mean(lost["lost"]), "probability"),
        ("tumour control lost to them in finished courses", mean(finished["lost"]), "probability"),
    ]
    return _frame("summary", [(name, None if v is None else float(v), unit) for name, v, unit in rows])
