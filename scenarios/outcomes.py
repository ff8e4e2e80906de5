"""What a plan means for the patient: volumes, control, doses to organs and complications, each with uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scenarios.results import PlanRecord
from simulators.chance import Key, Purpose, uniforms
from simulators.course import Course
from twin import Belief, DoseGrid, InputError, PatientTwin

LANDMARKS = {"3_months": 91.3, "6_months": 182.6, "12_months": 365.25}
CONTROL_DAYS = 730.5
# Relative SD of an organ's mean dose in the approximate dose (MODEL.md 5); doubled for an estimated organ.
_DOSE_SD = {"Lungs-GTV": 0.15, "Heart": 0.30, "Esophagus": 0.30}
_MARKS = {"ok": 0, "approximate": 1, "estimated": 2, "unknown": 3}


@dataclass(frozen=True, eq=False)
class Effect:
    """One outcome of one plan.

    Args:
        values: (samples,) float64; nan where it is unknown.
        unit: cm3, Gy, probability or fraction.
        interval: "samples" (spread over samples) or "mean" (Monte Carlo error of a probability).
        status: "ok", "approximate", "estimated" or "unknown".
        note: why, and the source of the model.
    """

    values: np.ndarray
    unit: str
    interval: str = "samples"
    status: str = "ok"
    note: str = ""


def plan_outcomes(
    twin: PatientTwin,
    record: PlanRecord,
    doses: Mapping[str, DoseGrid],
    course: Course,
    belief: Belief,
    daily: np.ndarray,
    gtv_cm3: np.ndarray,
    survivors: np.ndarray,
    seed: int,
) -> dict[str, Effect]:
    """All outcomes of one plan by name, sample by sample.

    Args:
        twin: the patient.
        record: the plan.
        doses: dose grids by name.
        course: what the plan became.
        belief: the samples.
        daily: (days,) days from day 0.
        gtv_cm3: (samples, days) tumour volume, cm3.
        survivors: (samples,) clonogens that survive the course; nan where there was none.
        seed: root of all chance.
    """
    effects = {}
    if record.fractions and course.end_days <= daily[-1]:
        effects["gtv_end_of_treatment"] = Effect(_at(course.end_days, daily, gtv_cm3), "cm3")
    for name, day in LANDMARKS.items():
        if day <= daily[-1] + 1:
            effects[f"gtv_{name}"] = Effect(_at(min(day, daily[-1]), daily, gtv_cm3), "cm3")
    effects |= _control(twin, belief, course, survivors)
    return effects | _organs(twin, record, doses, belief.n, seed)


def _at(day: float, daily: np.ndarray, gtv_cm3: np.ndarray) -> np.ndarray:
    return np.array([np.interp(day, daily, curve) for curve in gtv_cm3])


def _control(twin: PatientTwin, belief: Belief, course: Course, survivors: np.ndarray) -> dict[str, Effect]:
    from simulators.control import local_control

    controlled = local_control(survivors, belief.samples, twin.gtv_cm3, course.end_days, CONTROL_DAYS)
    return {
        "tumour_control": Effect(
            (survivors == 0).astype(np.float64), "probability", "mean", note="no clonogen survives the course"
        ),
        "local_control_2y": Effect(
            controlled.astype(np.float64), "probability", "mean", note="no local failure by day 730"
        ),
    }


def _organs(
    twin: PatientTwin, record: PlanRecord, doses: Mapping[str, DoseGrid], n: int, seed: int
) -> dict[str, Effect]:
    """Organ doses with the uncertainty of the dose, and the complications that follow from them."""
    from scipy.special import ndtri

    from simulators.dvh import dvh

    if record.grid is None:
        return {}
    grid = doses[record.grid]
    chance = ndtri(uniforms(Key(seed, twin.id, Purpose.DOSE), np.arange(n), len(_DOSE_SD)))
    effects: dict[str, Effect] = {}
    for (organ, sd), z in zip(_DOSE_SD.items(), chance.T, strict=True):
        try:
            curve = dvh(grid.volume, twin.contours, organ)
        except InputError as error:
            for name, unit in _METRICS[organ]:
                effects[name] = Effect(np.full(n, np.nan), unit, status="unknown", note=str(error))
            continue
        spread = (sd if grid.approximate else 0.0) * (2 if curve.estimated else 1)
        factor = np.exp(spread * z - spread**2 / 2)
        status = "estimated" if curve.estimated else "approximate" if grid.approximate else "ok"
        note = f"relative SD of the dose {spread:.0%}"
        for name, unit in _METRICS[organ]:
            values = (
                curve.mean_gy * factor if unit == "Gy" else _volume_above(curve, _THRESHOLD_GY[name], factor)
            )
            effects[name] = Effect(values, unit, status=status, note=note)
    return effects | _complications(effects)


_METRICS = {
    "Lungs-GTV": (("mean_lung_dose", "Gy"), ("lung_v20", "fraction"), ("lung_v5", "fraction")),
    "Heart": (("mean_heart_dose", "Gy"),),
    "Esophagus": (("mean_oesophagus_dose", "Gy"), ("oesophagus_v60", "fraction")),
}
_THRESHOLD_GY = {"lung_v20": 20.0, "lung_v5": 5.0, "oesophagus_v60": 60.0}


def _volume_above(curve: Any, threshold_gy: float, factor: np.ndarray) -> np.ndarray:
    """Share of the organ above a threshold when all its doses are scaled by a factor."""
    return np.interp(threshold_gy / factor, curve.dose_gy, curve.volume_fraction)


def outcome_rows(
    records: Sequence[PlanRecord], effects: Mapping[str, Mapping[str, Effect]], level: float
) -> list[dict[str, Any]]:
    """Rows of the `outcomes` table: median and interval of volumes and doses, mean and interval of probabilities."""
    rows = []
    for record in records:
        for name, effect in effects[record.slug].items():
            middle, low, high = _summary(effect, level)
            rows.append(
                {
                    "plan": record.slug,
                    "outcome": name,
                    "unit": effect.unit,
                    "mean": middle,
                    "low": low,
                    "high": high,
                    "level": level,
                    "n": len(effect.values),
                    "interval": effect.interval,
                    "status": effect.status,
                    "outside": bool(record.context),
                    "note": effect.note,
                }
            )
    return rows


def contrasts(
    records: Sequence[PlanRecord], effects: Mapping[str, Mapping[str, Effect]], level: float
) -> list[dict[str, Any]]:
    """Rows of the `contrasts` table: each plan minus the first, sample by sample."""
    rows = []
    reference = records[0]
    for record in records[1:]:
        for name, effect in effects[record.slug].items():
            other = effects[reference.slug].get(name)
            if other is None or "unknown" in (effect.status, other.status):
                continue
            difference = Effect(effect.values - other.values, effect.unit, effect.interval)
            middle, low, high = _summary(difference, level, bounded=False)
            rows.append(
                {
                    "plan": record.slug,
                    "reference": reference.slug,
                    "outcome": name,
                    "unit": effect.unit,
                    "mean": middle,
                    "low": low,
                    "high": high,
                    "level": level,
                    "n": len(effect.values),
                }
            )
    return rows


def _summary(
    effect: Effect, level: float, bounded: bool = True
) -> tuple[float | None, float | None, float | None]:
    """Middle, low and high: the mean with its Monte Carlo interval, or the median with the samples' interval."""
    from scipy.special import ndtri

    values = effect.values
    if effect.status == "unknown" or np.isnan(values).any():
        return None, None, None
    if effect.interval == "mean":
        # The Wilson score interval (Wilson 1927) keeps its width where all samples agree.
        z, n, p = float(ndtri((1 + level) / 2)), len(values), float(values.mean())
        if not bounded:
            error = z * float(values.std()) / np.sqrt(n)
            return p, p - error, p + error
        centre, half = (p + z * z / (2 * n)), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return p, (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    low, middle, high = np.quantile(values, [(1 - level) / 2, 0.5, (1 + level) / 2])
    return float(middle), float(low), float(high)
