"""Simulated trials: what a randomised trial of some patients would find, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from scenarios.comparison.intervals import normal_quantile, wilson
from scenarios.study.survival import times
from twin import InputError

_Z = 1.96  # 95 %


def power(
    lives: pl.DataFrame,
    *,
    arms: tuple[str, str],
    sizes: Sequence[int],
    endpoint: str = "overall_survival",
    accrual_days: float = 730.5,
    follow_up_days: float = 1826.25,
    trials: int = 500,
    significance: float = 0.05,
    seed: int = 0,
    pools: int = 40,
) -> pl.DataFrame:
    """How often a randomised trial of two plans finds a difference (two-sided log-rank), by its size.

    Patients are drawn from the study's with replacement and enter evenly over the accrual; each lives the life of
    the arm that chance gives him; all leave observation when the last has been followed for `follow_up_days`. The
    interval is of the power that another study of as many patients would find: it holds the chance of the trials and
    of the study's patients (by bootstrap), and not what the model itself does not know.

    Args:
        lives: a study's `lives`.
        arms: slugs of the two plans, the control first.
        sizes: patients in both arms together.
        endpoint: see `scenarios.study.survival`.
        accrual_days: over which patients enter, days.
        follow_up_days: of the last patient to enter, days.
        trials: how many trials of each size.
        significance: level of the test.
        seed: root of all chance.
        pools: drawn from the study's patients, to see what another study would have found; 0 leaves that out of the
            interval.

    Returns:
        Columns size, power, low, high (95 % interval), favours (share of trials that find the second
        plan better), events (mean number), hazard_ratio (median of the trials, Pike's estimate), trials.

    Raises:
        InputError: an unknown plan or endpoint, or numbers that make no trial.
    """
    _check(lives, arms, sizes, accrual_days, trials, significance)
    days, event = _paired(times(lives, endpoint, accrual_days + follow_up_days), arms)
    rows = []
    for k, size in enumerate(sizes):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(k,)))
        design = _Design(size, accrual_days, follow_up_days, _chi_square(significance))
        rows.append(design.found(days, event, trials, pools, rng))
    return pl.DataFrame(rows)


def sample_size(
    lives: pl.DataFrame,
    *,
    arms: tuple[str, str],
    target: float = 0.8,
    largest: int = 20_000,
    trials: int = 500,
    **design: Any,
) -> pl.DataFrame:
    """The smallest trial that finds a difference as often as is wanted.

    Sizes are doubled until the power is there, and halved between; each is met by other trials, so the size is known to
    some per cent, as the interval of its power says.

    Args:
        lives: a study's `lives`.
        arms: slugs of the two plans, the control first.
        target: wanted power.
        largest: patients in both arms together beyond which none is looked for.
        trials: how many trials of each size.
        design: endpoint, accrual_days, follow_up_days, significance and seed, as for `power`.

    Returns:
        The row of `power` of that size.

    Raises:
        InputError: no trial of that size reaches the power, or numbers that make no trial.
    """
    if not 0 < target < 1:
        raise InputError(f"the wanted power must lie between 0 and 1, not {target:g}")
    _check(lives, arms, (largest,), 0.0, trials, design.get("significance", 0.05))

    def reached(size: int) -> bool:
        found = power(lives, arms=arms, sizes=(size,), trials=trials, pools=0, **design)
        return bool(found["power"][0] >= target)

    low, high = 2, min(50, largest)
    while not reached(high):
        if high >= largest:
            raise InputError(f"no trial of up to {largest} patients has a power of {target:g} for {arms[1]}")
        low, high = high, min(2 * high, largest)
    while high - low > max(2, high // 50):  # to 2 %
        middle = (low + high) // 4 * 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return power(lives, arms=arms, sizes=(high,), trials=trials, **design)


@dataclass(frozen=True)
class _Design:
    """A trial of so many patients in both arms, days of accrual and follow-up, and its critical chi-square."""

    size: int
    accrual: float
    follow_up: float
    critical: float

    def found(
        self, days: np.ndarray, event: np.ndarray, trials: int, pools: int, rng: np.random.Generator
    ) -> dict[str, float]:
        """A row of `power`."""
        statistic, excess, events, ratio = self.trials(days, event, trials, rng)
        significant = statistic > self.critical
        share = float(significant.mean())
        spread = _pool_variance(self, days, event, trials, pools, rng)
        low, high = wilson(share, _worth(share, trials, spread), _Z)
        return {
            "size": self.size,
            "power": share,
            "low": low,
            "high": high,
            "favours": float((significant & (excess < 0)).mean()),
            "events": float(events.mean()),
            "hazard_ratio": float(np.median(ratio)),
            "trials": trials,
        }

    def trials(
        self, days: np.ndarray, event: np.ndarray, n: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, ...]:
        """Statistic, excess of events in the treated, events and hazard ratio of each of n trials."""
        found = [_trial(days, event, self.size, self.accrual, self.follow_up, rng) for _ in range(n)]
        return tuple(np.array(column) for column in zip(*found, strict=True))


def _pool_variance(
    design: _Design, days: np.ndarray, event: np.ndarray, trials: int, pools: int, rng: np.random.Generator
) -> float:
    """Variance of the power between studies of other patients, less that of the trials (a bootstrap of patients)."""
    if pools < 2:
        return 0.0
    each = max(5, trials // 20)
    shares = np.empty(pools)
    for i in range(pools):
        pool = rng.integers(days.shape[1], size=days.shape[1])
        statistic = design.trials(days[:, pool], event[:, pool], each, rng)[0]
        shares[i] = (statistic > design.critical).mean()
    mean = shares.mean()
    return max(0.0, float(shares.var(ddof=1) - mean * (1 - mean) / (each - 1)))


def _worth(share: float, trials: int, spread: float) -> float:
    """How many independent trials of the true power would tell as much."""
    binomial = share * (1 - share)
    return trials if binomial == 0 else binomial / (binomial / trials + spread)


def _paired(whole: pl.DataFrame, arms: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """(2, patients) times and events of the same patients under both plans.

    Raises:
        InputError: the plans hold other patients.
    """
    pair = [whole.filter(pl.col("plan") == arm).sort("patient") for arm in arms]
    if not pair[0]["patient"].equals(pair[1]["patient"]):
        raise InputError(f"the plans {arms[0]} and {arms[1]} do not hold the same patients")
    return np.stack([p["days"].to_numpy() for p in pair]), np.stack([p["event"].to_numpy() for p in pair])


def log_rank_statistic(
    days: np.ndarray, event: np.ndarray, treated: np.ndarray
) -> tuple[float, float, float]:
    """The log-rank chi-square of two groups (Mantel 1966), events beyond expectation in the treated, and Pike's ratio.

    Args:
        days: (n,) times.
        event: (n,) whether the endpoint was reached.
        treated: (n,) whether in the second group.

    Example:
        >>> t, e = np.array([1.0, 2, 3, 4]), np.ones(4, bool)
        >>> [round(x, 3) for x in log_rank_statistic(t, e, np.array([True, False, True, False]))]
        [0.615, 0.667, 2.0]
    """
    order = np.argsort(days, kind="stable")
    at, died, group = days[order], event[order].astype(np.float64), treated[order].astype(np.float64)
    first = np.flatnonzero(np.append(True, np.diff(at) > 0))  # ties are one instant
    deaths, deaths_treated = np.add.reduceat(died, first), np.add.reduceat(died * group, first)
    risk = len(at) - first
    risk_treated = group.sum() - np.append(0.0, np.cumsum(group))[first]
    share = risk_treated / risk
    expected = deaths * share
    variance = deaths * share * (1 - share) * (risk - deaths) / np.maximum(risk - 1, 1)
    excess = float((deaths_treated - expected).sum())
    spread = float(variance.sum())
    e1, o1, total = float(expected.sum()), float(deaths_treated.sum()), float(deaths.sum())
    ratio = (o1 / e1) / ((total - o1) / (total - e1)) if e1 > 0 and total > e1 and total > o1 else np.nan
    return (excess**2 / spread if spread > 0 else 0.0), excess, ratio


def _trial(
    days: np.ndarray, event: np.ndarray, size: int, accrual: float, follow_up: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    chosen = rng.integers(days.shape[1], size=size)
    treated = rng.permutation(size) % 2
    observed = follow_up + accrual * (1.0 - rng.random(size))  # the earlier in, the longer seen
    t = days[treated, chosen]
    seen = event[treated, chosen] & (t <= observed)
    statistic, excess, ratio = log_rank_statistic(np.minimum(t, observed), seen, treated == 1)
    return statistic, excess, float(seen.sum()), ratio


def _chi_square(significance: float) -> float:
    return normal_quantile(1 - significance) ** 2


def _check(
    lives: pl.DataFrame,
    arms: tuple[str, str],
    sizes: Sequence[int],
    accrual: float,
    trials: int,
    significance: float,
) -> None:
    plans = lives["plan"].unique(maintain_order=True).to_list()
    for arm in arms:
        if arm not in plans:
            raise InputError(f"the study has no plan {arm!r}; its plans are {', '.join(plans)}")
    if arms[0] == arms[1]:
        raise InputError(f"a trial needs two different plans, not {arms[0]} twice")
    if not sizes or min(sizes) < 4:
        raise InputError("a trial needs at least 4 patients")
    if accrual < 0 or trials < 1 or not 0 < significance < 1:
        raise InputError(
            "a trial needs an accrual of 0 days or more, a number of trials, and a level between 0 and 1"
        )
