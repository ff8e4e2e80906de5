"""The calibrated outcome model: lives that follow the curves, and what moves them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from scenarios.validation.cohort import course_of
from simulators.belief.prior import DIMENSIONS, parameters, points, prior_belief
from simulators.calibration.model import control_probability
from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.outcome import Treated
from simulators.outcome.calibrated import CalibratedOutcomes, _cases
from twin import Belief, ClinicalRecord, Geometry, InputError, PatientTwin, Scan, StructureSet, Volume

MODEL = CalibratedOutcomes()
ADVANCED = ClinicalRecord(age_years=63.0, sex="male", stage="IIIB", ecog=1)
EARLY = ClinicalRecord(age_years=74.0, sex="male", stage="IA2", ecog=1)


@cache
def patient(gtv_cm3):
    """A tumour of a volume: a box of voxels in a CT of nothing."""
    side = round(1000 * gtv_cm3) ** (1 / 3) / 8
    grid = Geometry((16, 16, 16), (side, side, side), (0.0, 0.0, 0.0))
    gtv = np.zeros(grid.shape, dtype=bool)
    gtv[4:12, 4:12, 4:12] = True
    ct = Scan("ct", 0.0, Volume(grid, np.zeros(grid.shape, dtype=np.int16), "CT", "HU"))
    return PatientTwin("p", scans=(ct,), structures=(StructureSet(grid, ()).with_mask("GTVp", "GTV", gtv),))


def treated(schedule, clinical=ADVANCED, gtv_cm3=80.0, concurrent=True, n=400, seed=0):
    twin = replace(patient(gtv_cm3), clinical=clinical)
    return Treated(twin, {}, [course_of(schedule, concurrent)] * n, np.zeros(n), seed)


@cache
def many():
    """Lives of 20,000 samples, and the expected values of the same."""
    case = treated("60/30", n=20_000)
    return MODEL.lives(case, {}), MODEL.expected(case, {})


@pytest.mark.parametrize(
    ("outcome", "time", "day"),
    [
        ("overall_survival_2y", "death", 730.5),
        ("overall_survival_5y", "death", 1826.25),
        ("progression_free_survival_2y", "progression", 730.5),
        ("local_control_2y", "local", 730.5),
    ],
)
def test_lives_are_drawn_from_the_curves_that_give_the_expected_values(outcome, time, day):
    lives, expected = many()
    assert (getattr(lives, time) > day).mean() == pytest.approx(expected[outcome].mean(), abs=0.015)


@pytest.mark.parametrize("place", ["local", "regional", "distant"])
@pytest.mark.parametrize("years", [2, 5])
def test_failures_are_drawn_from_the_incidences_that_death_leaves(place, years):
    lives, expected = many()
    share = lives.failed(place, 365.25 * years).mean()
    assert share == pytest.approx(expected[f"{place}_failure_{years}y"].mean(), abs=0.015)


def test_first_failures_compete_and_local_ones_go_on_after_year_two():
    lives, _ = many()
    times = np.stack([*lives.places.values(), lives.death])
    first, day = times.argmin(axis=0), times.min(axis=0)
    years = 365.25 * np.arange(0, 11)[:, None]
    incidence = np.stack([((first == k) & (day <= years)).mean(axis=1) for k in range(4)])
    free = (lives.progression > years).mean(axis=1)
    np.testing.assert_allclose(incidence.sum(axis=0) + free, 1.0)
    assert (np.diff(incidence, axis=1) >= 0).all() and (incidence[:, 0] == 0).all()
    assert incidence[0, 5] - incidence[0, 2] > 0.02


def test_control_rises_with_dose_and_falls_with_volume_and_lost_time():
    def control(schedule, **more):
        return MODEL.control(treated(schedule, **more)).mean()

    assert control("74/37") > control("60/30") > control("60/30", gtv_cm3=300.0)
    assert control("54/3", gtv_cm3=9.0, concurrent=False) > 0.8


@pytest.mark.parametrize(("record", "median"), [(ADVANCED, 80.0), (EARLY, 9.0)])
def test_failures_go_with_the_volume_and_the_median_of_the_stage_stays_where_trials_put_it(record, median):
    large, middle = (MODEL.expected(treated("60/30", record, v), {}) for v in (np.e * median, median))
    cells = _cases(MODEL.population, treated("60/30", record, median)).cells
    assert cells.failure_ratio == pytest.approx(1.0, abs=2e-3)
    distant = np.log(
        -np.log1p(-large["distant_failure_5y"].mean()) / -np.log1p(-middle["distant_failure_5y"].mean())
    )
    control = np.log(np.log(large["tumour_control"].mean()) / np.log(middle["tumour_control"].mean()))
    survival = np.log(
        np.log(large["overall_survival_2y"].mean()) / np.log(middle["overall_survival_2y"].mean())
    )
    assert 0.15 < distant < 0.35  # local failures and death compete
    assert 0.25 < control < 0.55  # clonogens grow with the volume too
    assert 0.08 < survival < 0.30  # published: 0.25 (Etiz 2002)


@pytest.mark.parametrize("case", [("60/30", ADVANCED, 80.0, True), ("54/3", EARLY, 9.0, False)])
def test_intervals_are_what_the_model_does_not_know_and_200_draws_give_them(case):
    """Of every outcome, and of its difference to another plan (`benchmarks/intervals.py` has the whole)."""

    def bounds(n, seed):
        schedule, *rest = case
        one, other = (MODEL.expected(treated(s, *rest, n=n, seed=seed), {}) for s in (schedule, "60/15"))
        return np.array([np.quantile(v, [0.1, 0.9]) for k in one for v in (one[k], one[k] - other[k])])

    many = bounds(4000, 100)
    width = many[:, 1] - many[:, 0]
    off = np.abs([bounds(200, seed) - many for seed in range(20)]) / width[:, None]
    assert (width[::2] > 0.04).all() and (width > 0).all()
    assert (np.median(off, axis=0) < 0.1).all()


def test_the_same_plan_twice_differs_in_nothing_and_another_keeps_the_spread_between_arms():
    one, same, other = (MODEL.expected(treated(s), {})["tumour_control"] for s in ("60/30", "60/30", "66/33"))
    assert (one == same).all()
    assert (other - one).std() > 0.01


def test_what_the_twin_learned_moves_control_as_far_as_the_link_holds():
    """A belief whose alpha lies two of its SDs low, half as wide: control by patients drawn one by one."""
    case = treated("60/30", n=300)
    prior = prior_belief(case.twin, 4000, 0)
    known = replace(case, twin=case.twin.fork(belief=prior))
    np.testing.assert_array_equal(MODEL.control(known), MODEL.control(case))  # a prior says nothing
    z = points(prior.samples, case.twin)
    z[:, DIMENSIONS.index("alpha")] = 0.5 * z[:, DIMENSIONS.index("alpha")] - 2.0
    low = Belief({**parameters(z, case.twin), "control_quantile": np.full(4000, 0.5)}, kind="posterior")
    learned = replace(case, twin=case.twin.fork(belief=low))
    moved = MODEL.control(learned)
    assert moved.mean() < MODEL.control(case).mean() - 0.03
    q, arms = (
        _cases(MODEL.population, case).q,
        _cases(MODEL.population, treated("60/30", n=1)).cells,
    )  # all samples have one course
    link = uniforms(Key(case.seed, case.twin.id, Purpose.POPULATION, ordinal=1), np.arange(300), 1)
    rng = np.random.default_rng(0)
    own = link * rng.choice(z[:, DIMENSIONS.index("alpha")], (300, 10_000))
    own = own + np.sqrt(1 - link**2) * rng.standard_normal((300, 10_000))
    one_by_one = {name: values[0][:, None] for name, values in q.items()}
    factor = 1.0 + one_by_one["alpha_spread"] * own
    one_by_one |= {"alpha_per_gy": one_by_one["alpha_per_gy"] * factor, "alpha_spread": 0.0 * factor}
    one_by_one["u_control"] = np.zeros((300, 1))  # of a trial and an arm: not of a patient
    expected = control_probability(
        _cases(MODEL.population, learned).q | {"u_control": np.zeros((1, 300))}, arms
    )[0]
    each = [
        control_probability(
            {k: np.broadcast_to(v, own.shape)[i][None] for k, v in one_by_one.items()}, arms
        ).mean()
        for i in range(0, 300, 30)
    ]
    np.testing.assert_allclose(each, expected[::30], atol=0.02)


def test_performance_status_is_graded_and_missing_is_the_mean_of_practice():
    def alive(ecog):
        return MODEL.expected(treated("60/30", with_ecog(ecog)), {})["overall_survival_2y"].mean()

    assert alive(0) > alive(None) > alive(1) > alive(2)


def with_ecog(ecog):
    return ADVANCED.model_copy(update={"ecog": ecog})


def test_survival_needs_age_sex_and_stage_and_control_does_not():
    nobody = treated("60/30", ClinicalRecord())
    assert set(MODEL.expected(nobody, {})) == {"tumour_control", "local_control_2y"}
    with pytest.raises(InputError, match="age_years, sex and a stage"):
        MODEL.lives(nobody, {})


def test_dose_to_the_heart_and_pneumonitis_shorten_lives_as_much_as_they_lower_the_expected_value():
    case = treated("60/30", n=20_000)
    harm = {"pneumonitis": np.full(20_000, 0.6), "mean_heart_dose": np.full(20_000, 30.0)}
    expected = [MODEL.expected(case, h)["overall_survival_2y"].mean() for h in ({}, harm)]
    assert expected[1] < expected[0] - 0.05
    assert (MODEL.lives(case, harm).death > 730.5).mean() == pytest.approx(expected[1], abs=0.015)


def test_no_treatment_controls_nothing():
    case = treated("60/30")
    empty = replace(case.courses[0], dose_gy=np.zeros_like(case.courses[0].dose_gy))
    assert MODEL.control(replace(case, courses=[empty] * 400)).max() < 1e-3
