"""Plans held against published constraints, with set-up errors and the dose's own error, as a table of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from scenarios.engine.course_dose import accumulated
from scenarios.engine.delivery import Delivery
from scenarios.engine.organ_dose import dose_factors, dose_spread, place_shifts, place_spread_mm
from scenarios.records.run import PlanRecord
from scenarios.records.schema import LEVEL, table
from simulators.dose.constraints import constraint_sets, coverage_goals, metric
from simulators.dose.dvh import Dvh
from simulators.dose.organ_points import OrganPoints
from simulators.dose.scorecard import Score, scorecard
from twin import StructureSet, Volume

SAMPLES = 200  # at most: the share that passes is then known to 3 or 4 points
_TARGETS = ("GTV", "CTV", "ITV", "PTV")


def scorecard_table(
    records: Sequence[PlanRecord],
    structures: Sequence[StructureSet],
    deliveries: Sequence[Delivery],
    samples: int,
) -> pl.DataFrame:
    """The `scorecard` table: every constraint of every set for every plan with dose.

    Args:
        records: the plans.
        structures: of each plan, with its targets.
        deliveries: how the plans reach the patient.
        samples: of the run.
    """
    rows: list[dict[str, Any]] = []
    for record, drawn, delivery in zip(records, structures, deliveries, strict=True):
        arm = delivery.arm
        dose = accumulated(arm.course(0), arm.doses, len(arm.course(0)))[0]
        if dose is None or record.fractions == 0:
            continue
        approximate = arm.methods != ("planning system",)
        spread = _Spread(delivery, drawn, dose, min(samples, SAMPLES))
        scores = scorecard(
            dose, drawn,
            prescription_gy=record.total_gy, fractions=record.fractions,
            sets=[coverage_goals(), *constraint_sets()], approximate=approximate, factor=spread.ratio,
        )  # fmt: skip
        rows.extend(_row(record, score, spread) for score in scores)
    return table("scorecard", rows)


def _row(record: PlanRecord, score: Score, spread: _Spread) -> dict[str, Any]:
    c = score.constraint
    values = None if score.value is None else spread.values(score, record.total_gy)
    tails = (
        [None, None] if values is None else np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    )
    met = None if values is None else (values >= c.limit if c.at_least else values <= c.limit)
    return {
        "plan": record.slug,
        "set": score.set_name,
        "structure": c.structure,
        "metric": c.metric,
        "goal": c.goal,
        "unit": score.unit,
        "limit": c.limit,
        "value": score.value,
        "low": tails[0],
        "high": tails[1],
        "level": LEVEL,
        "n": spread.n,
        "share_passing": None if met is None else float(met.mean()),
        "verdict": score.verdict,
        "met": score.met,
        "endpoint": c.endpoint,
        "grade": c.grade,
        "rate_percent": c.rate_percent,
        "source": f"{score.source} (quoted from memory)" if c.from_memory else score.source,
        "approximate": score.approximate,
        "dose_method": record.dose_method,
        "outside": bool(record.context),
    }


@dataclass(frozen=True, eq=False)
class _Spread:
    """Doses of one plan at the points of its structures, for every sample of set-up and dose error.

    The dose's error scales an organ's dose, up to the hottest of the plan, and its place is uncertain by millimetres;
    targets are what the dose is normalised to and shaped on, and have neither.
    """

    delivery: Delivery
    structures: StructureSet
    dose: Volume
    n: int
    _known: dict[str, list[Dvh]] = field(default_factory=dict)

    def values(self, score: Score, prescription_gy: float) -> np.ndarray:
        """(n,) values of a score's metric: the planned value, moved by what the points' values move."""
        c = score.constraint
        if c.structure not in self._known:
            self._known[c.structure] = self._histograms(c.structure)
        planned, *drawn = self._known[c.structure]
        base = metric(planned, c.metric, prescription_gy)
        found = np.array([metric(one, c.metric, prescription_gy) for one in drawn])
        assert score.value is not None
        upper = 100.0 if score.unit == "%" else np.inf
        return np.clip(score.value + found - base, 0.0, upper)

    def ratio(self, name: str) -> float:
        """By what the dose of a structure is multiplied."""
        return 1.0 if name.startswith(_TARGETS) else self.delivery.ratio(name)

    def _histograms(self, name: str) -> list[Dvh]:
        """Of the planned dose, and of the dose of each sample."""
        points = OrganPoints.of(self.structures, name, self.dose)
        target, delivery = name.startswith(_TARGETS), self.delivery
        spread, place = 0.0, 0.0
        if not target:
            spread = dose_spread(name, delivery.arm.delivered)
            place = place_spread_mm(name, estimated=points.estimated)
        chance = name, delivery.twin.id, self.n, delivery.seed
        moved = place_shifts(*chance, place)
        organ = None if target else name
        drawn = delivery.at(points.lps_mm, self.n, tumour=target, place_mm=moved, organ=organ)
        factor = dose_factors(*chance, spread)[:, None]
        drawn = np.minimum(drawn * factor, np.maximum(drawn, self.dose.array.max()))
        return [points.dvh(row) for row in (delivery.planned_at(points.lps_mm, organ), *drawn)]
