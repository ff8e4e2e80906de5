"""The schemas of a clinic run's tables.

Times are days from day 0; a null means that it has not happened.
"""

from __future__ import annotations

import polars as pl

CLINIC_SCHEMAS: dict[str, dict[str, type[pl.DataType]]] = {
    # one row a patient; waited_days from arrival to the first fraction, prolonged_days of the course over its plan;
    # control: chance that no clonogen survives if treated at once as planned, later as planned, and as it went
    "patients": {
        "patient": pl.Int32,
        "scenario": pl.String,
        "priority": pl.Int8,
        "gtv_cm3": pl.Float64,
        "status": pl.String,
        "linac": pl.Int16,
        "arrival_day": pl.Float64,
        "ready_day": pl.Float64,
        "start_day": pl.Float64,
        "end_day": pl.Float64,
        "waited_days": pl.Float64,
        "prolonged_days": pl.Float64,
        "fractions": pl.Int16,
        "delivered": pl.Int16,
        "missed": pl.Int16,
        "pending": pl.Int16,
        "absences": pl.Int16,
        "lost_to_machine": pl.Int16,
        "lost_to_replan": pl.Int16,
        "control_at_once": pl.Float64,
        "control_after_wait": pl.Float64,
        "control_as_it_went": pl.Float64,
    },
    # one row a prescribed fraction: delivered, missed or pending
    "fractions": {
        "patient": pl.Int32,
        "fraction": pl.Int16,
        "status": pl.String,
        "planned_day": pl.Float64,
        "delivered_day": pl.Float64,
        "dose_gy": pl.Float64,
    },
    # one row an appointment; outcome: delivered, patient (absent), machine (down or too late) or replan (held)
    "visits": {
        "patient": pl.Int32,
        "fraction": pl.Int16,
        "linac": pl.Int16,
        "appointment_day": pl.Float64,
        "began_day": pl.Float64,
        "ended_day": pl.Float64,
        "waited_minutes": pl.Float64,
        "overtime_minutes": pl.Float64,
        "outcome": pl.String,
    },
    # one row a piece of work before treatment: scan, contouring, planning, qa
    "jobs": {
        "patient": pl.Int32,
        "step": pl.String,
        "replan": pl.Boolean,
        "asked_day": pl.Float64,
        "began_day": pl.Float64,
        "ended_day": pl.Float64,
        "waited_hours": pl.Float64,
    },
    # one row a new plan during treatment; a plan that is not ready by its due day, or by the last day, is late
    "replans": {
        "patient": pl.Int32,
        "level": pl.String,
        "asked_day": pl.Float64,
        "due_day": pl.Float64,
        "ready_day": pl.Float64,
        "late": pl.Boolean,
    },
    "breakdowns": {"linac": pl.Int16, "began_day": pl.Float64, "ended_day": pl.Float64},
    # one row a linac or a kind of staff; busy within opening hours over open hours is the utilisation
    "resources": {
        "resource": pl.String,
        "units": pl.Int16,
        "open_hours": pl.Float64,
        "busy_hours": pl.Float64,
        "overtime_hours": pl.Float64,
        "down_hours": pl.Float64,
        "utilisation": pl.Float64,
    },
    "summary": {"metric": pl.String, "value": pl.Float64, "unit": pl.String},
}
