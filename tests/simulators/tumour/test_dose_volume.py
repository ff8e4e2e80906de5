"""Lumped and binned tumours: exact where exactness is promised, and the model's computed values."""

import io

import numpy as np
import pytest

from simulators.belief.prior import CLINICAL, median_parameters, prior_belief
from simulators.core.course import Course, Event
from simulators.core.kinetics import TumourState
from simulators.tumour.dose_volume import DoseVolumeKinetics, trajectory
from twin import InputError, PatientTwin

PATIENT = PatientTwin("kinetics-test")
MEDIAN = {**median_parameters(PATIENT), "alpha_per_gy": np.full(1, 0.36)}  # the cut moves the median by 3e-5


def course(times, doses, *, images=(), chemo=(), end=True, grid=-1, grids=()):
    """A course of fractions, sorted as the engine sorts it."""
    rows = [(t, Event.FRACTION, d, 0.0) for t, d in zip(times, doses, strict=True)]
    rows += [(t, Event.IMAGING, 0.0, 0.0) for t in images] + [
        (t, Event.CHEMOTHERAPY, 0.0, s) for t, s in chemo
    ]
    if end and rows:
        rows.append((max(r[0] for r in rows if r[1] != Event.IMAGING), Event.COURSE_END, 0.0, 0.0))
    order = {Event.IMAGING: 0, Event.CHEMOTHERAPY: 1, Event.FRACTION: 2, Event.COURSE_END: 3}
    rows.sort(key=lambda r: (r[0], order[r[1]]))
    return Course(
        np.array([r[0] for r in rows], dtype=np.float64),
        np.array([r[1] for r in rows], dtype=np.int8),
        np.array([r[2] for r in rows], dtype=np.float64),
        np.full(len(rows), grid, dtype=np.int16),
        np.array([r[3] for r in rows], dtype=np.float64),
        grids,
    )


def weekdays(total, fractions, *, skip=(), **more):
    days, day = [], 0
    while len(days) < fractions:
        if day % 7 < 5 and day not in skip:
            days.append(day + 0.375)
        day += 1
    return course(days, [total / fractions] * fractions, **more)


NO_PLAN = course([], [])
STANDARD = weekdays(60, 30)


def params(n=1, **changes):
    base = {k: np.repeat(v, n) for k, v in MEDIAN.items()}
    return {**base, **{k: np.broadcast_to(np.asarray(v, float), n).copy() for k, v in changes.items()}}


def run(plan, p, days, gtv0=60.0, **options):
    return trajectory(DoseVolumeKinetics(gtv0, **options), PATIENT, p, [plan], np.asarray(days, float))


def equal(a: TumourState, b: TumourState):
    mine, theirs = a.arrays(), b.arrays()
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


def test_an_untreated_tumour_of_viable_cells_follows_gompertz_exactly():
    p = params(remnant_fraction=0.0)
    days = np.linspace(0, 1000, 41)
    volume, _ = run(NO_PLAN, p, days)
    rate, capacity = p["growth_per_d"][0], p["capacity_cm3"][0]
    expected = capacity * (60 / capacity) ** np.exp(-rate * days)
    np.testing.assert_allclose(volume[0], expected, rtol=1e-12)


def test_fractions_at_nine_with_the_clock_at_midnight_lose_nothing():
    _, state = run(STANDARD, params(), [60.0])
    times, doses = STANDARD.time_days[:-1], STANDARD.dose_gy[:-1]
    # Incomplete repair as the double sum of Thames over all pairs of fractions.
    phi = np.exp2(-np.abs(times[:, None] - times) * 24 / MEDIAN["repair_half_time_h"][0])
    expected = -(0.36 * doses.sum() + 0.036 * doses @ phi @ doses) + np.log(2) / 3 * (40 - 21)
    assert state.log_survival[0] == pytest.approx(expected, rel=1e-12)


def test_two_fractions_a_day_are_two_kills():
    p = params(remnant_fraction=0.0, growth_per_d=0.0)
    _, twice = run(course([0.375, 0.625], [2, 2], end=False), p, [1.0])
    one = -(0.36 * 2 + 0.036 * 4)
    cross = 2 * 0.036 * 2 * 2 * 2.0 ** (-6 / p["repair_half_time_h"][0])  # what six hours did not repair
    assert twice.viable[0] == pytest.approx(np.exp(2 * one - cross), rel=1e-12)
    assert twice.log_survival[0] == pytest.approx(2 * one - cross, rel=1e-12)


@pytest.mark.parametrize("stop", [0.0, 0.375, 7.0, 30.0, 30.123, 39.375, 39.4, 64.7])
def test_stopping_saving_and_going_on_is_never_stopping(stop):
    p = {k: v[:40] for k, v in prior_belief(PATIENT, 40, seed=3).samples.items()}
    kinetics = DoseVolumeKinetics(60.0, np.array([0.5, 0.3, 0.2]), {"g": np.array([0.7, 1.0, 1.1])})
    plan = weekdays(60, 30, grid=0, grids=("g",), images=[30.0, 30.123])
    start = kinetics.start(PATIENT, p)
    straight = kinetics.advance(start, p, [plan], 120.3)
    file = io.BytesIO()
    np.savez(file, **kinetics.advance(start, p, [plan], stop).arrays())
    file.seek(0)
    again = TumourState(**np.load(file))
    equal(kinetics.advance(again, p, [plan], 120.3), straight)
    assert (start.viable == kinetics.start(PATIENT, p).viable).all()  # nothing was changed in place


def test_looking_and_imaging_do_not_change_the_future():
    p = params(5, clearance_half_time_d=[10, 20, 30, 40, 50])
    often, last = run(weekdays(60, 30, images=[3.3541, 17.1]), p, np.linspace(0, 200, 613))
    seldom, end = run(STANDARD, p, [0.0, 200.0])
    np.testing.assert_array_equal(often[:, [0, -1]], seldom)
    np.testing.assert_array_equal(last.viable, end.viable)


def test_a_plan_of_zero_dose_equals_no_plan():
    p = params(4, clearance_half_time_d=[10, 20, 30, 40])
    days = np.linspace(0, 365, 50)
    nothing, a = run(weekdays(0, 30), p, days)
    none, b = run(NO_PLAN, p, days)
    np.testing.assert_array_equal(nothing, none)
    assert np.isnan(a.survivors).all() and np.isnan(b.survivors).all()
    assert (a.log_survival == 0).all()


def test_a_sample_depends_on_neither_batch_nor_other_plans_nor_threads():
    import numba

    p = prior_belief(PATIENT, 64, seed=9).samples
    plans = [STANDARD, weekdays(55, 20), weekdays(54, 3)]
    days = np.arange(0.0, 200.0)
    both = {k: np.broadcast_to(v, (3, 64)) for k, v in p.items()}
    together, _ = trajectory(DoseVolumeKinetics(60.0), PATIENT, both, plans, days)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        for i, plan in enumerate(plans):
            alone, _ = run(plan, {k: v[10:20] for k, v in p.items()}, days)
            np.testing.assert_array_equal(alone, together[i, 10:20])
    finally:
        numba.set_num_threads(threads)


@pytest.mark.parametrize("step_days", [0.5, 30.0, 1e4])
@pytest.mark.parametrize("gtv0", [0.5, 60.0, 1149.0, 4000.0])
def test_no_step_size_is_unstable_or_negative(step_days, gtv0):
    p = params(4, growth_per_d=[0.0017, 0.1, 1.0, 10.0], remnant_fraction=[0.0, 0.2, 0.9, 0.999])
    volume, state = run(weekdays(60, 30), p, np.geomspace(0.1, 20_000, 60), gtv0=gtv0, step_days=step_days)
    assert np.isfinite(volume).all() and (volume >= 0).all()
    assert (volume <= max(1150.0, gtv0) * (1 + 1e-9)).all()
    assert (state.viable >= 0).all() and (state.doomed >= 0).all()


def test_steps_converge_to_second_order():
    p = params(remnant_fraction=0.3, growth_per_d=0.02, clearance_half_time_d=8.0, control_quantile=0.9)
    plan = course([0.0, 16.0, 32.0], [2.0, 2.0, 2.0], end=False)

    def at(step):
        return run(plan, p, [64.0], step_days=step)[0][0, 0]

    exact = at(1 / 64)
    errors = np.abs([at(step) - exact for step in (4.0, 2.0, 1.0)])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), 2.0, atol=0.1)


def test_survival_of_ten_to_the_minus_ten_is_kept():
    p = params(alpha_per_gy=0.4, alpha_beta_gy=10.0, remnant_fraction=0.0, growth_per_d=0.0)
    _, state = run(weekdays(60, 30, end=False), p, [60.0])
    assert state.viable[0] == pytest.approx(np.exp(-30 * (0.8 + 0.16)), rel=1e-4)
    assert 1e-13 < state.viable[0] < 1e-12


def test_control_curve_and_clonogens_share_one_draw():
    p = params(200, control_quantile=(np.arange(200) + 0.5) / 200)
    gtv, state = run(STANDARD, p, [39.0, 40.0, 800.0], gtv0=80.0)
    expected = 1e7 * 80 * np.exp(state.log_survival)
    cured = state.survivors == 0
    assert cured.mean() == pytest.approx(np.exp(-expected[0]), abs=0.005)
    assert (state.viable[cured] == 0).all() and (state.viable[~cured] > 0).all()
    assert (np.diff(state.survivors) >= 0).all()
    remnant = 80 * state.remnant[0]
    assert gtv[cured, 2] == pytest.approx(remnant, abs=0.01)


def test_more_dose_never_leaves_more_clonogens():
    p = prior_belief(PATIENT, 500, seed=4).samples
    totals = [40, 50, 55, 60, 66]
    plans = [course(STANDARD.time_days[:-1], [t / 30] * 30) for t in totals]
    batch = {k: np.broadcast_to(v, (len(plans), 500)) for k, v in p.items()}
    _, state = trajectory(DoseVolumeKinetics(60.0), PATIENT, batch, plans, np.array([100.0]))
    assert (np.diff(state.survivors, axis=0) <= 0).all()


def test_poisson_quantile_is_that_of_scipy():
    from scipy.special import ndtri
    from scipy.stats import poisson

    from simulators.tumour.steps import poisson_quantile

    rng = np.random.default_rng(0)
    for mean in (1e-12, 0.01, 0.7, 5.0, 300.0, 699.0, 701.0, 5e3, 1e6):
        for u in rng.uniform(1e-4, 1 - 1e-4, 20):
            ours, theirs = poisson_quantile(u, ndtri(u), mean), poisson.ppf(u, mean)
            assert abs(ours - theirs) <= (0 if mean <= 700 else 1), (mean, u)


def test_chemotherapy_adds_its_log_kill():
    p = params(growth_per_d=0.0, remnant_fraction=0.0)
    _, with_drugs = run(course([0.375], [2.0], chemo=[(0.3, 0.5), (21.3, 0.5)], end=False), p, [30.0])
    _, without = run(course([0.375], [2.0], end=False), p, [30.0])
    assert without.log_survival[0] - with_drugs.log_survival[0] == pytest.approx(1.5, rel=1e-12)
    assert with_drugs.viable[0] == pytest.approx(without.viable[0] * np.exp(-1.5), rel=1e-12)


def test_hypoxic_cells_reoxygenate():
    def effect(**changes):
        return run(STANDARD, params(**changes), [50.0])[1].log_survival[0]

    static = effect(hypoxic_fraction=0.2, oer=2.0, reoxygenation_half_time_d=1e9)
    reoxygenating = effect(hypoxic_fraction=0.2, oer=2.0, reoxygenation_half_time_d=5.0)
    assert effect() < reoxygenating < static
    first = run(course([0.375], [2.0], end=False), params(hypoxic_fraction=0.2, oer=2.0), [1.0])[1]
    by_hand = np.log(0.8 * np.exp(-(0.72 + 0.144)) + 0.2 * np.exp(-(0.36 + 0.036)))
    assert first.log_survival[0] == pytest.approx(by_hand, rel=1e-12)


def test_bins_of_one_dose_are_the_lumped_tumour():
    p = prior_belief(PATIENT, 50, seed=5).samples
    plan = weekdays(60, 30, grid=0, grids=("g",))
    days = np.arange(0.0, 200.0, 7)
    bins = DoseVolumeKinetics(60.0, np.full(8, 1 / 8), {"g": np.ones(8)})
    binned, a = trajectory(bins, PATIENT, p, [plan], days)
    lumped, b = trajectory(DoseVolumeKinetics(60.0), PATIENT, p, [plan], days)
    np.testing.assert_allclose(binned, lumped, rtol=1e-11)
    np.testing.assert_array_equal(a.survivors == 0, b.survivors == 0)


def test_a_cold_bin_carries_the_clonogens_that_survive():
    p = params()
    plan = weekdays(60, 30, grid=0, grids=("g",))
    cold = DoseVolumeKinetics(60.0, np.array([0.95, 0.05]), {"g": np.array([1.0, 0.6])})
    _, state = trajectory(cold, PATIENT, p, [plan], np.array([39.3]))
    assert state.log_survival[0, 1] - state.log_survival[0, 0] > 8
    with pytest.raises(InputError, match="'g'"):
        trajectory(DoseVolumeKinetics(60.0, np.ones(1), {"h": np.ones(1)}), PATIENT, p, [plan], np.ones(1))


@pytest.mark.parametrize(
    ("total", "fractions", "expected"), [(60, 30, 12.2), (74, 37, 12.2), (55, 20, 12.0), (54, 3, 11.8)]
)
def test_curative_plans_shrink_the_same_tumour_alike(total, fractions, expected):
    # The model note's values belong to a clearance of 35 d and no remnant; at 32 d they are 10.1 to 10.3.
    p = params(remnant_fraction=0.0, clearance_half_time_d=35.0)
    volume, _ = run(weekdays(total, fractions), p, [90.0], gtv0=70.0)
    assert volume[0, 0] == pytest.approx(expected, abs=0.1)


def test_median_regression_on_day_39_is_in_the_clinical_range():
    volume, _ = run(STANDARD, prior_belief(PATIENT, 2000, seed=2).samples, [39.0], gtv0=70.0)
    assert 0.40 <= 1 - np.median(volume) / 70 <= 0.65


@pytest.fixture(scope="module")
def population():
    """Control probability of 20,000 patients' parameters, averaged over the draw."""
    p = prior_belief(PATIENT, 20_000, seed=11).samples

    def tcp(plan, gtv0, **options):
        _, state = run(plan, p, [70.0], gtv0=gtv0, **options)
        return float(np.exp(-CLINICAL.clonogens_per_cm3 * gtv0 * np.exp(state.log_survival)).mean())

    return tcp


@pytest.mark.parametrize(
    ("total", "fractions", "gtv0", "expected"),
    [(60, 30, 80, 0.52), (74, 37, 80, 0.67), (60, 15, 80, 0.86), (54, 3, 9, 0.99), (48, 4, 9, 0.96)],
)
def test_population_control(population, total, fractions, gtv0, expected):
    assert population(weekdays(total, fractions), gtv0) == pytest.approx(expected, abs=0.012)


def test_a_missed_week_costs_control(population):
    gap = weekdays(60, 30, skip=range(14, 21))
    loss = 100 * (population(gap, 80.0) - population(STANDARD, 80.0))
    assert loss == pytest.approx(-8.7, abs=0.5)


def test_lql_takes_a_little_control_from_large_fractions(population):
    assert population(weekdays(54, 3), 9.0, linear_above_gy=6.2) == pytest.approx(0.97, abs=0.006)


def test_survivors_of_a_course_regrow_at_their_own_rate():
    """Curve and control agree: the viable cells of a failed sample grow by regrowth_factor times the rate."""
    for factor in (1.0, 3.0):
        p = params(
            control_quantile=1 - 1e-9, remnant_fraction=0.0, clearance_half_time_d=2.0, regrowth_factor=factor
        )
        volume, state = run(STANDARD, p, [400.0, 900.0])
        assert state.survivors[0] >= 1
        expected = 1150 * (volume[0, 0] / 1150) ** np.exp(-0.0017 * factor * 500)
        assert volume[0, 1] == pytest.approx(expected, rel=1e-4)
