"""What a plan means for the patient: volumes, control, doses to organs and complications, each with uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.context import SBRT_FRACTION_GY
from scenarios.render import LATE_ALPHA_BETA_GY, accumulated
from scenarios.results import PlanRecord
from simulators.chance import Key, Purpose, uniforms
from simulators.course import Course
from twin import Belief, DoseGrid, InputError, PatientTwin, Volume

if TYPE_CHECKING:
    from simulators.complications import Complication

LANDMARKS = {"3_months": 90.0, "6_months": 180.0, "12_months": 365.0}  # days from day 0
CONTROL_DAYS = 730.5
# Relative SD of an organ's mean dose in the approximate dose (MODEL.md 5); doubled for an estimated organ.
_DOSE_SD = {"Lungs-GTV": 0.15, "Heart": 0.30, "Esophagus": 0.30}
_QUANTILES = 1000


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
        if day <= daily[-1]:
            effects[f"gtv_{name}"] = Effect(_at(day, daily, gtv_cm3), "cm3")
    effects |= _control(twin, belief, course, survivors)
    return effects | _organs(twin, doses, course, belief.n, seed)


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
    twin: PatientTwin, doses: Mapping[str, DoseGrid], course: Course, n: int, seed: int
) -> dict[str, Effect]:
    """Organ doses of the whole course with the dose's uncertainty, and the complications that follow from them."""
    from scipy.special import ndtri

    dose, eqd2, _ = accumulated(course, doses, len(course))
    if dose is None or eqd2 is None:
        return {}
    approximate = any(doses[g].approximate for g in course.grids if g in doses)
    chance = ndtri(uniforms(Key(seed, twin.id, Purpose.DOSE), np.arange(n), len(_DOSE_SD)))
    metrics: dict[str, Effect] = {}
    complications: dict[str, Effect] = {}
    for (organ, sd), z in zip(_DOSE_SD.items(), chance.T, strict=True):
        try:
            held = _OrganDose.of(dose, eqd2, twin, organ)
        except InputError as error:
            unknown = Effect(np.full(n, np.nan), "", status="unknown", note=str(error))
            metrics |= {name: replace(unknown, unit=unit) for name, unit, _ in _METRICS[organ]}
            complications |= {
                c.name: replace(unknown, unit="probability") for c in _complications(twin) if c.organ == organ
            }
            continue
        spread = (sd if approximate else 0.0) * (2 if held.estimated else 1)
        factor = np.exp(spread * z - spread**2 / 2)
        status = "estimated" if held.estimated else "approximate" if approximate else "ok"
        note = f"relative SD of the dose {spread:.0%}"
        for name, unit, threshold_gy in _METRICS[organ]:
            values = held.mean_gy * factor if threshold_gy is None else held.above(threshold_gy, factor)
            metrics[name] = Effect(values, unit, status=status, note=note)
        for row in _complications(twin):
            if row.organ == organ:
                words = f"{row.endpoint}, {row.grade}, {row.window}; {row.source}"
                if course.dose_gy.max() >= SBRT_FRACTION_GY:
                    words += "; fitted to conventional fractionation, not to SBRT"
                probability = row.probability(held.metric(row, factor))
                complications[row.name] = Effect(probability, "probability", status=status, note=words)
    return metrics | complications


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


def _complications(twin: PatientTwin) -> list[Complication]:
    """The dose-effect relations that hold for this patient; the ones fitted with concurrent drugs need them."""
    from simulators.complications import COMPLICATIONS

    concurrent = twin.clinical.chemotherapy == "concurrent"
    return [c for c in COMPLICATIONS if concurrent or "concurrent" not in c.endpoint]


@dataclass(frozen=True, eq=False)
class _OrganDose:
    """One organ's doses by falling quantile: physical dose and EQD2, Gy."""

    mean_gy: float
    dose_gy: np.ndarray
    eqd2_gy: np.ndarray
    estimated: bool

    @classmethod
    def of(cls, dose: Volume, eqd2: Volume, twin: PatientTwin, organ: str) -> _OrganDose:
        from simulators.dvh import dvh

        physical, late = dvh(dose, twin.contours, organ), dvh(eqd2, twin.contours, organ)
        ranks = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        return cls(
            physical.mean_gy,
            np.interp(ranks, physical.volume_fraction[::-1], physical.dose_gy[::-1]),
            np.interp(ranks, late.volume_fraction[::-1], late.dose_gy[::-1]),
            physical.estimated,
        )

    def above(self, threshold_gy: float, factor: np.ndarray) -> np.ndarray:
        """Share of the organ above a dose when all its doses are scaled by a factor, (n,)."""
        return 1 - np.searchsorted(self.dose_gy[::-1], threshold_gy / factor) / _QUANTILES

    def metric(self, row: Complication, factor: np.ndarray) -> np.ndarray:
        """The number that a complication's probability takes, from EQD2, (n,).

        EQD2 is (sum d^2 + 3 sum d) / 5 over fractions: scaling each fraction scales its two parts by f^2 and f.
        """
        linear = LATE_ALPHA_BETA_GY * self.dose_gy
        squared = (2 + LATE_ALPHA_BETA_GY) * self.eqd2_gy - linear
        f = factor[:, None]
        eqd2 = (f * f * squared + f * linear) / (2 + LATE_ALPHA_BETA_GY)
        if row.metric == "v60":
            return (eqd2 >= 60).mean(axis=1)
        return (eqd2 ** (1 / row.volume_effect)).mean(axis=1) ** row.volume_effect


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
