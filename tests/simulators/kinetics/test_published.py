import numpy as np
import pytest

from simulators.core.course import Course, Event
from simulators.kinetics.published import PublishedKinetics
from simulators.published.constants import DEATH_CM3
from simulators.published.simulator import Benchmark, draw_patients
from simulators.tumour.dose_volume import trajectory
from twin import InputError, PatientTwin

CAPACITY_CM3 = 4 / 3 * np.pi * 15**3
TWIN = PatientTwin("published")
PARAMS = {"alpha_per_gy": np.array([0.1]), "growth_per_d": np.array([0.003]), "beta_c": np.array([0.03])}


def _course(*events):
    times, kinds, doses = zip(*events, strict=True)
    n = len(events)
    return Course(
        np.array(times, float),
        np.array(kinds, dtype=np.int8),
        np.array(doses, float),
        np.full(n, -1, dtype=np.int16),
        np.ones(n),
    )


BOTH = _course((1.375, Event.FRACTION, 2.0), (2.4, Event.CHEMOTHERAPY, 0.0), (3.375, Event.FRACTION, 2.0))


@pytest.mark.parametrize("kill", ["linear", "exponential"])
def test_each_day_follows_the_published_equation_by_hand(kill):
    kinetics = PublishedKinetics(50.0, kill)
    curve, _ = trajectory(kinetics, TWIN, PARAMS, [BOTH], np.arange(7.0))
    expected = [50.0]
    for lost in (0.0, 0.24, 0.15, 0.24 + 0.075, 0.0375, 0.01875):
        v = expected[-1]
        growth = 0.003 * np.log(CAPACITY_CM3 / v)
        expected.append(v * (1 + growth - lost) if kill == "linear" else v * (1 + growth) * np.exp(-lost))
    assert np.allclose(curve[0], expected, rtol=1e-12)


def test_stopping_on_the_way_changes_nothing():
    kinetics = PublishedKinetics(50.0, noise_seed=3)
    start = kinetics.start(TWIN, PARAMS)
    whole = kinetics.advance(start, PARAMS, [BOTH], 9.5)
    parts = start
    for day in (0.3, 1.375, 1.4, 4.0, 9.5):
        parts = kinetics.advance(parts, PARAMS, [BOTH], day)
    assert np.array_equal(whole.viable, parts.viable)
    assert np.array_equal(whole.log_survival, parts.log_survival)
    assert np.array_equal(start.viable, [1.0])
    with pytest.raises(InputError, match="back"):
        kinetics.advance(whole, PARAMS, [BOTH], 3.0)


def test_courses_of_one_patient_share_their_noise():
    none = _course((0.0, Event.IMAGING, 0.0))
    params = {k: np.broadcast_to(v, (2, 5)) for k, v in PARAMS.items()}
    kinetics = PublishedKinetics(50.0, "exponential", noise_seed=3)
    state = kinetics.advance(kinetics.start(TWIN, params), params, [none, BOTH], 2.0)
    assert np.allclose(state.viable[1] / state.viable[0], np.exp(-0.24))
    assert np.ptp(state.viable[0]) > 1e-3
    with pytest.raises(InputError, match="courses"):
        kinetics.advance(state, params, [none, BOTH, BOTH], 3.0)


def test_it_follows_the_data_sets_patients_within_their_noise():
    data, p = Benchmark(gamma=1, seed=8).factual(60), draw_patients(60, 8)
    for i in range(60):
        days = int(data["sequence_lengths"][i]) - 1
        if days < 10 or data["cancer_volume"][i, 10] < 1e-3:
            continue
        events = [(t, Event.FRACTION, 2.0) for t in np.flatnonzero(data["radio_application"][i])]
        events += [(t, Event.CHEMOTHERAPY, 0.0) for t in np.flatnonzero(data["chemo_application"][i])]
        if not events:
            continue
        course = _course(*sorted(events))
        params = {
            "alpha_per_gy": p.alpha_per_gy[i : i + 1],
            "growth_per_d": p.rho_per_d[i : i + 1],
            "beta_c": p.beta_c[i : i + 1],
        }
        kinetics = PublishedKinetics(float(p.volume_cm3[i]))
        after = kinetics.advance(kinetics.start(TWIN, params), params, [course], 10.0)
        ratio = kinetics.gtv_cm3(after)[0] / data["cancer_volume"][i, 10]
        # ten days of 1 % noise, more where a day's kill leaves little of a day's volume
        least = (data["cancer_volume"][i, 1:11] / data["cancer_volume"][i, :10]).min()
        assert abs(np.log(ratio)) < 5 * 0.01 * np.sqrt(10) / min(least, 1.0)


def test_a_tumour_stops_at_death_and_a_vanished_one_stays_away():
    fast = {**PARAMS, "growth_per_d": np.array([0.5])}
    kinetics = PublishedKinetics(900.0)
    assert kinetics.gtv_cm3(
        kinetics.advance(kinetics.start(TWIN, fast), fast, [BOTH], 30.0)
    ) == pytest.approx(DEATH_CM3)
    strong = {**PARAMS, "alpha_per_gy": np.array([2.0])}
    after = kinetics.advance(kinetics.start(TWIN, strong), strong, [BOTH], 30.0)
    assert after.viable[0] == 0
