"""What the table's rows say, as terms of a likelihood: shares one after the other, and ratios between arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from simulators.calibration.evidence import RATIOS, Row
from simulators.calibration.model import MONTHS, Arms

ENDPOINTS = (
    "overall_survival", "progression_free_survival", "local_control", "locoregional_control", "local_failure",
    "distant_failure",
)  # fmt: skip
_CURVE = {"hazard_ratio_local": "local_control", "hazard_ratio_death": "overall_survival"}
_Z95 = 1.959964


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares without the event, each given the one before it in the same arm (as Kaplan and Meier multiply).

    Args:
        rows: (o,) numbers of the rows.
        arm, endpoint: (o,) indices.
        months, before: (o,) when, and when the share before was seen, 0 for none.
        n: (o,) patients at risk; fewer than the arm's where the printed interval says so.
        kept: (o,) share of them without the event.
    """

    rows: np.ndarray
    arm: np.ndarray
    endpoint: np.ndarray
    months: np.ndarray
    before: np.ndarray
    n: np.ndarray
    kept: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Row], arms: Arms) -> Shares:
        """Those of a table's rows."""
        curves: dict[tuple, list[tuple[int, Row]]] = {}
        for i, row in enumerate(rows):
            if row.endpoint not in RATIOS:
                curves.setdefault((row.trial, row.arm, row.endpoint), []).append((i, row))
        found = []
        for (trial, arm, endpoint), points in curves.items():
            before, alive = 0.0, 1.0
            for i, row in sorted(points, key=lambda point: point[1].months):
                share = min(free_share(row), alive)
                where = (arms.names.index((trial, arm)), ENDPOINTS.index(endpoint))
                found.append((i, *where, row.months, before, patients(row) * alive, share / alive))
                before, alive = row.months, share
        columns = [np.array(column) for column in zip(*found, strict=True)]
        return cls(*columns)

    def log_likelihood(self, at: Any, earlier: Any, xp: ModuleType) -> Any:
        """(o,) binomial log-likelihood with the printed shares as counts.

        Args:
            at, earlier: (o,) the model's shares at `months` and `before`.
            xp: numpy or jax.numpy.
        """
        share = xp.clip(at / earlier, 1e-4, 1.0 - 1e-4)
        return self.n * (self.kept * xp.log(share) + (1.0 - self.kept) * xp.log1p(-share))


@dataclass(frozen=True, eq=False)
class Ratios:
    """Hazard ratios between two arms of one trial.

    Args:
        arm, against: (r,) indices.
        endpoint: (r,) index of the curve.
        months: (r,) up to where both are followed.
        log_ratio, error: (r,) logarithm and its standard error.
    """

    arm: np.ndarray
    against: np.ndarray
    endpoint: np.ndarray
    months: np.ndarray
    log_ratio: np.ndarray
    error: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Row], arms: Arms) -> Ratios:
        """Those of a table's rows."""
        found = []
        for row in rows:
            if row.endpoint in RATIOS:
                pair = [arms.names.index((row.trial, name)) for name in (row.arm, row.against)]
                endpoint = ENDPOINTS.index(_CURVE[row.endpoint])
                found.append((*pair, endpoint, row.months, np.log(row.value), _ratio_error(row)))
        columns = (
            [np.array(column) for column in zip(*found, strict=True)] if found else [np.zeros(0, int)] * 6
        )
        return cls(*columns)


def _ratio_error(row: Row) -> float:
    """From the printed interval; without one, that of as many events as half of two such arms (Parmar 1998)."""
    if np.isfinite(row.low):
        return float((np.log(row.high) - np.log(row.low)) / (2 * _Z95))
    return float(2.0 / np.sqrt(row.n))


def free_share(row: Row) -> float:
    """Share without the event that a row prints.

    Args:
        row: of an endpoint that is no ratio.
    """
    share = row.value / 100.0
    return 1.0 - share if row.endpoint.endswith("_failure") else share


def patients(row: Row) -> float:
    """Patients that a share's printed interval is worth; those of the arm where there is none.

    Args:
        row: with `n`, and `low` and `high` where printed.
    """
    if not np.isfinite(row.low):
        return float(row.n)
    share, error = row.value / 100.0, (row.high - row.low) / 100.0 / (2 * _Z95)
    return float(min(row.n, share * (1.0 - share) / error**2))


def read_off(
    curves: Mapping[str, Any], arm: np.ndarray, endpoint: np.ndarray, months: np.ndarray, xp: ModuleType = np
) -> Any:
    """(..., o) the model's curves at some arms, endpoints and months, linear between the months of the grid.

    Args:
        curves: of `model.curves`.
        arm, endpoint: (o,) indices.
        months: (o,) when.
        xp: numpy or jax.numpy.
    """
    stacked = xp.stack([curves[name] for name in ENDPOINTS], axis=-3)
    left = np.clip(np.floor(months).astype(int), 0, len(MONTHS) - 2)
    part = months - left
    return (1 - part) * stacked[..., endpoint, arm, left] + part * stacked[..., endpoint, arm, left + 1]
