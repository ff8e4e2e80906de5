"""The twin learns as Bayes would: calibrated, equal to a reference sampler, and only what there is to learn."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulators.belief.information import (
    beliefs_along,
    drawn_cm3,
    forecast,
    what_moved_the_forecast,
    what_was_learned,
)
from simulators.belief.prior import prior_belief
from simulators.belief.update import delivered, update_belief
from simulators.core.course import Event
from twin import Observation, PatientTwin

_FILE = Path(__file__).resolve().parents[3] / "benchmarks" / "belief.py"
_SPEC = importlib.util.spec_from_file_location("benchmark_belief", _FILE)
bench = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(bench)


@pytest.fixture(scope="module")
def scores():
    return [bench.score(bench.case(i), samples=1000) for i in range(200)]


@pytest.mark.long
def test_true_parameters_rank_uniformly_among_posterior_samples(scores):
    """Simulation-based calibration (Talts 2018); 15 parameters, so p below 0.001 would be a finding."""
    names = [k for k in scores[0] if k.startswith("rank")]
    assert len(names) >= 14
    p = {name: bench.uniformity(np.array([s[name] for s in scores])) for name in names}
    assert min(p.values()) > 1e-3, p


@pytest.mark.long
def test_forecast_intervals_cover_what_they_say(scores):
    from scipy.stats import binomtest

    hits = int(sum(s["covered"] for s in scores))
    assert binomtest(hits, len(scores), 0.8).pvalue > 0.01, hits / len(scores)


def test_three_scans_sharpen_the_forecast(scores):
    ratio = np.mean([s["crps"] for s in scores]) / np.mean([s["crps prior"] for s in scores])
    assert 0.4 < ratio < 0.75


@pytest.mark.slow
def test_the_posterior_is_that_of_a_reference_sampler():
    """Of three volumes and an uptake, with independent code."""
    pytest.importorskip("numpyro", reason="numpyro (test extra) is not installed")
    case = bench.case(3)
    uptakes = Observation(0.1, "suv_max", 10.0), Observation(17.4, "suv_max", 9.0)
    seen = tuple(sorted((*case.twin.observations, *uptakes), key=lambda o: o.time_days))
    case = replace(case, twin=case.twin.fork(observations=seen))
    ours = update_belief(case.twin).belief.samples
    nuts = bench.reference_sampler(case, draws=1500)
    for name, theirs in nuts.items():
        # Monte Carlo error of NUTS with an effective size of about half its draws, and of 10,000 samples.
        error = theirs.std() * np.sqrt(1 / 750 + 1 / 5000)
        assert ours[name].mean() == pytest.approx(theirs.mean(), abs=4 * error), name
        assert ours[name].std() == pytest.approx(theirs.std(), rel=0.15), name


def test_volumes_teach_clearance_and_next_to_nothing_of_radiosensitivity():
    case = bench.case(1, days=tuple(np.linspace(7.3, 63.3, 9)), error=0.10)
    twin = update_belief(case.twin)
    rows = {row.parameter: row for row in what_was_learned(prior_belief(twin, 10_000, 0), twin.belief)}
    assert rows["clearance_half_time_d"].ratio < 0.6 and rows["clearance_half_time_d"].informed
    assert rows["alpha_per_gy"].ratio > 0.8
    for name in ("doubling_d", "kickoff_d", "control_quantile", "repair_half_time_h"):
        assert rows[name].ratio > 0.93 and rows[name].ratio < 1.07
    assert any(row.note == "not informed by these scans" for row in rows.values())


def test_one_more_observation_gives_what_all_at_once_give():
    case = bench.case(2, days=(7.3, 14.3, 21.3, 28.3))
    together = update_belief(case.twin)
    first = case.twin.fork(observations=case.twin.observations[:3])
    stepwise = update_belief(first)
    again = update_belief(stepwise.fork(observations=case.twin.observations))
    assert again.belief.learned_from == together.belief.learned_from
    assert stepwise.belief.learned_from == together.belief.learned_from[:3]
    for name in ("clearance_half_time_d", "remnant_fraction", "contour_error", "alpha_per_gy"):
        a, b = together.belief.samples[name], again.belief.samples[name]
        assert a.mean() == pytest.approx(b.mean(), abs=0.1 * a.std()), name
        assert a.std() == pytest.approx(b.std(), rel=0.1), name


def test_a_stored_posterior_goes_on_where_it_stood(tmp_path):
    case = bench.case(2)
    first = update_belief(case.twin.fork(observations=case.twin.observations[:2]), samples=1000)
    first.save(tmp_path / "p.twin")
    loaded = PatientTwin.load(tmp_path / "p.twin")
    assert loaded.belief.learned_from == first.belief.learned_from and loaded.belief.ess == first.belief.ess
    a, b = (update_belief(t.fork(observations=case.twin.observations), samples=1000) for t in (first, loaded))
    for name, values in a.belief.samples.items():
        np.testing.assert_array_equal(values, b.belief.samples[name])


def test_the_same_seed_gives_the_same_belief_and_the_twin_is_not_changed():
    case = bench.case(4)
    a, b = (update_belief(case.twin, samples=500) for _ in range(2))
    for name, values in a.belief.samples.items():
        np.testing.assert_array_equal(values, b.belief.samples[name])
    assert case.twin.belief is None
    assert update_belief(a, samples=500) is a  # nothing new, nothing done


def test_without_observations_the_belief_is_the_prior():
    twin = bench.empty_patient(5)
    baseline = twin.observe(Observation(0.0, "gtv_cm3", twin.gtv_cm3))
    for one in (twin, baseline):
        belief = update_belief(one, samples=300).belief
        assert belief.kind == "prior" and belief.ess is None
        expected = prior_belief(one, 300, 0).samples
        for name, values in belief.samples.items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-12)


def test_an_earlier_observation_that_comes_late_is_learned_as_well():
    case = bench.case(6)
    known = update_belief(case.twin.fork(observations=case.twin.observations[1:]), samples=4000)
    late = update_belief(known.fork(observations=case.twin.observations), samples=4000)
    whole = update_belief(case.twin, samples=4000)
    a, b = (t.belief.samples["clearance_half_time_d"] for t in (late, whole))
    assert a.mean() == pytest.approx(b.mean(), abs=0.15 * b.std())


def test_an_impossible_observation_leaves_finite_samples_and_a_stated_effective_size():
    case = bench.case(7)
    twin = case.twin.observe(Observation(22.0, "gtv_cm3", 12 * case.twin.gtv_cm3))
    belief = update_belief(twin, samples=2000).belief
    assert all(np.isfinite(v).all() for v in belief.samples.values())
    assert 0 < belief.ess <= 2000
    vanished = update_belief(case.twin.observe(Observation(22.0, "gtv_cm3", 0.0)), samples=2000).belief
    assert all(np.isfinite(v).all() for v in vanished.samples.values())


def test_uptake_that_stays_high_speaks_for_cells_that_stay():
    twin = bench.case(8, days=(7.3,)).twin
    twin = twin.fork(observations=(Observation(0.1, "suv_max", 10.0), *twin.observations))
    low, high = (
        update_belief(twin.observe(Observation(14.4, "suv_max", suv)), samples=4000).belief
        for suv in (5.0, 12.0)
    )
    assert high.samples["alpha_per_gy"].mean() < low.samples["alpha_per_gy"].mean()


def test_an_uptake_is_held_against_its_own_kind_from_before_treatment():
    twin = bench.case(8, days=(7.3,)).twin
    before, later = Observation(0.1, "suv_max", 10.0), Observation(14.4, "suv_peak", 9.0)

    def alpha(*uptakes):
        seen = sorted((*twin.observations, *uptakes), key=lambda o: o.time_days)
        return update_belief(twin.fork(observations=tuple(seen)), samples=500).belief.samples["alpha_per_gy"]

    np.testing.assert_array_equal(alpha(before, later), alpha())
    maxima, peaks = (
        alpha(*(replace(o, kind=kind) for o in (before, later))) for kind in ("suv_max", "suv_peak")
    )
    np.testing.assert_array_equal(maxima, peaks)
    assert maxima.mean() < alpha().mean()


def test_quiet_years_speak_for_control_and_a_regrowth_against_it():
    """Long after the course an observation bears on the draw of survivors, which belongs to the posterior."""
    twin = bench.empty_patient(9).deliver(bench.Fraction(t, 2.0) for t in bench.FRACTIONS)
    quiet = twin.observe(Observation(365.0, "gtv_cm3", 0.15 * twin.gtv_cm3))
    assert delivered(quiet).kind[-1] == Event.COURSE_END
    quiet = quiet.observe(Observation(1500.0, "gtv_cm3", 0.15 * twin.gtv_cm3))
    back = quiet.fork(
        observations=(quiet.observations[0], Observation(1500.0, "gtv_cm3", 0.6 * twin.gtv_cm3))
    )
    kinetics = bench.DoseVolumeKinetics(twin.gtv_cm3)

    def control(belief):
        p = dict(belief.samples)
        state = kinetics.advance(kinetics.start(twin, p), p, [bench.STANDARD], 60.0)
        return float((state.survivors == 0).mean())

    prior = control(prior_belief(twin, 4000, 0))
    assert control(update_belief(quiet, samples=4000).belief) > prior + 0.1
    assert control(update_belief(back, samples=4000).belief) < 0.1


def test_a_forecast_of_the_next_contour_is_wider_than_of_the_tumour():
    twin = update_belief(bench.case(10).twin, samples=4000)
    true, drawn = (
        forecast(twin, twin.belief, bench.STANDARD, [30.0], as_drawn=d)[:, 0] for d in (False, True)
    )
    assert np.log(drawn).std() > 1.2 * np.log(true).std()
    assert np.median(drawn) == pytest.approx(np.median(true), rel=0.02)


def test_each_observation_shows_what_it_moved():
    twin = bench.case(11).twin
    beliefs = beliefs_along(twin, samples=2000)
    rows = what_moved_the_forecast(twin, beliefs, bench.STANDARD, 91.0)
    assert [r.observation for r in rows] == [None, *twin.observations]
    widths = [r.true_cm3[2] - r.true_cm3[0] for r in rows]
    assert widths[-1] < 0.8 * widths[0]
    for r in rows:
        assert r.true_cm3[0] < r.true_cm3[1] < r.true_cm3[2]
        assert r.drawn_cm3[2] - r.drawn_cm3[0] > r.true_cm3[2] - r.true_cm3[0]
    last = update_belief(twin, samples=2000).belief
    assert rows[-1].true_cm3[1] == pytest.approx(
        np.median(forecast(twin, last, bench.STANDARD, [91.0])), rel=0.1
    )


def test_a_drawn_volume_scatters_by_the_contour_error_and_is_never_negative():
    twin = bench.empty_patient(1)
    drawn = drawn_cm3(twin, np.full((2, 5000, 1), 40.0), np.full(5000, 0.1), seed=3)
    assert np.log(drawn[0]).std() == pytest.approx(0.1, rel=0.05)
    np.testing.assert_array_equal(drawn[0], drawn[1])  # plans share their chance
    assert (drawn_cm3(twin, np.zeros((500, 1)), np.full(500, 0.5), seed=3) >= 0).all()


def test_a_low_effective_size_is_moved_on(monkeypatch):
    """With temperatures that drop too far and moves that stop too early, the last rounds set samples free."""
    from simulators.belief import update as module

    case = bench.case(12, error=0.03)
    monkeypatch.setattr(module, "KEEP_ESS", 0.02)
    monkeypatch.setattr(module, "ENOUGH_MOVES", 0.1)
    monkeypatch.setattr(module, "MOST_ROUNDS", 1)
    monkeypatch.setattr(module, "MORE_ROUNDS", 0)
    low = update_belief(case.twin, samples=2000).belief.ess
    monkeypatch.setattr(module, "MORE_ROUNDS", 3)
    acted = update_belief(case.twin, samples=2000).belief.ess
    assert low < 1000 and acted > 1.2 * low
