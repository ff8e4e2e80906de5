"""The compiled time loop of lumped and dose-bin tumours.

Rows that share a course share its times, so that some of them are taken together through every step: the innermost
loops run over rows, without branches or calls, and the compiler does several at a time. What a row becomes depends on
itself only. Threads share the blocks. Rows are copied by loops: what numba makes of an assignment to a slice, with its
message for shapes that do not fit, takes a second to compile.
"""

import math

import numpy as np
from numba import njit

from simulators.tumour.elementary import exponential, exponential_less_one, part
from simulators.tumour.steps import LN2, growth_factor, late_days, log_kill, next_multiple, poisson_quantile

_FRACTION, _CHEMOTHERAPY = 0, 2  # Event's values; numba knows no enums from elsewhere
_SEQUENTIAL = 5  # as in `simulators.tumour.timeline`
TOGETHER = 64  # rows of a block; what it holds of a lumped tumour lies in the first cache


@part
def _poison(clonogens, scale, table, viable, doomed, logs):
    """A cycle of chemotherapy, of the bulk and, where it is concurrent, of clonogens."""
    for b in range(viable.shape[0]):
        for i in range(viable.shape[1]):
            kill = table[12, i] * scale
            lost = viable[b, i] * -exponential_less_one(-kill)
            viable[b, i] -= lost
            doomed[b, i] += lost
            logs[b, i] -= kill if clonogens else 0.0


@part
def _regrow(since, since_last, table, logs):
    """Accelerated repopulation of clonogens from the last fraction on; none where there was none (nan)."""
    if math.isnan(since_last):
        return
    for b in range(logs.shape[0]):
        for i in range(logs.shape[1]):
            regrown = late_days(since, table[6, i]) - late_days(since_last, table[6, i])
            logs[b, i] = min(0.0, logs[b, i] + LN2 * regrown / table[7, i])


@part
def _irradiate(dose, wait, since, linear_above, table, viable, doomed, carry, logs):
    """One fraction; `wait` is the time since the last one in days, nan where there was none."""
    first = math.isnan(wait)
    for b in range(viable.shape[0]):
        for i in range(viable.shape[1]):
            repair = 0.0 if first else exponential(-LN2 * 24.0 * wait / table[11, i])
            hypoxic = table[8, i] * exponential(-LN2 * since / table[10, i])
            unrepaired = carry[b, i] * repair
            kill = log_kill(dose[b], unrepaired, table[0, i], table[1, i], hypoxic, table[9, i], linear_above)
            lost = viable[b, i] * -exponential_less_one(kill)
            viable[b, i] -= lost
            doomed[b, i] += lost
            logs[b, i] += kill
            carry[b, i] = unrepaired + dose[b]


@part
def _end(table, gtv0, weight, viable, logs, survivors):
    """The end of the course: draw the surviving clonogens and scale the viable tumour to them."""
    for i in range(viable.shape[1]):
        expected = 0.0
        for b in range(viable.shape[0]):
            expected += weight[b] * exponential(logs[b, i])
        expected *= table[5, i] * gtv0[i]
        survivors[i] = poisson_quantile(table[13, i], table[15, i], expected)
        for b in range(viable.shape[0]):
            viable[b, i] *= survivors[i] / expected if expected > 0.0 else 0.0


@part
def _clearance(dt, table, half):
    """What is left of doomed cells after half a step."""
    for i in range(half.shape[0]):
        half[i] = exponential(-LN2 * 0.5 * dt / table[2, i])


@part
def _step(dt, half, table, gtv0, survivors, remnant, viable, doomed, v, total):
    """One Strang step: clear for dt/2, grow for dt (survivors of a course at their own rate), clear for dt/2."""
    for i in range(v.shape[0]):
        v[i], total[i] = 0.0, 0.0
    for b in range(viable.shape[0]):
        for i in range(v.shape[0]):
            doomed[b, i] *= half[i]
            v[i] += viable[b, i]
            total[i] += viable[b, i] + doomed[b, i] + remnant[b, i]
    for i in range(v.shape[0]):
        rate = table[3, i] * (1.0 if math.isnan(survivors[i]) else table[14, i])
        v[i] = growth_factor(gtv0[i] * v[i], gtv0[i] * total[i], rate, table[4, i], dt)
    for b in range(viable.shape[0]):
        for i in range(v.shape[0]):
            viable[b, i] *= v[i]
            doomed[b, i] *= half[i]


@part
def _volume(gtv0, viable, doomed, remnant, work, volumes, begin):
    for i in range(work.shape[0]):
        work[i] = 0.0
    for b in range(viable.shape[0]):
        for i in range(work.shape[0]):
            work[i] += viable[b, i] + doomed[b, i] + remnant[b, i]
    for i in range(work.shape[0]):
        volumes[begin + i] = gtv0[i] * work[i]


@part
def _taken(values, begin, end):
    """(k, rows) copy of some rows."""
    out = np.empty((values.shape[0], end - begin))
    for b in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[b, i] = values[b, begin + i]
    return out


@part
def _put(values, begin, rows):
    """Write rows back from where they begin."""
    for b in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            values[b, begin + i] = rows[b, i]


@njit(cache=True, nogil=True, error_model="numpy")
def advance_rows(
    t0,
    out_days,
    step_days,
    linear_above,
    course_of,
    block,
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
    step_viable,
    step_doomed,
    survivors,
    volumes,
):
    """Take the rows of some blocks from their course's `t0` to the last of `out_days`, in place.

    Rows are last: `table` (columns, rows), the tumour's parts (bins, rows). Rows from `block[n]` to `block[n + 1]`
    share the course `course_of[n]`. `volumes` (out_days, rows) receives the GTV in cm3 at each of them, events at that
    very time included. The time steps are the multiples of `step_days` and the events, and never the output times:
    between two steps a volume is looked up on a side branch, whose last state is left in `viable` and `doomed` while
    `step_viable` and `step_doomed` keep the one to go on from.
    """
    for n in range(len(block) - 1):
        c, begin, beyond = course_of[n], block[n], block[n + 1]
        t, e, last = t0[c], first_event[c], last_fraction[c]
        k = next_multiple(t, step_days)
        own, gtv, drawn = _taken(table, begin, beyond), gtv0[begin:beyond].copy(), survivors[begin:beyond]
        v, d = _taken(step_viable, begin, beyond), _taken(step_doomed, begin, beyond)
        unrepaired, log_s = _taken(carry, begin, beyond), _taken(logs, begin, beyond)
        rest = _taken(remnant, begin, beyond)
        aside_v, aside_d = v.copy(), d.copy()
        work, total = np.empty_like(gtv), np.empty_like(gtv)
        half, aside_half = np.empty_like(gtv), np.empty_like(gtv)
        last_dt = -1.0  # most steps are as long as the one before
        for j in range(out_days.shape[0]):
            while True:
                while e < end[c] and ev_time[e] <= t and ev_time[e] <= out_days[j]:
                    since = ev_time[e] - first_fraction[c]
                    if ev_kind[e] == _CHEMOTHERAPY or ev_kind[e] == _SEQUENTIAL:
                        _poison(ev_kind[e] == _CHEMOTHERAPY, ev_scale[e], own, v, d, log_s)
                    elif ev_kind[e] == _FRACTION:
                        wait = ev_time[e] - last
                        _regrow(since, last - first_fraction[c], own, log_s)
                        _irradiate(ev_dose[e], wait, since, linear_above, own, v, d, unrepaired, log_s)
                        last = ev_time[e]
                    else:
                        _regrow(since, last - first_fraction[c], own, log_s)
                        _end(own, gtv, weight, v, log_s, drawn)
                    e += 1
                stop = k * step_days
                if e < end[c] and ev_time[e] < stop:
                    stop = ev_time[e]
                if stop > out_days[j]:
                    break
                if stop - t != last_dt:
                    last_dt = stop - t
                    _clearance(last_dt, own, half)
                _step(last_dt, half, own, gtv, drawn, rest, v, d, work, total)
                t = stop
                if t >= k * step_days:
                    k += 1
            _put(aside_v, 0, v)
            _put(aside_d, 0, d)
            if out_days[j] > t:
                _clearance(out_days[j] - t, own, aside_half)
                _step(out_days[j] - t, aside_half, own, gtv, drawn, rest, aside_v, aside_d, work, total)
            _volume(gtv, aside_v, aside_d, rest, work, volumes[j], begin)
        _put(viable, begin, aside_v)
        _put(doomed, begin, aside_d)
        _put(step_viable, begin, v)
        _put(step_doomed, begin, d)
        _put(carry, begin, unrepaired)
        _put(logs, begin, log_s)
