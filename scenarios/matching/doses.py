"""Doses of organs in patients without images: those of an in-silico patient with a tumour of like size and place.

`data/organ_doses.csv` holds the organ doses of in-silico patients and the method of each (`benchmarks/organ_doses.py`
makes it). A patient known by numbers only is given, in each sample, those of one of the nearest of them, scaled by the
regression of the mean dose on the tumour's volume. Which one it is, and the error of that method, are chance: the
spread between patients of like tumours is part of the uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from scenarios.engine.organ_dose import ORGANS
from simulators.core.course import Course, Event
from simulators.core.outcome import HOT, HOTTEST, Complication, shifted
from simulators.dose.method_error import DoseError, method_error
from simulators.outcome.complications import COMPLICATIONS
from twin.dose import Method

ORGAN_DOSES = Path(__file__).parent / "data" / "organ_doses.csv"
NEIGHBOURS = 4
_STRATUM = 1.0  # another site or nodal state counts as much as a volume e times as large [assumed]
_LOG_FACTOR = np.linspace(-2.5, 2.5, 101)
_ALPHA_PER_GY, _ALPHA_BETA_GY = 0.36, 10.0  # the prior's middle, for the tumour's equivalent uniform dose


@dataclass(frozen=True, eq=False)
class ReferencePatients:
    """In-silico patients whose organ doses others are given, for one technique.

    Args:
        log_gtv: (m,) logarithm of the tumour's volume in cm3.
        central: (m,) whether the tumour is central.
        nodes: (m,) whether nodes are involved.
        parts: organ -> (m, parts) dose of equal parts of it over the prescription, the hottest first.
        methods: by which their doses were calculated.
        integral_cm3: (m,) dose summed over the body, over the prescription.
        slopes: organ, or "integral" -> slope of the logarithm of its mean dose on `log_gtv`.
    """

    log_gtv: np.ndarray
    central: np.ndarray
    nodes: np.ndarray
    parts: Mapping[str, np.ndarray]
    methods: tuple[Method, ...]
    integral_cm3: np.ndarray
    slopes: Mapping[str, float]

    @classmethod
    @cache
    def of(cls, stereotactic: bool) -> ReferencePatients:
        """Those of a technique."""
        import polars as pl

        technique = "stereotactic" if stereotactic else "conventional"
        table = pl.read_csv(ORGAN_DOSES, glob=False).filter(pl.col("technique") == technique).sort("patient")
        lungs = table.filter(pl.col("organ") == "Lungs-GTV")
        columns = [c for c in table.columns if c.startswith("part_")]
        parts = {
            organ: table.filter(pl.col("organ") == organ).select(columns).to_numpy()
            for organ in (*ORGANS, "GTVp")
        }
        log_gtv = np.log(lungs["gtv_cm3"].to_numpy())
        central = (lungs["site"] == "central").to_numpy()
        nodes = lungs["nodes"].cast(pl.String).str.to_lowercase().eq("true").to_numpy()
        integral = lungs["integral_cm3"].to_numpy()
        means = {organ: parts[organ].mean(axis=1) for organ in ORGANS} | {"integral": integral}
        slopes = {name: _slope(log_gtv, central, nodes, mean) for name, mean in means.items()}
        methods = tuple(lungs["method"].unique(maintain_order=True))
        return cls(log_gtv, central, nodes, parts, methods, integral, slopes)

    def nearest(self, gtv_cm3: float, site: str | None, nodes: bool | None) -> np.ndarray:
        """(NEIGHBOURS,) the in-silico patients nearest to a patient; what is unknown does not count.

        Args:
            gtv_cm3: tumour volume, cm3.
            site: central, peripheral, or None where unknown.
            nodes: whether nodes are involved, or None where unknown.
        """
        far = np.abs(np.log(gtv_cm3) - self.log_gtv)
        if site is not None:
            far = far + _STRATUM * (self.central != (site == "central"))
        if nodes is not None:
            far = far + _STRATUM * (self.nodes != nodes)
        return np.argsort(far, kind="stable")[:NEIGHBOURS]

    def error(self, organ: str) -> DoseError:
        """How far an organ's dose may be off, by the method that knows least."""
        sbrt = self is ReferencePatients.of(True)
        return max((method_error(organ, m, sbrt=sbrt) for m in self.methods), key=lambda e: e.sd)

    def tumour_dose(self) -> float:
        """Equivalent uniform dose of the tumour over the prescription (Niemierko 1997), the median of all."""
        prescription_gy, fraction_gy = (54.0, 18.0) if self is ReferencePatients.of(True) else (60.0, 2.0)
        local = self.parts["GTVp"]
        kill = _ALPHA_PER_GY * prescription_gy * local * (1.0 + local * fraction_gy / _ALPHA_BETA_GY)
        least = kill.min(axis=1, keepdims=True)
        effect = (least[:, 0] - np.log(np.exp(least - kill).mean(axis=1))) / _ALPHA_PER_GY / prescription_gy
        c = fraction_gy / _ALPHA_BETA_GY
        return float(np.median((np.sqrt(1.0 + 4.0 * c * effect) - 1.0) / (2.0 * c)))


def _slope(log_gtv: np.ndarray, central: np.ndarray, nodes: np.ndarray, mean: np.ndarray) -> float:
    """Slope on the tumour's volume by least squares, with site and nodes beside it."""
    design = np.stack([np.ones_like(log_gtv), log_gtv, central, nodes], axis=1)
    slope = np.linalg.lstsq(design, np.log(np.maximum(mean, 1e-3)), rcond=None)[0][1]
    return float(np.clip(slope, 0.0, 1.0))  # a dose neither falls with the tumour nor outgrows it


@dataclass(frozen=True, eq=False)
class Matches:
    """Which in-silico patient's organ doses each sample of each patient is given, and by what they are scaled.

    Args:
        reference: (patients, samples) index.
        log_factor: organ, or "integral" -> (patients, samples) logarithm of the factor on its doses.
    """

    reference: np.ndarray
    log_factor: Mapping[str, np.ndarray]
    _places: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(
        cls, references: ReferencePatients, nearest: np.ndarray, log_gtv: np.ndarray, u: np.ndarray
    ) -> Matches:
        """Matches by chance among the nearest.

        Args:
            references: of the plan's technique.
            nearest: (patients, NEIGHBOURS) from `ReferencePatients.nearest`.
            log_gtv: (patients,) logarithm of the volume, cm3.
            u: (patients, samples, 4) uniform numbers: the choice, and one for each organ's dose.
        """
        from scipy.special import ndtri

        choice = (u[..., 0] * nearest.shape[1]).astype(np.intp)
        reference = np.take_along_axis(nearest, choice, axis=1)
        larger = log_gtv[:, None] - references.log_gtv[reference]
        factor = {"integral": references.slopes["integral"] * larger}
        for k, organ in enumerate(ORGANS, start=1):
            error = references.error(organ)
            spread = error.sd * ndtri(u[..., k]) - error.sd**2 / 2
            factor[organ] = references.slopes[organ] * larger + np.log(error.ratio) + spread
        return cls(reference, factor)

    def part(self, patient: int, samples: slice) -> Matches:
        """That of some samples of one patient, (1, samples).

        Args:
            patient: index of the patient.
            samples: which of his samples.
        """
        factors = {name: f[patient : patient + 1, samples] for name, f in self.log_factor.items()}
        return Matches(self.reference[patient : patient + 1, samples], factors)

    def after(self, shrunk: Mapping[str, np.ndarray]) -> Matches:
        """The matches after replans left a part of the doses, (patients, samples) in logarithms."""
        if not shrunk:
            return self
        return Matches(self.reference, {name: f + shrunk[name] for name, f in self.log_factor.items()})

    def look_up(self, organ: str, table: np.ndarray) -> np.ndarray:
        """(patients, samples) entries of an organ's table (m, len(_LOG_FACTOR)), linear in between.

        Args:
            organ: whose factor on the doses counts.
            table: (m, factors) values of each in-silico patient at every factor.
        """
        at, share = self._place(organ)
        flat = table.ravel()
        low, high = flat[at], flat[at + 1]
        return low + share * (high - low)

    def _place(self, organ: str) -> tuple[np.ndarray, np.ndarray]:
        """(patients, samples) flat index in an organ's tables, and the share of the way to the next entry."""
        if organ not in self._places:
            step = _LOG_FACTOR[1] - _LOG_FACTOR[0]
            at = np.clip((self.log_factor[organ] - _LOG_FACTOR[0]) / step, 0.0, len(_LOG_FACTOR) - 1.000001)
            below = at.astype(np.intp)
            self._places[organ] = self.reference * len(_LOG_FACTOR) + below, at - below
        return self._places[organ]


@dataclass(frozen=True, eq=False)
class ComplicationTable:
    """A complication of every reference patient, at every factor on the organ's doses, (m, factors) each.

    Args:
        row: the relation.
        probability: with its coefficients as they were printed.
        metric: the number that the probability takes; None where its coefficients are certain.
        time: SD between trials of what the course's time adds to the log odds; None where that is certain.
    """

    row: Complication
    probability: np.ndarray
    metric: np.ndarray | None
    time: np.ndarray | None

    @classmethod
    def of(cls, row: Complication, course: Course, relative: np.ndarray) -> ComplicationTable:
        """That of a course, with the (m, factors, parts) doses of the organ over the prescription."""
        metric, reach = _metric_and_reach(row, course, relative)
        _, spread = row.by_time(course) if row.by_time is not None else (0.0, 0.0)
        return cls(
            row,
            row.risk(metric, reach, [course]),
            metric if row.unsure is not None else None,
            reach * spread if spread else None,
        )

    def look_up(self, matches: Matches, hurry: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """(patients, samples) probability in draws of what the relation's sources do not know.

        Args:
            matches: of the patients.
            hurry: (samples,) standard normal draws of what the time adds.
            coefficients: (samples, 2) standard normal draws.
        """
        organ, row = self.row.organ, self.row
        found, log_odds = matches.look_up(organ, self.probability), np.zeros(1)
        if self.time is not None:
            log_odds = log_odds + hurry * matches.look_up(organ, self.time)
        if self.metric is not None and row.unsure is not None:
            log_odds = log_odds + row.unsure(matches.look_up(organ, self.metric), coefficients)
        return shifted(found, log_odds) if log_odds.any() else found


@dataclass(frozen=True, eq=False)
class OrganTables:
    """What a course does to the organs of every reference patient, at every factor on its doses.

    Args:
        metrics: outcome -> (organ, unit, (m, factors)).
        complications: outcome -> what it is, with concurrent drugs.
    """

    metrics: Mapping[str, tuple[str, str, np.ndarray]]
    complications: Mapping[str, ComplicationTable]

    @classmethod
    @lru_cache(maxsize=16)
    def of(cls, references: ReferencePatients, course: Course) -> OrganTables:
        """The tables of one course; kept while the same course is asked for."""
        fractions = course.dose_gy[course.of(Event.FRACTION)]
        total = fractions.sum()
        scale = np.exp(_LOG_FACTOR)[:, None]
        metrics: dict[str, tuple[str, str, np.ndarray]] = {}
        complications: dict[str, ComplicationTable] = {}
        for organ, (mean, *volumes) in _METRICS.items():
            relative = references.parts[organ][:, None, :] * scale
            dose = total * relative
            metrics[mean] = (organ, "Gy", dose.mean(axis=-1))
            metrics |= {name: (organ, "fraction", _above(dose, gy)) for name, gy in volumes}
            for row in COMPLICATIONS:
                if row.organ == organ:
                    complications[row.name] = ComplicationTable.of(row, course, relative)
        return cls(metrics, complications)


def complication(
    name: str, course: Course, parts: Mapping[str, np.ndarray], *, concurrent: bool = True
) -> np.ndarray:
    """(...) probability of a complication.

    Args:
        name: of a relation of `COMPLICATIONS`.
        course: what is given.
        parts: organ -> (..., parts) dose of its equal parts over the prescription, the hottest first.
        concurrent: with concurrent drugs.
    """
    row = next(c for c in COMPLICATIONS if c.name == name)
    metric, reach = _metric_and_reach(row, course, parts[row.organ])
    return row.risk(metric, reach, [course], concurrent=concurrent)


def _metric_and_reach(
    row: Complication, course: Course, relative: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What a complication's risk takes, from (..., parts) dose of the organ over the prescription."""
    fractions = course.dose_gy[course.of(Event.FRACTION)]
    squares, ratio = (fractions**2).sum(), row.alpha_beta_gy
    eqd2_gy = (ratio * fractions.sum() * relative + squares * relative**2) / (2.0 + ratio)
    metric = _above(relative, HOT) if row.metric == "hot" else _metric(row, eqd2_gy)
    return metric, np.clip(relative[..., int(HOTTEST * relative.shape[-1])], 0.0, 1.0)


_METRICS: dict[str, tuple] = {
    "Lungs-GTV": ("mean_lung_dose", ("lung_v20", 20.0), ("lung_v5", 5.0)),
    "Heart": ("mean_heart_dose",),
    "Esophagus": ("mean_oesophagus_dose", ("oesophagus_v60", 60.0)),
}


def _above(dose_gy: np.ndarray, threshold_gy: float) -> np.ndarray:
    """Share of the volume above a dose, from parts that fall from the hottest on; linear within a part."""
    parts = dose_gy.shape[-1]
    whole = (dose_gy >= threshold_gy).sum(axis=-1)
    inner = np.clip(whole, 1, parts - 1)[..., None]
    above = np.take_along_axis(dose_gy, inner - 1, axis=-1)[..., 0]
    below = np.take_along_axis(dose_gy, inner, axis=-1)[..., 0]
    part = np.clip((above - threshold_gy) / np.maximum(above - below, 1e-9), 0.0, 1.0)
    return np.where((whole == 0) | (whole == parts), whole, whole - 0.5 + part) / parts


def _metric(row: Complication, eqd2_gy: np.ndarray) -> np.ndarray:
    return (eqd2_gy ** (1.0 / row.volume_effect)).mean(axis=-1) ** row.volume_effect
