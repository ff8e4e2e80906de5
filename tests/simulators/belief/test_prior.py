"""The prior is drawn by sample index, from the constants it names."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from simulators.belief.prior import (
    CLINICAL,
    DIMENSIONS,
    VERSION,
    PriorSet,
    median_parameters,
    parameters,
    points,
    prior_belief,
    prior_of,
    prior_points,
)
from twin import ClinicalRecord, InputError, PatientTwin

PATIENT = PatientTwin("prior-test")


@pytest.fixture(scope="module")
def samples():
    return prior_belief(PATIENT, 20_000, seed=1).samples


def test_a_sample_does_not_depend_on_how_many_are_drawn(samples):
    few = prior_belief(PATIENT, 50, seed=1).samples
    for name, values in few.items():
        np.testing.assert_array_equal(values, samples[name][:50])


def test_seed_and_patient_change_the_draw_and_nothing_else_does(samples):
    again = prior_belief(PatientTwin("prior-test"), 100, seed=1).samples["alpha_per_gy"]
    np.testing.assert_array_equal(again, samples["alpha_per_gy"][:100])
    for other in (prior_belief(PATIENT, 100, seed=2), prior_belief(PatientTwin("else"), 100, seed=1)):
        assert (other.samples["alpha_per_gy"] != again).all()


@pytest.mark.parametrize(
    ("name", "low", "median", "high"),  # 10 %, 50 % and 90 % worked by hand from the constants
    [
        ("alpha_per_gy", 0.36 - 0.1282, 0.36, 0.36 + 0.1282),
        ("clearance_half_time_d", 29 * np.exp(-1.2816 * 0.5831), 29, 29 * np.exp(1.2816 * 0.5831)),
        ("remnant_fraction", 0.0608, 0.1796, 0.3684),
        ("kickoff_d", 21 - 5.126, 21, 21 + 5.126),
        ("erosion_fraction", 0.1, 0.5, 0.9),
        ("control_quantile", 0.1, 0.5, 0.9),
    ],
)
def test_marginals(samples, name, low, median, high):
    measured = np.quantile(samples[name], [0.1, 0.5, 0.9])
    np.testing.assert_allclose(measured, [low, median, high], rtol=0.03)


def test_alpha_is_cut_not_clipped(samples):
    assert samples["alpha_per_gy"].min() > 0.02
    wide = parameters(np.full((1, len(DIMENSIONS)), -8.0), PATIENT)
    assert wide["alpha_per_gy"][0] == pytest.approx(0.02, abs=1e-3)


def test_clearance_tells_next_to_nothing_of_alpha(samples):
    correlation = np.corrcoef(np.log(samples["clearance_half_time_d"]), np.log(samples["alpha_per_gy"]))[0, 1]
    assert abs(correlation) < 0.03  # the coupling is symmetric about zero between patients


def test_doubling_time_at_60_cm3(samples):
    rate = median_parameters(PATIENT)["growth_per_d"][0] * np.log(1150 / 60)
    assert np.log(2) / rate == pytest.approx(139, rel=0.01)


def test_histology_shifts_growth_and_missing_does_not():
    def growth(histology):
        twin = PatientTwin("h", clinical=ClinicalRecord(histology=histology))
        return median_parameters(twin)["growth_per_d"][0]

    assert growth("squamous") > growth(None) > growth("adenocarcinoma")
    assert growth(None) == pytest.approx(0.0017)


def test_stage_shifts_growth_and_the_median_is_that_of_stage_iii():
    def growth(**record):
        twin = PatientTwin("s", clinical=ClinicalRecord(**record))
        return median_parameters(twin)["growth_per_d"][0]

    assert growth(stage="IA2") < growth(stage="IIB") < growth(stage="IIIA") == growth() == growth(stage="IVA")
    assert growth(stage="IB") == pytest.approx(0.85 * 0.0017)
    assert growth(t_stage="T2a", n_stage="N1", m_stage="M0", tnm_edition=8) == growth(stage="II")


def test_histology_shifts_clearance_a_little():
    def half_time(histology):
        twin = PatientTwin("h", clinical=ClinicalRecord(histology=histology))
        return median_parameters(twin)["clearance_half_time_d"][0]

    assert half_time("squamous") < half_time(None) < half_time("adenocarcinoma")
    assert half_time("adenocarcinoma") / half_time("squamous") == pytest.approx(1.23 ** (1 / 3), rel=0.01)


def test_another_set_of_constants_is_used_whole():
    other = PriorSet(name="radioresistant", alpha_per_gy=(0.2, 0.01), hypoxic_fraction=0.2)
    drawn = prior_belief(PATIENT, 500, seed=0, constants=other).samples
    assert drawn["alpha_per_gy"].mean() == pytest.approx(0.2, abs=0.005)
    assert (drawn["hypoxic_fraction"] == 0.2).all()


def test_samples_lead_back_to_their_points():
    twin = PatientTwin("inverse", clinical=ClinicalRecord(histology="squamous", stage="IB"))
    z = prior_points(twin, 5000, seed=0)
    np.testing.assert_allclose(points(parameters(z, twin), twin), z, atol=2e-4)


def test_the_prior_is_the_one_that_was_frozen_before_anything_was_scored():
    """In-silico patients are drawn from it too; a change of either is a change of this file, seen in review."""
    frozen = json.loads((Path(__file__).parent / "frozen_prior.json").read_text())
    clinical = asdict(CLINICAL)
    factors = {
        name: clinical.pop(name)
        for name in ("growth_by_histology", "growth_by_stage", "clearance_by_histology")
    }
    now = {"version": VERSION, "dimensions": DIMENSIONS, **factors, "clinical": clinical}
    assert json.loads(json.dumps(now)) == frozen


def test_a_prior_with_other_numbers_says_which():
    other = CLINICAL.with_(alpha_per_gy=0.3, kickoff_d=[28, 5], growth_by_stage={"I": 0.5})
    assert other.alpha_per_gy == (0.3, CLINICAL.alpha_per_gy[1])
    assert other.changes() == {
        "alpha_per_gy": (0.3, 0.1),
        "kickoff_d": (28.0, 5.0),
        "growth_by_stage": {**CLINICAL.growth_by_stage, "I": 0.5},
    }
    assert CLINICAL.with_(**other.changes()) == other and CLINICAL.changes() == {}


@pytest.mark.parametrize(
    "change",
    [{"alpha": 0.3}, {"alpha_per_gy": -0.1}, {"kickoff_d": (21, 0)}, {"oer": "much"}, {"remnant": (1, 2, 3)},
     {"growth_by_stage": 0.5}, {"oer": float("nan")}],
)  # fmt: skip
def test_a_prior_that_cannot_be_is_one_sentence(change):
    with pytest.raises(InputError, match=next(iter(change))):
        CLINICAL.with_(**change)


def test_a_belief_says_of_which_prior_it_is():
    other = CLINICAL.with_(alpha_per_gy=0.2)
    knowing = PATIENT.fork(belief=prior_belief(PATIENT, 20, 0, other))
    assert prior_of(knowing) == other and prior_of(PATIENT) == CLINICAL
