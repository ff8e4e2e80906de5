"""The compiled loops of the published simulator, parallel over patients.

Random numbers come from the counter hash of `simulators.core.chance`: a number depends on the patient, on what it is
for and on the day, so that no result depends on threads or on the other patients.
"""

import math

import numpy as np
from numba import njit, prange

from simulators.published.constants import (
    CAPACITY_CM3,
    CELLS_PER_CM3,
    CHEMO_DOSE,
    DEATH_CM,
    DEATH_CM3,
    NOISE_SD,
    RADIO_GY,
)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)

# Streams: what a day's number is for.
NOISE, ANGLE, CHEMO, RADIO, RECOVERY, OPTION = range(6)
STREAM_DAYS = 1024  # more days than any sequence has

_NEARLY_CERTAIN_CM3 = 1e-6  # above it exp(-V 5.8e8) is less than 1e-250


@njit(inline="always")
def _mix(x):
    x = (x ^ (x >> _S30)) * _M1
    x = (x ^ (x >> _S27)) * _M2
    return x ^ (x >> _S31)


@njit(inline="always")
def _uniform(row, stream, day):
    """The same number as `simulators.core.chance.uniforms` has in column stream x STREAM_DAYS + day."""
    column = np.uint64(stream * STREAM_DAYS + day)
    return (float(_mix(row + _GOLDEN * (column + np.uint64(1))) >> _S11) + 0.5) * 2.0**-53


@njit(inline="always")
def _noise(row, day):
    """A normal number by Box and Muller; days 2k and 2k + 1 share their two uniforms."""
    pair = day // 2
    radius = NOISE_SD * math.sqrt(-2.0 * math.log(_uniform(row, NOISE, pair)))
    angle = 2.0 * math.pi * _uniform(row, ANGLE, pair)
    return radius * (math.cos(angle) if day % 2 == 0 else math.sin(angle))


@njit(inline="always")
def _grown(volume, alpha, rho, beta_c, chemo, gy, noise, exponential):
    """The next day's volume, cm3; `exponential` kills by exp(-k), else by 1 - k as published."""
    kill = beta_c * chemo + alpha * gy * (1.0 + gy / 10.0)
    growth = rho * math.log(CAPACITY_CM3 / volume) + noise
    if exponential:
        return volume * max(1.0 + growth, 0.0) * math.exp(-kill)
    return volume * (1.0 + growth - kill)


@njit(inline="always")
def _diameter(volume):
    return np.cbrt(6.0 / math.pi * max(volume, 0.0))


@njit(inline="always")
def _probability(gamma, mean_cm):
    return 1.0 / (1.0 + math.exp(-gamma / DEATH_CM * (mean_cm - DEATH_CM / 2.0)))


@njit(inline="always")
def _recovers(volume, chance):
    return volume < _NEARLY_CERTAIN_CM3 and chance <= math.exp(-max(volume, 0.0) * CELLS_PER_CM3)


@njit
def _follow(row, first_cm3, alpha, rho, beta_c, gamma_c, gamma_r, window, exponential, out):
    """One patient as he was treated; returns the length of his sequence."""
    volume, chemo_mg, radio_gy, chemo, radio, p_chemo, p_radio, death, recovery = out
    days = volume.shape[0]
    v, total = first_cm3, 0.0
    volume[0] = v
    diameters = np.empty(days)
    for t in range(1, days - 1):
        diameters[t - 1] = _diameter(v)
        total += diameters[t - 1]
        if t > window:
            total -= diameters[t - 1 - window]
        v = _grown(v, alpha, rho, beta_c, chemo_mg[t - 1], radio_gy[t - 1], _noise(row, t), exponential)
        mean_cm = total / min(t, window)
        p_radio[t] = _probability(gamma_r, mean_cm)
        p_chemo[t] = p_radio[t] if gamma_c == gamma_r else _probability(gamma_c, mean_cm)
        if _uniform(row, RADIO, t) < p_radio[t]:
            radio[t] = 1.0
            radio_gy[t] = RADIO_GY
        chemo_mg[t] = 0.5 * chemo_mg[t - 1]
        if _uniform(row, CHEMO, t) < p_chemo[t]:
            chemo[t] = 1.0
            chemo_mg[t] += CHEMO_DOSE
        if v > DEATH_CM3:
            volume[t] = DEATH_CM3
            death[t] = 1.0
            return t + 1
        if _recovers(v, _uniform(row, RECOVERY, t)):
            recovery[t] = 1.0
            return t + 1
        volume[t] = v
    return days - 1


@njit(cache=True, parallel=True)
def factual_rows(state, first_cm3, alpha, rho, beta_c, gamma_c, gamma_r, window, exponential, out, length):
    """One trajectory for each patient, in the order of days in which the training sets were published.

    A day's volume is grown first, then treatment is drawn from the mean diameter of the days before it. Treatment
    begins on day 1, and the last day is never used.
    """
    volume, chemo_mg, radio_gy, chemo, radio, p_chemo, p_radio, death, recovery = out
    for i in prange(volume.shape[0]):
        rows = (
            volume[i], chemo_mg[i], radio_gy[i], chemo[i], radio[i], p_chemo[i], p_radio[i], death[i], recovery[i],
        )  # fmt: skip
        length[i] = _follow(
            _mix(state + _GOLDEN * np.uint64(i + 1)), first_cm3[i], alpha[i], rho[i], beta_c[i], gamma_c, gamma_r,
            window, exponential, rows,
        )  # fmt: skip


@njit(cache=True, parallel=True)
def test_trajectories(
    state,
    first_cm3,
    alpha,
    rho,
    beta_c,
    gamma_c,
    gamma_r,
    window,
    exponential,
    volume,
    chemo,
    radio,
    mg,
    steps,
):
    """The factual course of test patients: treatment is drawn from day 0 on, with the day's own volume in the mean.

    `steps` (patients,) receives on how many days treatment was chosen; volumes go one day further.
    """
    days = volume.shape[1]
    for i in prange(volume.shape[0]):
        row = _mix(state + _GOLDEN * np.uint64(i + 1))
        volume[i, 0] = first_cm3[i]
        total = 0.0
        diameters = np.empty(days)
        for t in range(days - 1):
            v = volume[i, t]
            diameters[t] = _diameter(v)
            total += diameters[t]
            if t > window:
                total -= diameters[t - 1 - window]
            mean_cm = total / min(t + 1, window + 1)
            radio[i, t] = 1.0 if _uniform(row, RADIO, t) < _probability(gamma_r, mean_cm) else 0.0
            chemo[i, t] = 1.0 if _uniform(row, CHEMO, t) < _probability(gamma_c, mean_cm) else 0.0
            mg[i, t] = (0.5 * mg[i, t - 1] if t > 0 else 0.0) + CHEMO_DOSE * chemo[i, t]
            grown = _grown(
                v,
                alpha[i],
                rho[i],
                beta_c[i],
                mg[i, t],
                RADIO_GY * radio[i, t],
                _noise(row, t + 1),
                exponential,
            )
            volume[i, t + 1] = min(max(grown, 0.0), DEATH_CM3)
            steps[i] = t + 1
            if grown >= DEATH_CM3 or _recovers(grown, _uniform(row, RECOVERY, t)):
                break


@njit(cache=True, parallel=True)
def one_step_rows(state, alpha, rho, beta_c, exponential, factual, begin, out):
    """Four rows for each patient and day: what was done, then the three things that were not."""
    volume, chemo, radio, mg, steps = factual
    to_volume, to_chemo, to_radio, length, patient = out
    for i in prange(volume.shape[0]):
        row = _mix(state + _GOLDEN * np.uint64(i + 1))
        r = begin[i]
        for t in range(steps[i]):
            done = int(2.0 * chemo[i, t] + radio[i, t])
            noise = _noise(row, t + 1)
            before = 0.5 * mg[i, t - 1] if t > 0 else 0.0
            for k in range(4):
                option = done if k == 0 else (k - 1 if k - 1 < done else k)
                gives_chemo, gives_radio = float(option // 2), float(option % 2)
                to_volume[r, : t + 1] = volume[i, : t + 1]
                to_chemo[r, :t] = chemo[i, :t]
                to_radio[r, :t] = radio[i, :t]
                to_chemo[r, t], to_radio[r, t] = gives_chemo, gives_radio
                if k == 0:
                    to_volume[r, t + 1] = volume[i, t + 1]
                else:
                    to_volume[r, t + 1] = _grown(
                        volume[i, t],
                        alpha[i],
                        rho[i],
                        beta_c[i],
                        before + CHEMO_DOSE * gives_chemo,
                        RADIO_GY * gives_radio,
                        noise,
                        exponential,
                    )
                length[r] = t + 1
                patient[r] = i
                r += 1


@njit(cache=True, parallel=True)
def sequence_rows(state, alpha, rho, beta_c, exponential, factual, begin, horizon, sliding, out, kept):
    """Two rows a day of the horizon for each patient and day: treatments over the next days, and what they do.

    Sliding: one treatment on one day of the horizon, chemotherapy in the first half of the rows; else both are tossed
    for every day. A row whose linear kill leaves less than nothing on the way is not kept.
    """
    volume, chemo, radio, mg, steps = factual
    to_volume, to_chemo, to_radio, length, patient, current = out
    for i in prange(volume.shape[0]):
        row = _mix(state + _GOLDEN * np.uint64(i + 1))
        r = begin[i]
        for t in range(steps[i]):
            for k in range(2 * horizon):
                to_volume[r, : t + 2] = volume[i, : t + 2]
                to_chemo[r, : t + 1] = chemo[i, : t + 1]
                to_radio[r, : t + 1] = radio[i, : t + 1]
                v, dose = volume[i, t + 1], mg[i, t]
                kept[r] = True
                for j in range(horizon):
                    day = t + 1 + j
                    if sliding:
                        gives_chemo = 1.0 if k == j else 0.0
                        gives_radio = 1.0 if k == horizon + j else 0.0
                    else:
                        toss = _mix(row + _GOLDEN * np.uint64(OPTION * STREAM_DAYS + t))
                        coin = _mix(toss + _GOLDEN * np.uint64(k * horizon + j + 1))
                        gives_chemo = float(coin >> np.uint64(63))
                        gives_radio = float((coin >> np.uint64(62)) & np.uint64(1))
                    to_chemo[r, day], to_radio[r, day] = gives_chemo, gives_radio
                    dose = 0.5 * dose + CHEMO_DOSE * gives_chemo
                    if v < 0.0:
                        kept[r] = False
                        break
                    if v > 0.0:
                        v = _grown(
                            v,
                            alpha[i],
                            rho[i],
                            beta_c[i],
                            dose,
                            RADIO_GY * gives_radio,
                            _noise(row, day + 1),
                            exponential,
                        )
                    to_volume[r, day + 1] = v
                length[r] = t + horizon + 1
                patient[r] = i
                current[r] = t
                r += 1
