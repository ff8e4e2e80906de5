"""How far an outcome may be believed, after ASME V&V 40: what it was fitted to, what it was tested on, how it did.

Nothing is judged by hand: grades follow from the records of calibration and validation by the rule in docs/evidence.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

from scenarios.validation.record import recorded
from scenarios.validation.row import Row
from simulators.calibration.crossvalidation import CrossValidation
from simulators.calibration.evidence import evidence
from simulators.calibration.forecasts import Forecast, Scores
from simulators.calibration.observations import ENDPOINTS

GRADES = ("none", "low", "medium", "high")
_MANY, _SOME = 10, 3  # independent sources
_BETTER = 0.75  # of a null model's error
_MOST, _HALF = 2 / 3, 1 / 3  # of the numbers lie inside their interval
_MONTHS = (12.0, 60.0)
_LASTING = 36.0  # months from which on local control stands for tumour control


@dataclass(frozen=True)
class Credibility:
    """What the records say of one outcome.

    Args:
        outcome: what it is.
        fitted: sources that it was fitted to.
        tested: independent sources that it was tested on.
        numbers, inside: published numbers of these that could be judged, and how many lie inside.
        error, null_error: median over sources of the mean absolute error, points, of the model and of a null model;
            None where there is none.
    """

    outcome: str
    fitted: int
    tested: int
    numbers: int
    inside: int
    error: float | None = None
    null_error: float | None = None

    @property
    def evidence(self) -> int:
        """0 to 3: no independent source, one or two, some, many."""
        return 3 if self.tested >= _MANY else 2 if self.tested >= _SOME else min(1, self.tested)

    @property
    def agreement(self) -> int:
        """0 to 3: few, some or most numbers inside; most, and the error clearly below a null model's."""
        share = self.inside / self.numbers if self.numbers else 0.0
        if share < _MOST:
            return 1 if share >= _HALF else 0
        better = None not in (self.error, self.null_error) and self.error <= _BETTER * self.null_error  # type: ignore[operator]
        return 3 if better else 2

    def grade(self, applicability: int) -> str:
        """The least of evidence, agreement and applicability, in a word.

        Args:
            applicability: 0 to 3, of the plan at hand.
        """
        return GRADES[min(self.evidence, self.agreement, applicability)]

    def words(self) -> str:
        """What was fitted, what was tested, and how it did."""
        fitted = f"fitted to {self.fitted} source{'s' * (self.fitted != 1)}" if self.fitted else "not fitted"
        if not self.numbers:
            return f"{fitted}; no independent number that could be judged"
        unseen = f"{self.tested} that it had not seen"
        said = f"{fitted}; tested on {unseen}: {self.inside} of {self.numbers} numbers inside"
        if self.error is None:
            return said
        null = "" if self.null_error is None else f" (null model {self.null_error:.1f})"
        return f"{said}, median error {self.error:.1f} points{null}"


def credibility(outcome: str, model: str) -> Credibility:
    """What the records say of an outcome under a model.

    Args:
        outcome: its name in the tables.
        model: name of the outcome model; of a volume, that of the tumour model.

    Example:
        >>> credibility("overall_survival_2y", "calibrated").fitted > 10
        True
    """
    of = subject(outcome)
    lived = of in ENDPOINTS
    if model == "calibrated" and lived:
        return _calibrated(outcome, of, _LASTING if outcome == "tumour_control" else _MONTHS[0])
    if model not in ("standard", "calibrated") and (lived or of == "gtv"):
        return Credibility(outcome, 0, 0, 0, 0)  # another package's, of which nothing is recorded
    return _of_rows(outcome, [row for row in recorded() if row.of == of])


def subject(outcome: str) -> str:
    """What an outcome is about, whenever it is looked at.

    Example:
        >>> [subject(o) for o in ("gtv_3_months", "overall_survival_5y", "tumour_control", "lung_v20")]
        ['gtv', 'overall_survival', 'local_control', 'lung_v20']
    """
    if outcome == "tumour_control":
        return "local_control"
    if outcome.startswith("gtv_"):
        return "gtv"
    stem, _, years = outcome.rpartition("_")
    return stem if years in ("2y", "5y") and stem != "cardiac_events" else outcome


def _of_rows(outcome: str, rows: Sequence[Row]) -> Credibility:
    def sources(group: Sequence[Row]) -> Collection[str]:
        return {row.source.split(",")[0] for row in group}

    told = [r for r in rows if r.group == "tested, independent" and r.inside is not None]
    fitted = [row for row in rows if row.group == "fitted"]
    inside = sum(bool(row.inside) for row in told)
    return Credibility(outcome, len(sources(fitted)), len(sources(told)), len(told), inside)


@cache
def _calibrated(outcome: str, endpoint: str, since_months: float) -> Credibility:
    table = evidence()
    found = CrossValidation.load(digest=table.digest)
    chosen = [
        replace(f, votes=True)
        for f in (*found.left_out, *found.tested)
        if f.endpoint == endpoint and since_months <= f.months <= _MONTHS[1] and not _median(f)
    ]
    fitted = {r.trial for r in table.on("fit", "difference").rows if r.endpoint == endpoint}
    if not chosen:
        return Credibility(outcome, len(fitted), 0, 0, 0)
    scores, inside = Scores.of(chosen), sum(f.inside for f in chosen)
    return Credibility(
        outcome, len(fitted), scores.trials, scores.rows, inside, scores.error, scores.null_error
    )


def _median(f: Forecast) -> bool:
    return f.published == 50.0


def applicability(total_gy: float, sbrt: bool, stage: int | None, outside: bool) -> int:
    """0 to 3: how many trial arms of the table had a plan's technique and the patient's stage; at most 1 outside.

    Args:
        total_gy: of the plan; none has no arms.
        sbrt: whether it is stereotactic.
        stage: 0, 1 or 2 for I, II or III, or None.
        outside: whether the plan lies outside the context of use.
    """
    technique = "stereotactic" if sbrt else "conventional"
    arms = {
        (r.trial, r.arm)
        for r in evidence().rows
        if r.technique == technique and (stage is None or (r.stage_1, r.stage_2, r.stage_3)[stage] > 0)
    }
    if not total_gy or not arms:
        return 0
    many = 3 if len(arms) >= _MANY else 2 if len(arms) >= _SOME else 1
    return min(1, many) if outside else many
