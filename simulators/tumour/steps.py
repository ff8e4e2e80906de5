"""What one tumour does in one step or at one event: the scalar parts that every grain's kernel shares.

Compiled by numba and inlined; loaded only by kernels.
"""

import math

from numba import njit

LN2 = math.log(2.0)
_EXACT_POISSON = 700.0  # above it exp(-lambda) nears the smallest float64


@njit(inline="always")
def growth_factor(viable_share, total_cm3, rate_per_d, capacity_cm3, dt):
    """Factor on viable tumour over dt of v' = rate ln(K / V) v, where V is viable + doomed + remnant.

    Exact where all of V is viable; elsewhere the share is frozen over the step (second order). The exact solution
    never crosses the capacity, so neither does this one, whatever the step.
    """
    if viable_share <= 0.0 or total_cm3 <= 0.0 or rate_per_d <= 0.0:
        return 1.0
    logarithm = math.log(capacity_cm3 / total_cm3)
    exponent = -math.expm1(-viable_share * rate_per_d * dt) / viable_share
    room = capacity_cm3 - total_cm3 * (1.0 - viable_share)
    bound = room / (total_cm3 * viable_share)
    if logarithm >= 0.0:
        return min(math.exp(min(exponent * logarithm, 700.0)), bound)
    return max(math.exp(exponent * logarithm), bound, 0.0)


@njit(inline="always")
def _log_lq(dose, unrepaired, alpha, ratio, linear_above):
    curved = min(dose, linear_above)
    straight = (dose - curved) * (1.0 + 2.0 * curved / ratio)
    return -alpha * (curved + curved * curved / ratio + straight + 2.0 * dose * unrepaired / ratio)


@njit(inline="always")
def log_kill(dose, unrepaired, alpha, ratio, hypoxic, oer, linear_above):
    """Log survival of one fraction; the hypoxic share feels the doses divided by the OER."""
    oxic = _log_lq(dose, unrepaired, alpha, ratio, linear_above)
    if hypoxic <= 0.0:
        return oxic
    anoxic = _log_lq(dose / oer, unrepaired / oer, alpha, ratio, linear_above)
    return anoxic + math.log(hypoxic + (1.0 - hypoxic) * math.exp(oxic - anoxic))


@njit
def poisson_quantile(quantile, normal_quantile, mean):
    """The smallest count whose Poisson probability of it or less reaches the quantile.

    It never falls as the mean rises, so one quantile for all plans (common random numbers) never lets more dose
    leave more clonogens. Exact summation up to a mean of 700, above it the Cornish-Fisher expansion.
    """
    if mean <= 0.0:
        return 0.0
    if mean > _EXACT_POISSON:
        z = normal_quantile
        root = math.sqrt(mean)
        return max(0.0, math.ceil(mean + z * root + (z * z - 1.0) / 6.0 + (z - z**3) / (72.0 * root) - 0.5))
    term = math.exp(-mean)
    total = term
    count = 0.0
    while total < quantile and count < 4.0 * _EXACT_POISSON:
        count += 1.0
        term *= mean / count
        total += term
    return count


@njit
def next_multiple(t, step):
    """The smallest k with k step > t."""
    k = math.floor(t / step)
    while k * step > t:
        k -= 1
    while k * step <= t:
        k += 1
    return k


@njit(inline="always")
def late_days(since_first_d, kickoff_d):
    """Days of accelerated repopulation so far; treatment time counts its first day, as the trials do."""
    return max(0.0, since_first_d + 1.0 - kickoff_d)
