"""Linear-quadratic radiobiology: survival, BED, EQD2, repopulation, incomplete repair, tumour control.

Everything takes numbers or arrays that broadcast, and returns the same. Doses are in Gy, alpha/beta in Gy,
alpha in 1/Gy; beta is alpha / (alpha/beta).

Sources: Fowler 1989 (BED and repopulation), Thames 1985 (incomplete repair), Astrahan 2008 (LQ-L),
Webb and Nahum 1993 (Poisson tumour control).
"""

from __future__ import annotations

import numpy as np

Quantity = float | np.ndarray
LN2 = float(np.log(2.0))
LATE_ALPHA_BETA_GY = 3.0  # of normal tissue that reacts late


def log_survival(
    dose_gy: Quantity,
    alpha_per_gy: Quantity,
    alpha_beta_gy: Quantity,
    *,
    unrepaired_gy: Quantity = 0.0,
    linear_above_gy: Quantity = np.inf,
) -> np.ndarray:
    """Natural logarithm of the share of clonogens that one fraction leaves alive.

    -(alpha d + beta (d^2 + 2 d u)), where u is the dose whose damage is not yet repaired.
    Above `linear_above_gy` the curve goes on along its tangent (LQ-L).

    Args:
        dose_gy: dose of the fraction, Gy.
        alpha_per_gy: alpha, 1/Gy.
        alpha_beta_gy: alpha/beta, Gy.
        unrepaired_gy: carry-over of the fractions before, Gy.
        linear_above_gy: dose of one fraction above which survival falls exponentially, Gy.

    Example:
        >>> round(float(np.exp(log_survival(2.0, 0.3, 10.0))), 3)
        0.487
    """
    dose, alpha, ratio = (np.asarray(a, dtype=np.float64) for a in (dose_gy, alpha_per_gy, alpha_beta_gy))
    curved = np.minimum(dose, linear_above_gy)
    straight = (dose - curved) * (1.0 + 2.0 * curved / ratio)
    return -alpha * (curved + curved**2 / ratio + straight + 2.0 * dose * unrepaired_gy / ratio)


def survival(
    dose_gy: Quantity, alpha_per_gy: Quantity, alpha_beta_gy: Quantity, *, oer: Quantity = 1.0
) -> np.ndarray:
    """Share of cells that survive one dose: exp(-(alpha d + beta d^2)), d being the dose over the OER.

    Args:
        dose_gy: of one fraction, Gy.
        alpha_per_gy: alpha, 1/Gy.
        alpha_beta_gy: alpha/beta, Gy.
        oer: oxygen enhancement ratio; 1 for oxic cells.

    Example:
        >>> round(float(survival(2.0, 0.3, 10.0, oer=1.7)), 3)
        0.674
    """
    return np.exp(log_survival(np.asarray(dose_gy) / np.asarray(oer), alpha_per_gy, alpha_beta_gy))


def bed(dose_gy: Quantity, fraction_gy: Quantity, alpha_beta_gy: Quantity = 10.0) -> np.ndarray:
    """Biologically effective dose D (1 + d / (alpha/beta)), Gy (Fowler 1989).

    Args:
        dose_gy: total dose D, Gy.
        fraction_gy: dose of one fraction d, Gy.
        alpha_beta_gy: alpha/beta, Gy.

    Example:
        >>> float(bed(60, 2)), float(bed(54, 18))
        (72.0, 151.2)
    """
    return np.asarray(dose_gy) * (1.0 + np.asarray(fraction_gy) / np.asarray(alpha_beta_gy))


def eqd2(dose_gy: Quantity, fraction_gy: Quantity, alpha_beta_gy: Quantity = 10.0) -> np.ndarray:
    """Dose in fractions of 2 Gy that has the same BED, Gy.

    Args:
        dose_gy: total dose, Gy.
        fraction_gy: dose of one fraction, Gy.
        alpha_beta_gy: alpha/beta, Gy.

    Example:
        >>> round(float(eqd2(55, 2.75)), 1)
        58.4
    """
    return bed(dose_gy, fraction_gy, alpha_beta_gy) / (1.0 + 2.0 / np.asarray(alpha_beta_gy))


def linear_bed(
    dose_gy: Quantity, fraction_gy: Quantity, alpha_beta_gy: Quantity, linear_above_gy: Quantity
) -> np.ndarray:
    """BED of the LQ-L model, tangent above a dose of one fraction, Gy (Astrahan 2008).

    Args:
        dose_gy: total dose, Gy.
        fraction_gy: dose of one fraction, Gy.
        alpha_beta_gy: alpha/beta, Gy.
        linear_above_gy: dose of one fraction above which survival falls exponentially, Gy.

    Example:
        >>> round(float(linear_bed(54, 18, 10, 6.2)), 1)
        109.4
    """
    fraction = np.asarray(fraction_gy, dtype=np.float64)
    curved = np.minimum(fraction, linear_above_gy)
    one = curved * (1.0 + curved / alpha_beta_gy) + (fraction - curved) * (1.0 + 2.0 * curved / alpha_beta_gy)
    return np.asarray(dose_gy) / fraction * one


def effective_bed(
    dose_gy: Quantity,
    fraction_gy: Quantity,
    overall_days: Quantity,
    *,
    alpha_per_gy: Quantity = 0.3,
    alpha_beta_gy: Quantity = 10.0,
    kickoff_d: Quantity = 28.0,
    doubling_d: Quantity = 3.0,
) -> np.ndarray:
    """BED less what repopulation wins back: ln2 max(0, T - Tk) / (alpha Td), Gy (Fowler 1989).

    Args:
        dose_gy: total dose, Gy.
        fraction_gy: dose of one fraction, Gy.
        overall_days: overall treatment time T, first and last day both counted, days.
        alpha_per_gy: alpha, 1/Gy.
        alpha_beta_gy: alpha/beta, Gy.
        kickoff_d: time Tk when accelerated repopulation begins, days.
        doubling_d: clonogen doubling time Td from then on, days.

    Example:
        >>> round(float(effective_bed(60, 2, 40)), 2)
        62.76
    """
    late = np.maximum(0.0, np.asarray(overall_days) - np.asarray(kickoff_d))
    return bed(dose_gy, fraction_gy, alpha_beta_gy) - LN2 * late / (
        np.asarray(alpha_per_gy) * np.asarray(doubling_d)
    )


def thames_factor(fractions_a_day: int, interval_h: float, repair_half_time_h: float) -> float:
    """Thames' h of several fractions a day, full repair overnight: BED = D (1 + d (1 + h) / (alpha/beta)).

    Args:
        fractions_a_day: m.
        interval_h: time between two fractions of one day, hours.
        repair_half_time_h: half-time of the repair of sublethal damage, hours.

    Example:
        >>> round(thames_factor(3, 6.0, 1.5), 4)
        0.0859
    """
    m, phi = fractions_a_day, 2.0 ** (-interval_h / repair_half_time_h)
    return 2.0 / m * phi / (1.0 - phi) * (m - (1.0 - phi**m) / (1.0 - phi))


def poisson_tcp(clonogens: Quantity, log_survival: Quantity) -> np.ndarray:
    """Probability that no clonogen survives: exp(-N S).

    Args:
        clonogens: their number N before treatment.
        log_survival: natural logarithm of their survival S.

    Example:
        >>> s = -0.3 * float(effective_bed(60, 2, 40))
        >>> round(float(poisson_tcp(1e7, s)), 3)
        0.936
    """
    return np.exp(-np.asarray(clonogens) * np.exp(log_survival))
