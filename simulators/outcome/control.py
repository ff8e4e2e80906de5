"""Control of the primary tumour: who is cured, and when the others fail.

A surviving clonogen grows back by the Gompertz law; a local failure is seen when the regrowth reaches a detectable
size. So local control at a time is not tumour control: it falls towards it as the failures show.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

CELL_CM3 = 1e-9  # 1e9 cells per cm3 [quoted from memory; Steel 1977]
DETECTABLE_CM3 = 1.0  # regrowth that CT tells from a scar; a sphere of 12 mm [assumed]


def regrowth_days(
    survivors: np.ndarray,
    params: Mapping[str, np.ndarray],
    detectable_cm3: float | np.ndarray = DETECTABLE_CM3,
) -> np.ndarray:
    """Time that surviving clonogens need to grow to a detectable size, days.

    Gompertz: t = ln(ln(K / v) / ln(K / detectable)) / a, from v = survivors x 1e-9 cm3; a is the untreated rate times
    the parameters' `regrowth_factor`.

    Args:
        survivors: (*B,) number of clonogens; 0 gives infinity.
        params: growth_per_d, regrowth_factor and capacity_cm3, (*B,).
        detectable_cm3: volume at which regrowth counts as failure, cm3.

    Example:
        >>> p = {"growth_per_d": np.array(0.0017), "regrowth_factor": np.array(1.0), "capacity_cm3": np.array(1150.0)}
        >>> [round(float(regrowth_days(np.array(n), p)) / 30.4375) for n in (1e6, 1.0)]
        [13, 27]
    """
    volume = np.asarray(survivors, dtype=np.float64) * CELL_CM3
    capacity = np.asarray(params["capacity_cm3"], dtype=np.float64)
    with np.errstate(divide="ignore"):
        distance = np.log(capacity / np.minimum(volume, detectable_cm3)) / np.log(capacity / detectable_cm3)
        return np.log(distance) / _rate(params)


def _rate(params: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.asarray(params["growth_per_d"], dtype=np.float64) * np.asarray(params["regrowth_factor"])


def failure_days(
    survivors: np.ndarray,
    params: Mapping[str, np.ndarray],
    gtv0_cm3: float | np.ndarray,
    end_days: float | np.ndarray,
) -> np.ndarray:
    """Day of the local failure, counted from day 0; infinite where no clonogen survives.

    Without a course (survivors nan) the tumour was never controlled: day 0.

    Args:
        survivors: (*B,) clonogens that survive the course.
        params: growth_per_d, regrowth_factor and capacity_cm3, (*B,).
        gtv0_cm3: tumour volume at day 0, cm3; a smaller tumour fails when it has its old size again.
        end_days: end of the course, days.
    """
    detectable = np.minimum(DETECTABLE_CM3, gtv0_cm3)
    untreated = np.isnan(survivors)
    days = end_days + regrowth_days(np.where(untreated, 1.0, survivors), params, detectable)
    return np.where(untreated, 0.0, days)


def local_control(
    survivors: np.ndarray,
    params: Mapping[str, np.ndarray],
    gtv0_cm3: float | np.ndarray,
    end_days: float | np.ndarray,
    at_days: float | np.ndarray,
) -> np.ndarray:
    """(*B,) bool: whether a sample has had no local failure by a day counted from day 0.

    Args:
        survivors: (*B,) clonogens that survive the course.
        params: growth_per_d, regrowth_factor and capacity_cm3, (*B,).
        gtv0_cm3: tumour volume at day 0, cm3.
        end_days: end of the course, days.
        at_days: the day that is asked about.
    """
    return failure_days(survivors, params, gtv0_cm3, end_days) > at_days


def expected_survivors(
    log_survival: np.ndarray,
    params: Mapping[str, np.ndarray],
    gtv0_cm3: float | np.ndarray,
    bin_fraction: np.ndarray | float = 1.0,
) -> np.ndarray:
    """(*B,) mean of the Poisson draw of surviving clonogens.

    Args:
        log_survival: (*B, *bins) at the end of the course.
        params: clonogen_density_per_cm3, (*B,).
        gtv0_cm3: tumour volume at day 0, cm3.
        bin_fraction: () for a lumped tumour or (bins,) summing to 1.
    """
    share = np.asarray(bin_fraction) * np.exp(log_survival)
    share = share.sum(axis=-1) if np.ndim(bin_fraction) else share
    return np.asarray(params["clonogen_density_per_cm3"]) * gtv0_cm3 * share


def tumour_control_probability(expected: np.ndarray) -> np.ndarray:
    """(*B,) probability that no clonogen survives: exp(-expected).

    Args:
        expected: (*B,) mean number of surviving clonogens.
    """
    return np.exp(-np.asarray(expected))
