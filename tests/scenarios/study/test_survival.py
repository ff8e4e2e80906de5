"""Survival analysis: against lifelines, against values by hand, and on patients of the NCCTG."""

import io
import zipfile

import numpy as np
import polars as pl
import pytest

from scenarios.study.survival import cox, kaplan_meier, log_rank, randomised, restricted_mean, times
from scenarios.study.trial import log_rank_statistic, power
from twin import InputError


def lives_of(deaths, plan="a", local=None, distant=None):
    n = len(deaths)
    return pl.DataFrame(
        {
            "patient": [f"p{i}" for i in range(n)],
            "plan": [plan] * n,
            "local_days": local or [None] * n,
            "distant_days": distant or [None] * n,
            "death_days": deaths,
        },
        schema_overrides={"local_days": pl.Float64, "distant_days": pl.Float64, "death_days": pl.Float64},
    )


def exponential(hazard_ratio, n=2000, seed=0):
    """One life for each patient under each of two plans with proportional hazards; the same chance for both."""
    waits = -np.log(np.random.default_rng(seed).random(n))
    return pl.concat([lives_of(waits * 700), lives_of(waits * 700 / hazard_ratio, plan="b")])


def unpaired(hazard_ratio, n, seed=0):
    """The same with chance of its own under each plan: studies differ by their patients."""
    waits = -np.log(np.random.default_rng(seed).random((2, n)))
    return pl.concat([lives_of(waits[0] * 700), lives_of(waits[1] * 700 / hazard_ratio, plan="b")])


@pytest.fixture(scope="module")
def ncctg(shared_data):
    """Days, event and group (women) of 228 patients with advanced lung cancer."""
    with zipfile.ZipFile(shared_data / "tables.zip") as archive:
        table = pl.read_csv(io.BytesIO(archive.read("lung_survival_tables/lung_ncctg.csv")))
    return (
        table["time"].to_numpy().astype(float),
        table["status"].to_numpy() == 1,
        table["sex"].to_numpy() == 2,
    )


def test_endpoints_by_hand():
    lives = lives_of([100.0, 500.0, 900.0], local=[50.0, None, 950.0], distant=[None, 300.0, None])

    def of(endpoint):
        return times(lives, endpoint, 800).select("days", "event").rows()

    assert of("overall_survival") == [(100.0, True), (500.0, True), (800.0, False)]
    assert of("progression_free_survival") == [(50.0, True), (300.0, True), (800.0, False)]
    assert of("local_control") == [(50.0, True), (500.0, False), (800.0, False)]


def test_lives_of_unknown_survival_are_left_out():
    assert times(lives_of([100.0, None]), "overall_survival")["patient"].to_list() == ["p0"]
    with pytest.raises(InputError, match="survival is unknown for every patient"):
        times(lives_of([None, None]), "overall_survival")
    with pytest.raises(InputError, match="there are: overall_survival"):
        times(lives_of([100.0]), "happiness")


def test_kaplan_meier_by_hand_with_numbers_at_risk():
    curve = kaplan_meier(
        times(lives_of([10.0, 20.0, 30.0, 40.0]), "overall_survival", 35), np.array([0.0, 10, 25, 35])
    )
    assert curve["survival"].to_list() == pytest.approx([1, 0.75, 0.5, 0.25])
    assert curve["at_risk"].to_list() == [4, 4, 2, 1]
    assert curve["events"].to_list() == [0, 1, 2, 3]
    assert ((curve["low"] <= curve["survival"]) & (curve["survival"] <= curve["high"])).all()


def test_the_log_rank_test_asks_for_independent_arms():
    frame = times(exponential(0.6), "overall_survival", 3000)
    with pytest.raises(InputError, match="`randomised` first"):
        log_rank(frame)
    once = randomised(frame, seed=1)
    assert once["patient"].n_unique() == len(once) == 2000
    assert once["plan"].value_counts()["count"].to_list() == [1000, 1000]
    assert log_rank(once)["p"][0] < 1e-9


def test_the_fast_log_rank_is_that_of_lifelines(ncctg):
    from lifelines.statistics import logrank_test

    days, event, treated = ncctg
    theirs = logrank_test(days[treated], days[~treated], event[treated], event[~treated]).test_statistic
    assert log_rank_statistic(days, event, treated)[0] == pytest.approx(theirs, rel=1e-9)


def test_cox_finds_the_hazard_ratio_and_pairs_narrow_its_interval():
    frame = times(exponential(0.7), "overall_survival", 5000)
    patients = pl.DataFrame({"patient": [f"p{i}" for i in range(2000)], "sex": ["female", "male"] * 1000})
    paired = cox(frame, patients)
    once = cox(randomised(frame), patients)
    assert paired["hazard_ratio"][0] == pytest.approx(0.7, abs=0.03)
    assert once["low"][0] < 0.7 < once["high"][0]
    assert paired["high"][0] - paired["low"][0] < 0.5 * (once["high"][0] - once["low"][0])


def test_cox_finds_who_benefits_by_an_interaction():
    waits = -np.log(np.random.default_rng(3).random(4000)) * 700
    male = np.arange(4000) % 2 == 1
    lives = pl.concat([lives_of(waits), lives_of(np.where(male, waits / 0.5, waits), plan="b")])
    patients = pl.DataFrame(
        {"patient": [f"p{i}" for i in range(4000)], "sex": np.where(male, "male", "female")}
    )
    table = cox(times(lives, "overall_survival", 9000), patients, ["sex"], ["sex"])
    assert cox(times(lives, "overall_survival", 9000), patients, "sex", "sex").equals(table)
    ratio = dict(zip(table["term"], table["hazard_ratio"], strict=True))
    assert ratio["plan b"] == pytest.approx(1.0, abs=0.08)
    assert ratio["plan b x sex male"] == pytest.approx(0.5, abs=0.06)
    with pytest.raises(InputError, match="unknown covariates: shoe, hat"):
        cox(times(lives, "overall_survival"), patients, ["shoe", "hat"])


def test_restricted_mean_by_hand_and_paired_differences():
    lives = pl.concat([lives_of([10.0, 20.0, 90.0]), lives_of([20.0, 30.0, 95.0], plan="b")])
    table = restricted_mean(times(lives, "overall_survival", 200), 50.0)
    assert table["mean_days"].to_list() == pytest.approx([80 / 3, 100 / 3])
    assert table["difference_days"].to_list() == [None, pytest.approx(20 / 3)]
    assert table["low"][1] < 20 / 3 < table["high"][1]


def test_restricted_mean_and_its_error_are_those_of_lifelines(ncctg):
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    days, event, _ = ncctg
    frame = pl.DataFrame(
        {"patient": np.arange(len(days)).astype(str), "plan": "a", "days": days, "event": event}
    )
    ours = restricted_mean(frame, 300.0)["mean_days"][0]
    theirs = restricted_mean_survival_time(KaplanMeierFitter().fit(days, event), t=300.0)
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_power_is_the_level_without_an_effect_and_near_schoenfelds_with_one():
    """Schoenfeld 1981: with d events, power = Phi(|ln HR| sqrt(d) / 2 - 1.96)."""
    from scipy.special import ndtr

    asked = {
        "arms": ("a", "b"),
        "sizes": (300,),
        "trials": 600,
        "accrual_days": 365.0,
        "follow_up_days": 1500.0,
    }
    none = power(exponential(1.0), **asked).row(0, named=True)
    assert none["low"] <= 0.05 <= none["high"] + 0.01
    some = power(exponential(0.7), **asked).row(0, named=True)
    expected = ndtr(abs(np.log(0.7)) * np.sqrt(some["events"]) / 2 - 1.96)
    assert abs(some["power"] - expected) < 0.06
    assert some["favours"] == pytest.approx(some["power"], abs=0.01)
    assert some["hazard_ratio"] == pytest.approx(0.7, abs=0.06)


def test_power_grows_with_size_and_depends_on_the_seed_only():
    lives = exponential(0.75, n=500)
    asked = {"arms": ("a", "b"), "trials": 200}
    table = power(lives, sizes=(100, 400, 1600), **asked)
    assert table["power"].is_sorted()
    assert table.equals(power(lives, sizes=(100, 400, 1600), **asked))


@pytest.mark.long
def test_the_interval_of_power_holds_what_other_patients_would_find():
    """Sixteen studies of 150 patients: their intervals of 95 % hold the power that 20,000 patients have."""
    asked = {"arms": ("a", "b"), "sizes": (300,), "accrual_days": 365.0, "follow_up_days": 1500.0}
    true = power(unpaired(0.75, n=20_000), **asked, trials=1500)["power"][0]
    found = pl.concat([power(unpaired(0.75, n=150, seed=s), **asked, trials=100) for s in range(1, 17)])
    assert found["power"].std() > 0.1  # more than the chance of 100 trials
    assert ((found["low"] <= true) & (true <= found["high"])).sum() >= 13  # P(fewer | 95 %) = 1 %


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"arms": ("a", "c")}, "no plan 'c'; its plans are a, b"),
        ({"arms": ("a", "a")}, "two different plans"),
        ({"sizes": (2,)}, "at least 4 patients"),
        ({"significance": 1.5}, "a level between 0 and 1"),
    ],
)
def test_a_trial_that_cannot_be_is_a_sentence(asked, words):
    with pytest.raises(InputError, match=words):
        power(exponential(1.0, n=20), **{"arms": ("a", "b"), "sizes": (10,), **asked})
