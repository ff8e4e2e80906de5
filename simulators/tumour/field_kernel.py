"""The compiled time loop of one tumour field.

Growth and clearance act on every voxel alike, so between events the field is its diffusion times two scalars, which
take the same half-day steps as the lumped tumour. One field is one thread's work: passes over it take a millisecond,
less than threads take to meet on a busy machine. Sums run over slabs, and the slabs' sums are added in order.
"""

import math

import numpy as np
from numba import njit

from simulators.tumour.steps import LN2, growth_factor, late_days, log_kill, next_multiple, poisson_quantile

_FRACTION, _CHEMOTHERAPY, _COURSE_END = 0, 2, 3  # Event's values; numba knows no enums from elsewhere
_SEQUENTIAL = 5  # as in `simulators.tumour.timeline`
_FLUSH = np.float32(1e-12)  # less of a voxel than one cell in a cubic decimetre
_NO_DENORMALS = np.float32(1e-30)


@njit(cache=True)
def total(values):
    """Sum of a (z, y, x) array in float64."""
    whole = 0.0
    for z in range(values.shape[0]):
        slab = 0.0
        for y in range(values.shape[1]):
            for x in range(values.shape[2]):
                slab += values[z, y, x]
        whole += slab
    return whole


@njit(cache=True)
def _spread(v, out, inside, faces, k, mix, factor):
    """out = factor (mix (I + A) v + (1 - mix) out), A the diffusion between faces that join two domain voxels."""
    one = np.float32(1.0)
    for z in range(1, v.shape[0] - 1):
        for y in range(1, v.shape[1] - 1):
            for x in range(1, v.shape[2] - 1):
                gain = k[0] * (v[z - 1, y, x] + v[z + 1, y, x])
                gain += k[1] * (v[z, y - 1, x] + v[z, y + 1, x])
                gain += k[2] * (v[z, y, x - 1] + v[z, y, x + 1])
                moved = v[z, y, x] + inside[z, y, x] * gain - k[3] * faces[z, y, x] * v[z, y, x]
                new = factor * (mix * moved + (one - mix) * out[z, y, x])
                out[z, y, x] = new if new > _NO_DENORMALS else np.float32(0.0)


@njit(cache=True)
def _scale(v, factor):
    for z in range(v.shape[0]):
        for y in range(v.shape[1]):
            for x in range(v.shape[2]):
                v[z, y, x] *= factor


@njit(cache=True)
def _scale_border(v, factor):
    nz, ny, nx = v.shape
    for z in range(nz):
        for y in range(ny):
            whole = z == 0 or z == nz - 1 or y == 0 or y == ny - 1
            for x in range(0, nx, 1 if whole else nx - 1):
                v[z, y, x] *= factor


@njit(cache=True)
def _copy(values, out):
    """By loops: what numba makes of `out[:] = values`, with its message for shapes that do not fit, takes a second."""
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                out[z, y, x] = values[z, y, x]


@njit(cache=True)
def _diffuse(v, dt, d_mm2, spacing, inside, faces, work, factor):
    """Diffuse v over dt by the strong-stability-preserving second-order Runge-Kutta scheme, then times factor.

    Half the identity and half two explicit steps: positive while one explicit step is, so the steps are split
    until it is; conserved to rounding, as what leaves a voxel enters its neighbour.
    """
    if d_mm2 <= 0.0:
        _scale(v, np.float32(factor))
        return
    z, y, x = (
        1.0 / (spacing[0] * spacing[0]),
        1.0 / (spacing[1] * spacing[1]),
        1.0 / (spacing[2] * spacing[2]),
    )
    parts = max(1, math.ceil(2.0 * d_mm2 * dt * (z + y + x)))
    each = d_mm2 * dt / parts
    k = np.empty(4, dtype=np.float32)
    k[0], k[1], k[2], k[3] = each * z, each * y, each * x, each
    one, half = np.float32(1.0), np.float32(0.5)
    for part in range(parts):
        last = np.float32(factor) if part == parts - 1 else one
        _spread(v, work, inside, faces, k, one, one)
        _spread(work, v, inside, faces, k, half, last)
    _scale_border(v, np.float32(factor))


@njit(cache=True)
def _scalars(t, until, step_days, viable, doomed, remnant, voxel_cm3, drawn, table):
    """Growth of viable and clearance of doomed from t to a later time, in the lumped tumour's own steps."""
    rate = table[3] if math.isnan(drawn) else table[3] * table[14]
    grown, kept = 1.0, 1.0
    k = next_multiple(t, step_days)
    while t < until:
        stop = min(k * step_days, until)
        half = math.exp(-LN2 * 0.5 * (stop - t) / table[2])
        kept *= half
        v = grown * viable
        whole = v + kept * doomed + remnant
        grown *= growth_factor(voxel_cm3 * v, voxel_cm3 * whole, rate, table[4], stop - t)
        kept *= half
        t = stop
        k += 1
    return grown, kept


@njit(cache=True)
def _kill(
    viable,
    doomed,
    carry,
    logs,
    occupancy,
    dose_gy,
    ratio,
    use_ratio,
    repair,
    hypoxic,
    regrown,
    linear_above,
    table,
):
    for z in range(viable.shape[0]):
        for y in range(viable.shape[1]):
            for x in range(viable.shape[2]):
                if viable[z, y, x] > 0.0 or occupancy[z, y, x] > 0.0:
                    dose = dose_gy * (ratio[z, y, x] if use_ratio else 1.0)
                    unrepaired = carry[z, y, x] * repair
                    kill = log_kill(dose, unrepaired, table[0], table[1], hypoxic, table[9], linear_above)
                    lost = np.float32(viable[z, y, x] * -math.expm1(kill))
                    left = np.float32(viable[z, y, x] * math.exp(kill))
                    viable[z, y, x] = left if left > _FLUSH else np.float32(0.0)
                    doomed[z, y, x] += lost
                    logs[z, y, x] = min(0.0, logs[z, y, x] + regrown) + kill
                    carry[z, y, x] = np.float32(unrepaired + dose)


@njit(cache=True)
def _poison(viable, doomed, logs, kill, clonogen_kill):
    """Chemotherapy: the same log-kill everywhere, of the bulk and of clonogens."""
    left = np.float32(math.exp(-kill))
    for z in range(viable.shape[0]):
        for y in range(viable.shape[1]):
            for x in range(viable.shape[2]):
                doomed[z, y, x] += viable[z, y, x] * (np.float32(1.0) - left)
                viable[z, y, x] *= left
                logs[z, y, x] -= clonogen_kill


@njit(cache=True)
def _expected(logs, occupancy):
    """Surviving share of clonogens, summed over voxels of the GTV."""
    whole = 0.0
    for z in range(logs.shape[0]):
        slab = 0.0
        for y in range(logs.shape[1]):
            for x in range(logs.shape[2]):
                if occupancy[z, y, x] > 0.0:
                    slab += occupancy[z, y, x] * math.exp(logs[z, y, x])
        whole += slab
    return whole


@njit(cache=True)
def _draw(viable, logs, occupancy, voxel_cm3, regrown, table):
    """The end of the course: draw the survivors and scale the viable field to them."""
    for z in range(logs.shape[0]):
        for y in range(logs.shape[1]):
            for x in range(logs.shape[2]):
                logs[z, y, x] = min(0.0, logs[z, y, x] + regrown)
    per_voxel = table[5] * voxel_cm3
    expected = per_voxel * _expected(logs, occupancy)
    survivors = poisson_quantile(table[13], table[15], expected)
    _scale(viable, np.float32(survivors / expected if expected > 0.0 else 0.0))
    if survivors > 0.0 and total(viable) == 0.0:
        best = 0
        flat, weight = logs.ravel(), occupancy.ravel()
        for i in range(flat.shape[0]):
            if weight[i] > 0.0 and (weight[best] == 0.0 or flat[i] > flat[best]):
                best = i
        viable.ravel()[best] = np.float32(survivors / per_voxel)
    return survivors


@njit(cache=True)
def advance_field(
    t,
    to_days,
    step_days,
    array_step_days,
    d_mm2,
    spacing,
    linear_above,
    first_event,
    end,
    first,
    last,
    ev_time,
    ev_kind,
    ev_dose,
    ev_scale,
    ev_grid,
    ratios,
    table,
    occupancy,
    inside,
    faces,
    work,
    viable,
    doomed,
    remnant_total,
    carry,
    logs,
    survivors,
    step_viable,
    step_doomed,
):
    """Take one field from t to `to_days`, in place; returns the survivors (nan before the end of the course).

    `step_viable` and `step_doomed` go from event to event and along the multiples of `array_step_days`; what lies
    between the last of them and `to_days` is worked out in `viable` and `doomed` only.
    """
    voxel_cm3 = spacing[0] * spacing[1] * spacing[2] / 1000.0
    e = first_event
    k = next_multiple(t, array_step_days)
    while True:
        while e < end and ev_time[e] <= t:
            since = ev_time[e] - first
            regrown = 0.0
            if not math.isnan(last):
                regrown = LN2 / table[7] * (late_days(since, table[6]) - late_days(last - first, table[6]))
            if ev_kind[e] == _FRACTION:
                hypoxic = table[8] * math.exp(-LN2 * since / table[10])
                repair = 0.0
                if not math.isnan(last):
                    repair = math.exp(-LN2 * 24.0 * (ev_time[e] - last) / table[11])
                ratio = ratios[max(ev_grid[e], 0)]
                _kill(
                    step_viable, step_doomed, carry, logs, occupancy, ev_dose[e], ratio, ev_grid[e] >= 0,
                    repair, hypoxic, regrown, linear_above, table,
                )  # fmt: skip
                last = ev_time[e]
            elif ev_kind[e] == _CHEMOTHERAPY or ev_kind[e] == _SEQUENTIAL:
                kill = table[12] * ev_scale[e]
                _poison(step_viable, step_doomed, logs, kill, kill if ev_kind[e] == _CHEMOTHERAPY else 0.0)
            elif ev_kind[e] == _COURSE_END:
                survivors = _draw(step_viable, logs, occupancy, voxel_cm3, regrown, table)
            e += 1
        stop = k * array_step_days
        if e < end and ev_time[e] < stop:
            stop = ev_time[e]
        aside = stop > to_days
        if aside:
            _copy(step_viable, viable)
            _copy(step_doomed, doomed)
            stop = to_days
        v, d = (viable, doomed) if aside else (step_viable, step_doomed)
        if stop > t:
            grown, kept = _scalars(
                t, stop, step_days, total(v), total(d), remnant_total, voxel_cm3, survivors, table
            )  # fmt: skip
            _diffuse(v, stop - t, d_mm2, spacing, inside, faces, work, grown)
            _scale(d, np.float32(kept))
        if aside:
            return survivors
        t = stop
        if t >= k * array_step_days:
            k += 1
