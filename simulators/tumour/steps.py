"""What one tumour does in one step or at one event: the scalar parts that every grain's kernel shares.

Compiled by numba and inlined; loaded only by kernels.
"""

import math

from numba import njit

from simulators.tumour.elementary import exponential, exponential_less_one, inlined, logarithm

LN2 = math.log(2.0)
_EXACT_POISSON = 700.0  # above it exp(-lambda) nears the smallest float64
_MOST = 700.0  # of an exponent
_NONE_CM3 = 1e-290  # far below a cell; its inverse is still a number


@inlined
def growth_factor(viable_cm3, total_cm3, rate_per_d, capacity_cm3, dt):
    """Factor on viable tumour over dt of v' = rate ln(K / V) v, where V is viable + doomed + remnant.

    Exact where all of V is viable; elsewhere the share is frozen over the step (second order). The exact solution
    never crosses the capacity, so neither does this one, whatever the step.
    """
    grows = (viable_cm3 > _NONE_CM3) & (rate_per_d > 0.0)
    viable, total = (viable_cm3, total_cm3) if grows else (1.0, 1.0)
    per_viable, per_total = 1.0 / viable, 1.0 / total  # divisions take longest
    gap = logarithm(capacity_cm3 * per_total)
    slowed = viable * per_total * rate_per_d * dt
    exponent = -exponential_less_one(-slowed) * total * per_viable
    bound = (capacity_cm3 - (total - viable)) * per_viable
    grown = exponential(min(exponent * gap, _MOST))
    held = min(grown, bound) if gap >= 0.0 else max(grown, bound, 0.0)
    return held if grows else 1.0


@inlined
def _log_lq(dose, unrepaired, alpha, per_gy, linear_above):
    curved = min(dose, linear_above)
    straight = (dose - curved) * (1.0 + 2.0 * curved * per_gy)
    return -alpha * (curved + curved * curved * per_gy + straight + 2.0 * dose * unrepaired * per_gy)


@inlined
def log_kill(dose, unrepaired, alpha, ratio, hypoxic, oer, linear_above):
    """Log survival of one fraction; the hypoxic share feels the doses divided by the OER."""
    per_gy, less = 1.0 / ratio, 1.0 / oer
    oxic = _log_lq(dose, unrepaired, alpha, per_gy, linear_above)
    anoxic = _log_lq(dose * less, unrepaired * less, alpha, per_gy, linear_above)
    some = hypoxic > 0.0
    share = hypoxic if some else 1.0
    return anoxic + logarithm(share + (1.0 - share) * exponential(oxic - anoxic)) if some else oxic


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


@inlined
def late_days(since_first_d, kickoff_d):
    """Days of accelerated repopulation so far; treatment time counts its first day, as the trials do."""
    return max(0.0, since_first_d + 1.0 - kickoff_d)
