"""Radiobiology reproduces the published arithmetic to the digits shown."""

import numpy as np
import pytest

from simulators.tumour.radiobiology import (
    effective_bed,
    linear_bed,
    log_survival,
    poisson_tcp,
    survival,
    thames_factor,
)


def shown(value, text):
    """Whether the value is the printed one, to its last digit (a half may round either way)."""
    decimals = len(text.partition(".")[2])
    return abs(float(value) - float(text)) <= 0.5 * 10**-decimals + 1e-9


@pytest.mark.parametrize(
    ("total", "n", "days", "expected"),
    [(60, 30, 40, "62.76"), (74, 37, 51, "71.09"), (54, 36, 12, "62.10")],
)
def test_repopulation_lowers_the_effective_dose(total, n, days, expected):
    value = effective_bed(
        total, total / n, days, alpha_per_gy=0.3, alpha_beta_gy=10, kickoff_d=28, doubling_d=3
    )
    assert shown(value, expected)


@pytest.mark.parametrize(
    ("half_time_h", "h", "beds"), [(1.5, "0.0859", {10: "62.80", 3: "83.32"}), (4.0, "0.5547", {3: "95.98"})]
)
def test_three_fractions_a_day_do_not_repair_fully(half_time_h, h, beds):
    factor = thames_factor(3, 6.0, half_time_h)
    assert shown(factor, h)
    for ratio, expected in beds.items():
        assert shown(54 * (1 + 1.5 * (1 + factor) / ratio), expected)


@pytest.mark.parametrize(("threshold", "expected"), [(20, "151.2"), (10, "132.0"), (6.2, "109.4")])
def test_lql_bends_large_fractions(threshold, expected):
    assert shown(linear_bed(54, 18, 10, threshold), expected)
    effect = -3 * log_survival(18.0, 0.3, 10.0, linear_above_gy=threshold) / 0.3
    assert shown(effect, expected)


@pytest.mark.parametrize(("clonogens", "expected"), [(1e7, "0.936"), (1e9, "0.0013")])
def test_poisson_control(clonogens, expected):
    # 30 fractions of alpha 0.3, beta 0.03, and 12 days of repopulation
    effect = 30 * log_survival(2.0, 0.3, 10.0) + np.log(2) * (40 - 28) / 3
    assert shown(poisson_tcp(clonogens, effect), expected)


@pytest.mark.parametrize(("oer", "expected"), [(1.0, "0.487"), (1.7, "0.674"), (2.8, "0.795")])
def test_oxygen_divides_the_dose(oer, expected):
    assert shown(survival(2.0, 0.3, 10.0, oer=oer), expected)


def test_survival_broadcasts_and_keeps_tiny_values():
    doses = np.array([0.0, 2.0, 20.0])
    alphas = np.array([[0.3], [0.5]])
    s = survival(doses, alphas, 10.0)
    assert s.shape == (2, 3) and (s[:, 0] == 1).all()
    assert s[1, 2] == pytest.approx(np.exp(-(0.5 * 20 + 0.05 * 400)), rel=1e-12)
