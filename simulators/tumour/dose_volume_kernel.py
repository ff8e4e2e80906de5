"""The compiled time loop of lumped and dose-bin tumours, parallel over independent rows of the batch."""

import math

from numba import njit, prange

from simulators.tumour.steps import LN2, growth_factor, late_days, log_kill, next_multiple, poisson_quantile

_FRACTION, _CHEMOTHERAPY = 0, 2  # Event's values; numba knows no enums from elsewhere
_SEQUENTIAL = 5  # as in `simulators.tumour.timeline`


@njit(cache=True)
def _event(
    e,
    repair,
    last_fraction,
    first,
    ev_time,
    ev_kind,
    ev_dose,
    ev_scale,
    table,
    gtv0,
    linear_above,
    state,
    drawn,
):
    """Apply event e to one row; returns the number of surviving clonogens, as it was but for the course's end."""
    weight, viable, doomed, carry, logs = state
    alpha, ratio, density = table[0], table[1], table[5]
    since = ev_time[e] - first
    bins = viable.shape[0]
    if ev_kind[e] == _CHEMOTHERAPY or ev_kind[e] == _SEQUENTIAL:
        kill = table[12] * ev_scale[e]
        for b in range(bins):
            lost = viable[b] * -math.expm1(-kill)
            viable[b] -= lost
            doomed[b] += lost
            if ev_kind[e] == _CHEMOTHERAPY:
                logs[b] -= kill
        return drawn
    if not math.isnan(last_fraction):
        regrown = late_days(since, table[6]) - late_days(last_fraction - first, table[6])
        for b in range(bins):
            logs[b] = min(0.0, logs[b] + LN2 * regrown / table[7])
    if ev_kind[e] == _FRACTION:
        hypoxic = table[8] * math.exp(-LN2 * since / table[10]) if table[8] > 0.0 else 0.0
        for b in range(bins):
            unrepaired = carry[b] * repair
            kill = log_kill(ev_dose[e, b], unrepaired, alpha, ratio, hypoxic, table[9], linear_above)
            lost = viable[b] * -math.expm1(kill)
            viable[b] -= lost
            doomed[b] += lost
            logs[b] += kill
            carry[b] = unrepaired + ev_dose[e, b]
        return drawn
    expected = 0.0
    for b in range(bins):
        expected += weight[b] * math.exp(logs[b])
    expected *= density * gtv0
    survivors = poisson_quantile(table[13], table[15], expected)
    for b in range(bins):
        viable[b] *= survivors / expected if expected > 0.0 else 0.0
    return survivors


@njit(cache=True)
def _step(viable, doomed, remnant, gtv0, table, drawn, dt, half_decay):
    """One Strang step: clear for dt/2, grow for dt (survivors of a course at their own rate), clear for dt/2."""
    rate = table[3] if math.isnan(drawn) else table[3] * table[14]
    v, d, s = 0.0, 0.0, 0.0
    for b in range(viable.shape[0]):
        doomed[b] *= half_decay
        v += viable[b]
        d += doomed[b]
        s += remnant[b]
    total = v + d + s
    factor = growth_factor(v / total if total > 0.0 else 0.0, gtv0 * total, rate, table[4], dt)
    for b in range(viable.shape[0]):
        viable[b] *= factor
        doomed[b] *= half_decay


@njit(cache=True)
def _volume(viable, doomed, remnant, gtv0):
    total = 0.0
    for b in range(viable.shape[0]):
        total += viable[b] + doomed[b] + remnant[b]
    return gtv0 * total


@njit(cache=True, parallel=True)
def advance_rows(
    t0,
    out_days,
    step_days,
    linear_above,
    course_of,
    first_event,
    end,
    first_fraction,
    last_fraction,
    ev_time,
    ev_kind,
    ev_dose,
    ev_scale,
    table,
    gtv0,
    weight,
    viable,
    doomed,
    remnant,
    carry,
    logs,
    survivors,
    volumes,
    step_viable,
    step_doomed,
):
    """Take every row from its course's `t0` to the last of `out_days`, in place.

    `volumes` (rows, out_days) receives the GTV in cm3 at each of them, events at that very time included. The
    time steps are the multiples of `step_days` and the events, and never the output times: between two steps a
    volume is looked up on a side branch, whose last state is left in `viable` and `doomed` while `step_viable`
    and `step_doomed` keep the one to go on from.
    """
    for i in prange(viable.shape[0]):
        c = course_of[i]
        t, e, last = t0[c], first_event[c], last_fraction[c]
        k = next_multiple(t, step_days)
        state = (weight, step_viable[i], step_doomed[i], carry[i], logs[i])
        last_dt, half_decay = -1.0, 1.0  # most steps and waits are as long as the ones before
        wait, repair = -1.0, 0.0
        for j in range(out_days.shape[0]):
            while True:
                while e < end[c] and ev_time[e] <= t and ev_time[e] <= out_days[j]:
                    if ev_time[e] - last != wait:
                        wait = ev_time[e] - last
                        repair = 0.0 if math.isnan(wait) else math.exp(-LN2 * 24.0 * wait / table[i, 11])
                    survivors[i] = _event(
                        e, repair, last, first_fraction[c], ev_time, ev_kind, ev_dose, ev_scale,
                        table[i], gtv0[i], linear_above, state, survivors[i],
                    )  # fmt: skip
                    if ev_kind[e] == _FRACTION:
                        last = ev_time[e]
                    e += 1
                stop = k * step_days
                if e < end[c] and ev_time[e] < stop:
                    stop = ev_time[e]
                if stop > out_days[j]:
                    break
                dt = stop - t
                if dt != last_dt:
                    last_dt = dt
                    half_decay = math.exp(-LN2 * 0.5 * dt / table[i, 2])
                _step(
                    step_viable[i],
                    step_doomed[i],
                    remnant[i],
                    gtv0[i],
                    table[i],
                    survivors[i],
                    dt,
                    half_decay,
                )
                t = stop
                if t >= k * step_days:
                    k += 1
            for b in range(viable.shape[1]):
                viable[i, b] = step_viable[i, b]
                doomed[i, b] = step_doomed[i, b]
            dt = out_days[j] - t
            if dt > 0.0:
                aside = math.exp(-LN2 * 0.5 * dt / table[i, 2])
                _step(viable[i], doomed[i], remnant[i], gtv0[i], table[i], survivors[i], dt, aside)
            volumes[i, j] = _volume(viable[i], doomed[i], remnant[i], gtv0[i])
