import numpy as np
import pytest

from simulators.core.chance import Key, Purpose, uniforms
from simulators.published.baselines import BayesFilter, LinearBaseline, Task, scores
from simulators.published.constants import DEATH_CM3
from simulators.published.forecast import TwinForecaster
from simulators.published.simulator import STAGES, Benchmark, draw_patients
from twin import InputError

CAPACITY_CM3 = 4 / 3 * np.pi * 15**3


@pytest.fixture(scope="module")
def data():
    return Benchmark(gamma=2, seed=3).factual(2000)


def _relative_changes(data, patients, kill):
    """Residuals of the published equation, from nothing but the arrays that were returned."""
    volume, chemo, gy = data["cancer_volume"], data["chemo_dosage"], data["radio_dosage"]
    alpha, rho, beta_c = (a[:, None] for a in (patients.alpha_per_gy, patients.rho_per_d, patients.beta_c))
    days = np.arange(1, volume.shape[1])
    ends = data["death_flags"].any(axis=1) | data["recovery_flags"].any(axis=1)
    inside = days < (data["sequence_lengths"] - ends)[:, None]
    before = np.where(inside, volume[:, :-1], 1.0)
    lost = beta_c * chemo[:, :-1] + alpha * gy[:, :-1] + alpha / 10 * gy[:, :-1] ** 2
    growth = rho * np.log(CAPACITY_CM3 / before)
    after = volume[:, 1:] / before
    noise = after - 1 - growth + lost if kill == "linear" else after * np.exp(lost) - 1 - growth
    return noise[inside]


@pytest.mark.parametrize("kill", ["linear", "exponential"])
def test_volumes_obey_the_published_equation_with_one_percent_noise(kill):
    data = Benchmark(gamma=2, kill=kill, seed=3).factual(2000)
    noise = _relative_changes(data, draw_patients(2000, 3), kill)
    assert len(noise) > 50_000
    assert abs(noise.mean()) < 2e-4
    assert noise.std() == pytest.approx(0.01, rel=0.02)
    assert np.abs(noise).max() < 0.06


def test_drugs_decay_with_a_half_life_of_a_day_and_radiotherapy_gives_two_gray(data):
    chemo, level = data["chemo_application"], data["chemo_dosage"]
    inside = np.arange(60) < data["sequence_lengths"][:, None]
    expected = 0.5 * np.hstack([np.zeros((len(level), 1)), level[:, :-1]]) + 5 * chemo
    assert np.allclose(level[inside], expected[inside])
    assert np.array_equal(data["radio_dosage"], 2 * data["radio_application"])


def test_treatment_probability_follows_the_mean_diameter_of_the_last_fifteen_days(data):
    patient = int(np.argmax(data["sequence_lengths"] >= 40))
    volume = data["cancer_volume"][patient]
    for day in (1, 7, 30):
        mean_cm = np.cbrt(6 / np.pi * volume[max(day - 15, 0) : day]).mean()
        expected = 1 / (1 + np.exp(-2 / 13 * (mean_cm - 6.5)))
        assert data["radio_probabilities"][patient, day] == pytest.approx(expected, rel=1e-9)


def test_confounding_makes_large_tumours_more_treated_and_none_makes_no_difference():
    rates = {}
    for gamma in (0, 4):
        d = Benchmark(gamma=gamma, seed=1).factual(2000)
        large = d["cancer_volume"][:, 0] > np.pi / 6 * 8**3
        given = d["radio_application"][:, 1]
        rates[gamma] = given[large].mean() - given[~large].mean()
    assert abs(rates[0]) < 0.07
    assert rates[4] > 0.4


def test_patients_come_from_the_published_distributions():
    p = draw_patients(20_000, seed=5)
    shares = {stage: (p.stage == stage).mean() for stage in STAGES}
    for stage, (cases, *_rest) in STAGES.items():
        assert shares[stage] == pytest.approx(cases / 22954, abs=0.01)
    diameter_cm = np.cbrt(6 / np.pi * p.volume_cm3)
    assert diameter_cm.min() >= 0.3 - 1e-9
    assert diameter_cm.max() <= 13 + 1e-9
    assert diameter_cm[p.stage == "I"].max() <= 5 + 1e-9
    assert p.beta_c[p.kind == 2].mean() == pytest.approx(0.028, abs=4e-5)
    assert p.beta_c[p.kind == 3].mean() == pytest.approx(0.0308, abs=4e-5)
    # against plain rejection from the same correlated normal
    rng = np.random.default_rng(0)
    cross = 0.87 * 0.168 * 7.23e-3
    draws = rng.multivariate_normal([0.0398, 7e-5], [[0.168**2, cross], [cross, 7.23e-3**2]], 100_000)
    draws = draws[(draws > 0).all(axis=1)]
    assert p.alpha_per_gy[p.kind != 1].mean() == pytest.approx(draws[:, 0].mean(), rel=0.02)
    assert p.rho_per_d.mean() == pytest.approx(draws[:, 1].mean(), rel=0.02)


def test_a_patient_is_the_same_whatever_the_number_of_patients(data):
    few = Benchmark(gamma=2, seed=3).factual(10)
    for name, values in few.items():
        assert np.array_equal(values, data[name][:10]), name


def test_the_kernel_hashes_the_same_numbers_as_the_engine(data):
    from simulators.published.kernel import RADIO, STREAM_DAYS

    u = uniforms(Key(3, "published", Purpose.PUBLISHED, ordinal=65), np.arange(50), (RADIO + 1) * STREAM_DAYS)
    day = 5
    alive = data["sequence_lengths"][:50] > day
    tossed = u[:, RADIO * STREAM_DAYS + day] < data["radio_probabilities"][:50, day]
    assert np.array_equal(tossed[alive], data["radio_application"][:50, day][alive] == 1)


def test_sequences_end_with_death_at_the_threshold_or_recovery_to_nothing(data):
    last = data["sequence_lengths"].astype(int) - 1
    rows = np.arange(len(last))
    died = data["death_flags"][rows, last] == 1
    cured = data["recovery_flags"][rows, last] == 1
    assert died.any()
    assert cured.any()
    assert np.allclose(data["cancer_volume"][rows, last][died], DEATH_CM3)
    assert (data["cancer_volume"][rows, last][cured] == 0).all()
    assert (last[~died & ~cured] == 58).all()
    assert (data["cancer_volume"][np.arange(60) > last[:, None]] == 0).all()


@pytest.mark.long
def test_exponential_kill_never_leaves_less_than_nothing():
    data = Benchmark(gamma=0, kill="exponential", seed=2).one_step(100)
    assert (data["cancer_volume"] >= 0).all()
    assert (Benchmark(gamma=0, kill="linear", seed=2).one_step(100)["cancer_volume"] < 0).any()


def test_one_step_rows_differ_only_in_the_days_treatment_and_share_its_noise():
    patients = draw_patients(40, 4)
    data = Benchmark(gamma=1, seed=4, kill="exponential").one_step(40)
    assert len(data["cancer_volume"]) % 4 == 0
    who, day = (data[k].astype(int) for k in ("patient_ids_all_trajectories", "patient_current_t"))
    rows = np.arange(len(day))
    options = 2 * data["chemo_application"][rows, day] + data["radio_application"][rows, day]
    assert (np.sort(options.reshape(-1, 4), axis=1) == np.arange(4)).all()
    outcome = data["cancer_volume"][rows, day + 1].reshape(-1, 4)
    inside = (outcome[:, 0] < DEATH_CM3).nonzero()[0]  # the factual outcome stops at death
    order = np.argsort(options.reshape(-1, 4), axis=1)
    by_option = np.take_along_axis(outcome, order, axis=1)[inside]
    alpha = patients.alpha_per_gy[who.reshape(-1, 4)[inside, 0]]
    beta_c = patients.beta_c[who.reshape(-1, 4)[inside, 0]]
    positive = by_option[:, 0] > 0
    assert np.allclose((by_option[:, 1] / by_option[:, 0])[positive], np.exp(-2.4 * alpha)[positive])
    assert np.allclose((by_option[:, 2] / by_option[:, 0])[positive], np.exp(-5 * beta_c)[positive])


@pytest.mark.parametrize("mode", ["sliding_treatment", "random_trajectories"])
def test_sequences_branch_after_the_current_day_and_nothing_before_it_changes(mode):
    horizon = 3
    data = Benchmark(gamma=1, seed=4, kill="exponential").sequences(20, horizon, mode)
    assert data["cancer_volume"].shape[1] == 63
    day = data["patient_current_t"].astype(int)
    assert np.array_equal(data["sequence_lengths"], day + horizon + 1)
    groups = len(day) // (2 * horizon)
    volume = data["cancer_volume"].reshape(groups, 2 * horizon, -1)
    for g in (0, groups // 2, groups - 1):
        t = day[2 * horizon * g]
        assert (volume[g, :, : t + 2] == volume[g, 0, : t + 2]).all()
        assert (volume[g, :, t + 2 + horizon :] == 0).all()
    rows = np.arange(len(day))[:, None]
    ahead = day[:, None] + 1 + np.arange(horizon)
    chemo, radio = data["chemo_application"][rows, ahead], data["radio_application"][rows, ahead]
    if mode == "sliding_treatment":
        assert (chemo[: 2 * horizon] == np.vstack([np.eye(horizon), np.zeros((horizon, horizon))])).all()
        assert (radio[: 2 * horizon] == np.vstack([np.zeros((horizon, horizon)), np.eye(horizon)])).all()
    else:
        assert chemo.mean() == pytest.approx(0.5, abs=0.03)
        assert abs(np.corrcoef(chemo.ravel(), radio.ravel())[0, 1]) < 0.03


def test_linear_kill_drops_sequences_that_fall_below_nothing_on_the_way():
    data = Benchmark(gamma=0, seed=2).sequences(200, 3)
    rows = np.arange(len(data["sequence_lengths"]))
    last = data["sequence_lengths"].astype(int)
    for back in (1, 2):
        assert (data["cancer_volume"][rows, last - back] >= 0).all()


@pytest.mark.parametrize(
    "bad", [{"gamma": -1}, {"gamma": (0.0, np.nan)}, {"days": 2}, {"days": 10**6}, {"kill": "cubic"}]
)
def test_what_cannot_be_simulated_is_refused(bad):
    with pytest.raises(InputError):
        Benchmark(**bad)


def test_no_patients_and_no_horizon_are_refused():
    with pytest.raises(InputError):
        Benchmark().factual(0)
    with pytest.raises(InputError):
        Benchmark().sequences(3, horizon=0)


def test_the_filter_that_knows_the_equation_is_calibrated_and_beats_the_linear_forecast():
    training = Benchmark(gamma=2, seed=1).factual(400)
    data = Benchmark(gamma=2, seed=2).one_step(80)
    task = Task.of(data, 1, data["patient_current_t"].astype(int))
    linear = scores(LinearBaseline(training).forecast(task)[:, 0], task.outcome_cm3[:, 0])
    knows = scores(BayesFilter().forecast(task)[:, 0], task.outcome_cm3[:, 0])
    assert knows["crps_percent"] < 0.5 * linear["crps_percent"]
    assert 0.75 < knows["coverage"] < 0.85


def test_the_engines_twin_sees_the_volumes_and_fractions_and_forecasts_each_plan():
    data = Benchmark(gamma=2, seed=2).one_step(6)
    task = Task.of(data, 1, data["patient_current_t"].astype(int))
    rows = np.flatnonzero((task.now == 12) & (task.volume_cm3[:, 12] > 1))[:4]
    assert len(rows) == 4
    some = task.part(rows)
    model = TwinForecaster(observations=4, belief=200)
    twin = model.twin(some, 0)
    assert twin.gtv_cm3 == pytest.approx(some.volume_cm3[0, 0])
    assert len(twin.fractions) == some.radio[0, :12].sum()
    assert [o.time_days for o in twin.observations] == [1, 4, 8, 12]
    forecast = model.forecast(some, samples=50)
    assert forecast.shape == (4, 1, 50)
    treated = some.plan_radio[:, 0] == 1
    # the same samples with and without radiotherapy: never more tumour with it
    assert (forecast[treated][0] <= forecast[~treated][0]).all()


def test_scores_of_a_known_forecast():
    # 0.5 and 1.5 about an outcome of 1: |error| 0.5 each, half the mean pair difference is 0.5
    result = scores(np.array([[0.5, 1.5]]), np.array([1.0]))
    assert result["rmse_percent"] == 0
    assert result["crps_percent"] == pytest.approx(0.0, abs=1e-12)
    assert scores(np.array([[3.0, 3.0]]), np.array([1.0]))["crps_percent"] == pytest.approx(200 / DEATH_CM3)
