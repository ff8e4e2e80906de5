"""The model of an arm: closed forms against chance, and curves that curves must be."""

from dataclasses import replace

import numpy as np
import pytest

from simulators.calibration.evidence import evidence
from simulators.calibration.model import (
    CLONOGENS_PER_CM3,
    MONTHS,
    PRIORS,
    VOLUME_CM3,
    VOLUME_SD,
    Arms,
    at_month,
    cell_curves,
    control_probability,
    curves,
)


@pytest.fixture
def row():
    return next(r for r in evidence().rows if r.trial == "RTOG 0617")


def prior(arms, **changes):
    p = {q.name: np.atleast_1d(q.at(0.0)) for q in PRIORS} | dict.fromkeys(
        ("u_control", "u_distant", "u_death"), np.zeros(1)
    )
    return p | {k: np.atleast_1d(v) for k, v in changes.items()}


def test_control_is_that_of_patients_drawn_one_by_one(row):
    arms = Arms.of([replace(row, drugs="none")])
    p = prior(arms)
    rng = np.random.default_rng(0)
    n = 400_000
    alpha = 0.36 * (1 + 0.28 * rng.normal(size=n))
    clonogens = CLONOGENS_PER_CM3 * VOLUME_CM3[2] * np.exp(VOLUME_SD * rng.normal(size=n))
    bed = 60 * (1 + 2 / 10) - 0.64 * (40 - 21)
    drawn = np.exp(-clonogens * np.exp(-alpha * bed)).mean()
    assert float(control_probability(p, arms)[0]) == pytest.approx(drawn, abs=0.01)


def test_survival_is_that_of_lives_drawn_one_by_one(row):
    arms = Arms.of([row])
    p = prior(arms)
    rng = np.random.default_rng(1)
    n = 200_000

    def failure(chance, median, spread):
        when = median * np.exp(spread * rng.normal(size=n))
        return np.where(rng.random(n) < chance, when, np.inf)

    cured = float(control_probability(p, arms)[0])
    from scipy.special import ndtr

    relapse = ndtr(0.13 - 0.2 - 0.0 * 0.4)
    first = np.minimum(failure(1 - cured, 12, 0.8), failure(relapse, 9, 0.9))
    first = np.minimum(first, failure(ndtr(-1.0), 9, 0.9))
    after = rng.exponential(9 * np.exp(0.1 * arms.decades[0]) / np.log(2), n)
    other = rng.exponential(12 / 0.05, n)
    death = np.minimum(first + after, other)
    found = curves(p, arms)
    for month in (12, 24, 60):
        at = np.flatnonzero(month == MONTHS)[0]
        assert found["overall_survival"][0, at] == pytest.approx((death > month).mean(), abs=0.015)
        free = (np.minimum(first, other) > month).mean()
        assert found["progression_free_survival"][0, at] == pytest.approx(free, abs=0.015)


def test_curves_fall_from_one_and_survival_is_above_that_without_progression():
    arms = Arms.of(evidence().rows)
    for name, curve in curves(prior(arms), arms).items():
        assert np.allclose(curve[:, 0], 1.0), name
        assert (np.diff(curve, axis=-1) <= 1e-9).all() and (curve >= 0).all(), name
    found = curves(prior(arms), arms)
    assert (found["overall_survival"] >= found["progression_free_survival"] - 1e-9).all()
    assert (found["local_failure"] >= found["local_control"] - 1e-9).all()  # death competes


def test_curves_are_finite_where_deaths_follow_failures_at_once():
    arms = Arms.of(evidence().rows)
    for curve in curves(prior(arms, u_death=6.0), arms).values():
        assert np.isfinite(curve).all() and (np.diff(curve, axis=-1) <= 1e-9).all()


@pytest.mark.parametrize("immune", [False, True])
def test_one_month_alone_is_that_of_the_curves(row, immune):
    arms = Arms.of([replace(row, immune=immune)])
    p = prior(arms)
    found, whole = at_month(p, arms, 24), cell_curves(p, arms)
    for name, value in found.items():
        assert value == pytest.approx(whole[name][..., np.searchsorted(MONTHS, 24)], rel=1e-12)


def test_who_was_never_treated_has_a_survival_beside_those_with_consolidation(row):
    arms = Arms.of([replace(row, immune=True), row])
    arms = replace(arms, total_gy=arms.total_gy * [[1], [0]], immune=np.array([1.0, 0.0]))
    alone = replace(arms, immune=np.zeros(2))
    p = prior(arms)
    found, plain = (at_month(p, a, 24)["overall_survival"] for a in (arms, alone))
    assert found[..., 1] == pytest.approx(plain[..., 1], rel=1e-12) and (found[..., 0] > plain[..., 0]).all()
    assert np.isfinite(cell_curves(p, arms)["overall_survival"]).all()


def test_more_dose_controls_more_and_more_time_less(row):
    def control(schedule):
        return float(control_probability(prior(None), Arms.of([replace(row, schedule=schedule)]))[0])

    assert control("74/37@7.4") > control("60/30@6") > control("60/30@8")
    assert control("60/15@3") > control("60/30@6")


def test_a_mix_of_schedules_counts_in_equal_shares(row):
    def control(schedule):
        return float(control_probability(prior(None), Arms.of([replace(row, schedule=schedule)]))[0])

    assert control("74/37@7.4|60/30@6") == pytest.approx((control("74/37@7.4") + control("60/30@6")) / 2)


def test_immune_consolidation_helps_and_does_nothing_where_its_ratio_is_one(row):
    plain, immune = (Arms.of([replace(row, immune=x)]) for x in (False, True))
    at = {k: curves(prior(None, immune_ratio=k), immune)["overall_survival"] for k in (0.6, 1.0)}
    without = curves(prior(None), plain)["overall_survival"]
    assert (at[0.6][0, 12:] > without[0, 12:]).all()
    assert np.allclose(at[1.0], without)
