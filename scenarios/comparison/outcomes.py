"""What a plan means for the patient: volumes, control, doses to organs and complications, each with uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scenarios.comparison.effect import Effect
from scenarios.comparison.intervals import estimate
from scenarios.engine.course_dose import fractions_of
from scenarios.engine.delivery import Delivery
from scenarios.engine.organ_dose import ORGANS, dose_factors, dose_spread, place_shifts, place_spread_mm
from scenarios.records.run import PlanRecord
from simulators.core.course import Course
from simulators.core.outcome import HOT, HOTTEST, Complication, LifeTimes, OutcomeModel, Treated
from simulators.dose.approximate import SBRT_GY
from simulators.dose.dvh import region
from simulators.dose.organ_points import OrganPoints
from simulators.outcome.central import Centrality, central_risks
from simulators.outcome.complications import coefficient_draws, hurry_draws
from simulators.tumour.radiobiology import LATE_ALPHA_BETA_GY
from twin import Belief, InputError

LANDMARKS = {"3_months": 90.0, "6_months": 180.0, "12_months": 365.0}  # days from day 0
CONTROL_DAYS = 730.5


@dataclass(frozen=True, eq=False)
class PlanOutcomes:
    """What one plan means for the patient.

    Args:
        effects: outcome -> its values, sample by sample.
        local_days: (samples,) day of local failure whatever else happens; infinite where there is none.
        lives: failure and death; None where the clinical record lacks what survival needs.
    """

    effects: Mapping[str, Effect]
    local_days: np.ndarray
    lives: LifeTimes | None


def plan_outcomes(
    model: OutcomeModel,
    delivery: Delivery,
    belief: Belief,
    daily: np.ndarray,
    gtv_cm3: np.ndarray,
    survivors: np.ndarray,
) -> PlanOutcomes:
    """All outcomes of one plan.

    Args:
        model: judges control, organs and survival.
        delivery: how the plan reaches the patient.
        belief: the samples.
        daily: (days,) days from day 0.
        gtv_cm3: (samples, days) tumour volume, cm3.
        survivors: (samples,) clonogens that survive the course; nan where there was none.
    """
    arm = delivery.arm
    courses = [arm.course(s) for s in range(belief.n)]
    treated = Treated(
        delivery.twin, belief.samples, courses, survivors, delivery.seed, arm.relative, arm.bin_fraction
    )
    local_days = model.local_days(treated)
    organs = _organs(delivery, belief.n, model.complications(delivery.twin))
    harm = {name: e.values for name, e in organs.items() if e.status != "unknown"}
    lives, why = None, ""
    try:
        lives = model.lives(treated, harm)
    except InputError as error:
        why = str(error)
    effects = _volumes(treated.end_days, daily, gtv_cm3) | _control(model, treated, local_days)
    effects |= _survival(lives, belief.n, why or model.notes["survival"])
    effects |= {
        name: replace(effects[name], values=values, kind="expected")
        for name, values in model.expected(treated, harm).items()
    }
    return PlanOutcomes(effects | organs | _central(delivery, belief.n), local_days, lives)


def _central(delivery: Delivery, n: int) -> dict[str, Effect]:
    """Toxicity near the central airways of stereotactic plans; unknown where the structures do not tell."""
    largest = max(float(c.dose_gy.max(initial=0.0)) for c in delivery.arm.courses)
    if largest < SBRT_GY:
        return {}
    near = Centrality.of(delivery.twin.contours)
    status = "unknown" if near.kind == "unknown" else "estimated" if near.estimated else "ok"
    note = f"{near.words}; by series of stereotactic treatment, whatever its dose (docs/model.md, 4)"
    risks = central_risks(near.kind, n, delivery.seed)
    return {name: Effect(p, "probability", "expected", status, note) for name, p in risks.items()}


def _volumes(ends: np.ndarray, daily: np.ndarray, gtv_cm3: np.ndarray) -> dict[str, Effect]:
    effects = {}
    if 0 < ends.max() <= daily[-1]:
        at_end = [np.interp(end, daily, curve) for end, curve in zip(ends, gtv_cm3, strict=True)]
        effects["gtv_end_of_treatment"] = Effect(np.array(at_end), "cm3")
    for name, day in LANDMARKS.items():
        if day <= daily[-1]:
            effects[f"gtv_{name}"] = Effect(gtv_cm3[:, np.searchsorted(daily, day)], "cm3")
    return effects


def _control(model: OutcomeModel, treated: Treated, local_days: np.ndarray) -> dict[str, Effect]:
    never = model.control(treated)
    by_two_years = (local_days > CONTROL_DAYS).astype(np.float64)
    return {
        "tumour_control": Effect(never, "probability", "monte-carlo", note=model.notes["control"]),
        "local_control_2y": Effect(
            by_two_years, "probability", "monte-carlo", note=model.notes["local_control"]
        ),
    }


_SURVIVAL = {
    "overall_survival_2y": ("death", 730.5),
    "overall_survival_5y": ("death", 1826.25),
    "progression_free_survival_2y": ("progression", 730.5),
}


def _survival(lives: LifeTimes | None, n: int, note: str) -> dict[str, Effect]:
    """Life from day 0; unknown where the clinical record lacks what it needs."""
    if lives is None:
        return dict.fromkeys(
            _SURVIVAL, Effect(np.full(n, np.nan), "probability", "monte-carlo", "unknown", note)
        )
    happens = {name: getattr(lives, what) > day for name, (what, day) in _SURVIVAL.items()} | {
        f"{place}_failure_{years}y": lives.failed(place, 365.25 * years)
        for place in lives.places
        for years in (2, 5)
    }
    return {
        name: Effect(seen.astype(np.float64), "probability", "monte-carlo", note=note)
        for name, seen in happens.items()
    }


def _organs(delivery: Delivery, n: int, complications: Sequence[Complication]) -> dict[str, Effect]:
    """Organ doses of the whole course with the dose's uncertainty, and the complications that follow from them."""
    twin, arm = delivery.twin, delivery.arm
    first = next((f.grid for f in fractions_of(arm.course(0)) if f.grid is not None), None)
    if first is None:
        return {}
    approximate = "approximate" in arm.methods
    doses: dict[str, Effect] = {}
    harm: dict[str, Effect] = {}
    for organ in ORGANS:
        rows = [c for c in complications if c.organ == organ]
        try:
            estimated = region(twin.contours, organ)[1]
        except InputError as error:
            unknown = Effect(np.full(n, np.nan), "", status="unknown", note=str(error))
            doses |= {name: replace(unknown, unit=unit) for name, unit, _ in _METRICS[organ]}
            harm |= {row.name: replace(unknown, unit="probability", kind="expected") for row in rows}
            continue
        spread = dose_spread(organ, arm.delivered)
        place = place_spread_mm(organ, estimated=estimated)
        points = OrganPoints.even(twin.contours, organ, arm.doses[first].volume)
        chance = organ, twin.id, n, delivery.seed
        held = OrganDose.of(delivery, points, dose_factors(*chance, spread), place_shifts(*chance, place))
        status = "estimated" if estimated else "approximate" if approximate else "ok"
        note = (
            f"SD of the dose {spread:.0%}, of the organ's place {place:g} mm; set-up errors in each fraction"
        )
        if (ratio := delivery.ratio(organ)) != 1.0:
            note += f", the painted dose times {ratio:.2f}, as optimised plans have it"
        if delivery.shrinking is not None:
            note += ", tissue that follows the shrinking tumour"
        for name, unit, threshold_gy in _METRICS[organ]:
            doses[name] = Effect(held.above(threshold_gy), unit, status=status, note=note)
        harm |= {row.name: _complication(row, held, status, delivery) for row in rows}
    return {k: replace(e, dose_method=arm.dose_method) for k, e in (doses | harm).items()}


def _complication(row: Complication, organ: OrganDose, status: str, delivery: Delivery) -> Effect:
    """A complication's probability; unknown where the patient's record lacks what it takes."""
    arm, n = delivery.arm, len(organ.dose_gy)
    words = f"{row.endpoint}, {row.grade}, {row.window}; {row.source}"
    if row.missing:
        nothing = np.full(n, np.nan)
        return Effect(nothing, "probability", "expected", "unknown", note=f"{words}; it needs {row.missing}")
    if max(float(c.dose_gy.max(initial=0.0)) for c in arm.courses) >= SBRT_GY:
        words += "; fitted to conventional fractionation, not to SBRT"
    courses = [arm.course(sample) for sample in range(n)]
    concurrent = delivery.twin.clinical.chemotherapy == "concurrent"
    hurry = hurry_draws(n, delivery.seed)
    metric, reach = organ.metric(row, courses), organ.reach(courses)
    drawn = coefficient_draws(row.name, n, delivery.seed)
    found = row.risk(metric, reach, courses, hurry=hurry, concurrent=concurrent, coefficients=drawn)
    return Effect(found, "probability", "expected", status, words)


# (outcome, unit, threshold in Gy or None for the mean dose)
_METRICS: dict[str, tuple[tuple[str, str, float | None], ...]] = {
    "Lungs-GTV": (
        ("mean_lung_dose", "Gy", None),
        ("lung_v20", "fraction", 20.0),
        ("lung_v5", "fraction", 5.0),
    ),
    "Heart": (("mean_heart_dose", "Gy", None),),
    "Esophagus": (("mean_oesophagus_dose", "Gy", None), ("oesophagus_v60", "fraction", 60.0)),
}


@dataclass(frozen=True, eq=False)
class OrganDose:
    """One organ's doses over whole courses, with their set-up errors, sample by sample.

    Args:
        dose_gy: (samples, parts) physical dose of equal parts of the organ, Gy.
        squared_gy2: (samples, parts) sum of the squares of its fractions, Gy2.
    """

    dose_gy: np.ndarray
    squared_gy2: np.ndarray

    @classmethod
    def of(
        cls, delivery: Delivery, points: OrganPoints, factor: np.ndarray, place_mm: np.ndarray
    ) -> OrganDose:
        """Doses at an organ's points, each sample's moved by (samples, 3) mm and scaled by a factor, (samples,)."""
        n, ratio, lps = len(factor), LATE_ALPHA_BETA_GY, points.lps_mm
        linear = delivery.at(lps, n, place_mm=place_mm, organ=points.name).astype(np.float64)
        eqd2_gy = delivery.at(lps, n, alpha_beta_gy=ratio, place_mm=place_mm, organ=points.name)
        squared = (2 + ratio) * eqd2_gy - ratio * linear
        f = factor[:, None]
        return cls(f * linear, f**2 * squared)

    def above(self, threshold_gy: float | None) -> np.ndarray:
        """(samples,) share of the organ at or above a dose, or its mean dose in Gy for None."""
        return (
            self.dose_gy.mean(axis=1) if threshold_gy is None else (self.dose_gy >= threshold_gy).mean(axis=1)
        )

    def metric(self, row: Complication, courses: Sequence[Course]) -> np.ndarray:
        """(samples,) the number that a complication's probability takes, from EQD2 taken for each fraction."""
        if row.metric == "hot":
            return (self.dose_gy >= HOT * _prescribed(courses)[:, None]).mean(axis=1)
        eqd2_gy = (self.squared_gy2 + row.alpha_beta_gy * self.dose_gy) / (2.0 + row.alpha_beta_gy)
        return (eqd2_gy ** (1 / row.volume_effect)).mean(axis=1) ** row.volume_effect

    def reach(self, courses: Sequence[Course]) -> np.ndarray:
        """(samples,) dose of the organ's hottest part over that prescribed, at most 1."""
        hot = np.quantile(self.dose_gy, 1.0 - HOTTEST, axis=1)
        return np.clip(hot / _prescribed(courses), 0.0, 1.0)


def _prescribed(courses: Sequence[Course]) -> np.ndarray:
    """(courses,) Gy; never nothing."""
    return np.maximum([course.dose_gy.sum() for course in courses], 1e-9)


def outcome_rows(
    records: Sequence[PlanRecord], effects: Mapping[str, Mapping[str, Effect]], level: float
) -> list[dict[str, Any]]:
    """Rows of the `outcomes` table: median and interval of volumes and doses, mean and interval of probabilities."""
    return [
        {
            "plan": record.slug,
            **_row(name, effect, level),
            "status": effect.status,
            "outside": bool(record.context),
            "dose_method": effect.dose_method,
            "note": effect.note,
        }
        for record in records
        for name, effect in effects[record.slug].items()
    ]


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
            difference = Effect(effect.values - other.values, effect.unit, effect.kind)
            method = effect.dose_method
            if method != other.dose_method:
                method = f"{method} - {other.dose_method}"
            pair = {"plan": record.slug, "reference": reference.slug, "dose_method": method}
            rows.append(pair | _row(name, difference, level, paired=True))
    return rows


def _row(name: str, effect: Effect, level: float, paired: bool = False) -> dict[str, Any]:
    """What both tables say of an effect: its median where it is the patient's own, else its mean, and its interval."""
    numbers: dict[str, float | None] = dict.fromkeys(("mean", "low", "high", "error"))
    if effect.status != "unknown" and not np.isnan(effect.values).any():
        found = estimate(effect, level, paired=paired, median=True)
        ends = (found.middle, found.low, found.high, found.error)
        numbers = {k: float(v) for k, v in zip(numbers, ends, strict=True)}
    about = {
        "outcome": name,
        "unit": effect.unit,
        "level": level,
        "n": len(effect.values),
        "kind": effect.kind,
    }
    return about | numbers
