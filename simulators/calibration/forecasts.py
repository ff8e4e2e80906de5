"""Published numbers of trials that were not fitted to, forecast: by the model, and by a null model.

The rule is that of docs/evidence.md; nothing here is tuned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.calibration.evidence import RATIOS, Row
from simulators.calibration.model import Arms
from simulators.calibration.observations import ENDPOINTS, free_share, patients, read_off
from simulators.calibration.posterior import Posterior

ALPHA = 0.2  # intervals are central 80 % ones
_Z80 = 1.281552
_VOTING = ("overall_survival", "local_control", "locoregional_control")
_MONTHS = (12.0, 60.0)
_NEAR = 4.0 / 3.0  # a factor in time within which the null model's rows lie


@dataclass(frozen=True)
class Forecast:
    """One printed share without the event, percent, and what was forecast of it.

    Args:
        trial, arm, endpoint, months: what it is.
        votes: whether it counts (docs/evidence.md).
        published: the printed number.
        ours, low, high: mean and central 80 % predictive interval of the model.
        null, null_low, null_high: the same of the null model.
    """

    trial: str
    arm: str
    endpoint: str
    months: float
    votes: bool
    published: float
    ours: float
    low: float
    high: float
    null: float
    null_low: float
    null_high: float

    @property
    def inside(self) -> bool:
        """Whether the printed number lies in the model's interval."""
        return self.low - 1e-9 <= self.published <= self.high + 1e-9


@dataclass(frozen=True)
class Difference:
    """A randomised difference, points of the share without the event, second arm less first.

    Args:
        trial, arms, endpoint, months: what it is.
        published: of the printed numbers.
        ours, low, high: mean and central 80 % predictive interval.
    """

    trial: str
    arms: str
    endpoint: str
    months: float
    published: float
    ours: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the printed difference lies in the model's interval."""
        return self.low <= self.published <= self.high


def forecasts(
    posterior: Posterior, rows: Sequence[Row], left_in: Sequence[Row], seed: int = 0
) -> list[Forecast]:
    """What a posterior that has not seen some trials says of their numbers.

    Args:
        posterior: fitted without these rows.
        rows: of whole trials.
        left_in: rows that the null model takes its means from.
        seed: of trials' terms and of the arms' binomial error.
    """
    shown = [row for row in rows if row.endpoint not in RATIOS]
    draws = _predictive(posterior, shown, seed)
    found = []
    for row, values in zip(shown, draws, strict=True):
        low, high = np.quantile(values, [ALPHA / 2, 1 - ALPHA / 2])
        null, spread = _null(row, left_in)
        half = _Z80 * spread
        found.append(
            Forecast(
                row.trial, row.arm, row.endpoint, row.months, _votes(row), 100 * free_share(row),
                100 * float(values.mean()), 100 * float(low), 100 * float(high),
                100 * null, 100 * max(0.0, null - half), 100 * min(1.0, null + half),
            )
        )  # fmt: skip
    return found


def differences(posterior: Posterior, rows: Sequence[Row], seed: int = 0) -> list[Difference]:
    """What a posterior that has not seen a randomised trial says of the differences between its arms.

    Args:
        posterior: fitted without these rows.
        rows: of one trial.
        seed: as in `forecasts`.
    """
    shown = [row for row in rows if row.endpoint not in RATIOS]
    draws = _predictive(posterior, shown, seed)
    first = {(row.endpoint, row.months): i for i, row in reversed(list(enumerate(shown)))}
    found = []
    for i, row in enumerate(shown):
        j = first[row.endpoint, row.months]
        if shown[j].arm == row.arm:
            continue
        values = 100 * (draws[i] - draws[j])
        low, high = np.quantile(values, [ALPHA / 2, 1 - ALPHA / 2])
        found.append(
            Difference(
                row.trial, f"{row.arm} less {shown[j].arm}", row.endpoint, row.months,
                100 * (free_share(row) - free_share(shown[j])), float(values.mean()), float(low), float(high),
            )
        )  # fmt: skip
    return found


def _predictive(posterior: Posterior, rows: Sequence[Row], seed: int) -> np.ndarray:
    """(rows, draws) shares without the event, with the terms of new trials and the binomial error of the arm."""
    arms = Arms.of(rows)
    index = np.array([arms.names.index((row.trial, row.arm)) for row in rows])
    endpoint = np.array([ENDPOINTS.index(row.endpoint) for row in rows])
    months = np.array([row.months for row in rows])
    shares = read_off(posterior.predict(arms, seed), index, endpoint, months).T
    n = np.array([max(1, round(patients(row))) for row in rows])[:, None]
    rng = np.random.default_rng([seed, 17])
    return rng.binomial(n, np.clip(shares, 0.0, 1.0)) / n


def _votes(row: Row) -> bool:
    return row.endpoint in _VOTING and _MONTHS[0] <= row.months <= _MONTHS[1] and row.value != 50.0


def _cell(row: Row) -> tuple:
    """Stage, technique, drugs with consolidation, decade: the later ones are dropped first."""
    stage = int(np.argmax([row.stage_1, row.stage_2, row.stage_3]))
    decade = int((row.middle_year or 2005.0) // 10)
    return stage, row.technique, (row.drugs, row.immune), decade


def _null(row: Row, left_in: Iterable[Row]) -> tuple[float, float]:
    """The mean of like rows, and the SD of a new one: between them, and the arm's binomial error."""
    like = [
        r
        for r in left_in
        if r.endpoint == row.endpoint and 1 / _NEAR <= r.months / row.months <= _NEAR and r.value != 50.0
    ]
    like = like or [r for r in left_in if r.endpoint == row.endpoint]
    if not like:
        return 0.5, 0.25
    for known in (4, 3, 2, 1, 0):
        cell = [r for r in like if _cell(r)[:known] == _cell(row)[:known]]
        if cell:
            break
    shares = [free_share(r) for r in cell]
    wide = shares if len(shares) > 2 else [free_share(r) for r in like]
    mean = float(np.mean(shares))
    between = float(np.std(wide, ddof=1)) if len(wide) > 2 else 0.1
    return mean, float(np.sqrt(between**2 + mean * (1 - mean) / row.n))


@dataclass(frozen=True)
class Scores:
    """How forecasts did, one vote a trial.

    Args:
        trials, rows: that voted.
        error, null_error: median over trials of the mean absolute error, points.
        score, null_score: mean over trials of the interval score, points; smaller is better.
        covered: share of rows inside the model's interval, and its 95 % binomial interval.
        null_covered: share inside the null model's.
    """

    trials: int
    rows: int
    error: float
    null_error: float
    score: float
    null_score: float
    covered: tuple[float, float, float]
    null_covered: float

    @classmethod
    def of(cls, found: Sequence[Forecast]) -> Scores:
        """Those of the forecasts that vote.

        Args:
            found: any forecasts, of one trial at least that votes.
        """
        voting = [f for f in found if f.votes]
        of_trials: dict[str, list[Forecast]] = {}
        for f in voting:
            of_trials.setdefault(f.trial, []).append(f)
        each = of_trials.values()
        inside = sum(f.inside for f in voting)
        return cls(
            len(of_trials),
            len(voting),
            float(np.median([np.mean([abs(f.ours - f.published) for f in t]) for t in each])),
            float(np.median([np.mean([abs(f.null - f.published) for f in t]) for t in each])),
            float(np.mean([np.mean([_interval_score(f.published, f.low, f.high) for f in t]) for t in each])),
            float(
                np.mean(
                    [
                        np.mean([_interval_score(f.published, f.null_low, f.null_high) for f in t])
                        for t in each
                    ]
                )
            ),
            share_inside(inside, len(voting)),
            float(np.mean([f.null_low <= f.published <= f.null_high for f in voting])),
        )


def _interval_score(value: float, low: float, high: float) -> float:
    """(u - l) + 2 / alpha ((l - y)+ + (y - u)+) (Gneiting and Raftery 2007)."""
    return (high - low) + 2 / ALPHA * (max(0.0, low - value) + max(0.0, value - high))


def share_inside(k: int, n: int) -> tuple[float, float, float]:
    """A share and its 95 % interval (Clopper and Pearson 1934).

    Args:
        k, n: of n, k are inside.
    """
    from scipy.special import betaincinv  # the quantile of a beta distribution; scipy.stats is slow to load

    low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    high = float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
    return k / n, low, high
