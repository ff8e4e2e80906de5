"""Which samples stand for all others in images: the one nearest the median, and what lies low and high."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from scenarios.comparison.forecast import Forecast
from scenarios.records.run import PlanRecord
from scenarios.records.schema import LEVEL, table
from simulators.core.course import Event

_ENDS = ((1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0)
_NAMES = {0.5: "median", _ENDS[0]: "low", _ENDS[1]: "high"}


def representatives(made: Forecast, n: int) -> list[int]:
    """The samples that get images, the same under all plans and on all days.

    The first is the one whose volume lies nearest the median, by the mean distance of its rank from the middle over
    all plans' imaging days; the second and third lie nearest the ends of the interval; further ones between these.

    Args:
        made: the forecast.
        n: how many.
    """
    ranks = _all_ranks(made)
    free, chosen = np.ones(ranks.shape[1], dtype=bool), []
    for target in _targets(n):
        away = np.where(free, np.abs(ranks - target).mean(axis=0), np.inf)
        chosen.append(int(np.argmin(away)))
        free[chosen[-1]] = False
    return chosen


def imaged_table(made: Forecast, records: Sequence[PlanRecord], samples: Sequence[int]) -> pl.DataFrame:
    """The `imaged` table: where the samples with images lie among all of them on each day with images.

    Args:
        made: the forecast.
        records: its plans.
        samples: with images, in the order of `representatives`.
    """
    names = [_NAMES.get(target, "between") for target in _targets(len(samples))]
    rows = []
    for p, record in enumerate(records):
        for sample, name in zip(samples, names, strict=True):
            for day in days_with_images(made, p, sample):
                volumes = volumes_on(made, p, day)
                rows.append(
                    {
                        "plan": record.slug,
                        "sample": sample,
                        "stands_for": name,
                        "day": day,
                        "gtv_cm3": float(volumes[sample]),
                        "percentile": 100.0 * float(ranked(volumes)[sample]),
                        "n": volumes.size,
                    }
                )
    return table("imaged", rows)


def ranked(volumes: np.ndarray) -> np.ndarray:
    """(n,) share of samples that lie below each, those that equal it counted by half, 0 to 1.

    Args:
        volumes: (n,) of all samples.

    Example:
        >>> ranked(np.array([3.0, 1.0, 2.0, 0.0])).tolist()
        [0.875, 0.375, 0.625, 0.125]
        >>> ranked(np.array([0.0, 0.0])).tolist()
        [0.5, 0.5]
    """
    ordered = np.sort(volumes)
    below = np.searchsorted(ordered, volumes, side="left")
    return (below + np.searchsorted(ordered, volumes, side="right")) / (2.0 * volumes.size)


def _targets(n: int) -> list[float]:
    """Where among all samples those with images are to lie."""
    between = np.linspace(*_ENDS, max(n - 1, 2))[1:-1].tolist()
    return [0.5, *_ENDS, *between][:n]


def _all_ranks(made: Forecast) -> np.ndarray:
    """(plans' days, samples) ranks; the middle for all where there is no day with images."""
    found = [
        ranked(volumes_on(made, p, day))
        for p in range(len(made.arms))
        for day in days_with_images(made, p, 0)
    ]
    return np.array(found) if found else np.full((1, made.belief.n), 0.5)


def days_with_images(made: Forecast, plan: int, sample: int) -> list[float]:
    """Days of a sample's images under a plan.

    Args:
        made: the forecast.
        plan: its number.
        sample: of the belief.
    """
    course = made.arms[plan].course(sample)
    return [float(course.time_days[i]) for i in course.of(Event.IMAGING)]


def volumes_on(made: Forecast, plan: int, day: float) -> np.ndarray:
    """(samples,) volumes on a day, cm3, linear between whole days.

    Args:
        made: the forecast.
        plan: its number.
        day: from day 0.
    """
    curves = made.gtv_cm3[plan]
    first = min(int(day), curves.shape[1] - 1)
    return curves[:, first] + (day - first) * (
        curves[:, min(first + 1, curves.shape[1] - 1)] - curves[:, first]
    )
