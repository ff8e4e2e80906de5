"""Failure and death: each path has its rate, plans share their chance, and what is unknown is not invented."""

import numpy as np
import pytest

from simulators.outcome.life import (
    DRAWS,
    TRIAL,
    UNSELECTED,
    LifeTimes,
    constants_for,
    dose_to_immune_cells_gy,
    draws,
    harm_ratio,
    life_times,
    median_months,
    patient_life_times,
    stage_index,
    survival_curve,
)
from simulators.tumour.systemic import Systemic
from twin import ClinicalRecord, InputError, PatientTwin

N = 40_000
U = draws("multistate-test", 0, np.arange(N))
NEVER = np.full(N, np.inf)
MONTH = 365.25 / 12


def lives(**changes) -> LifeTimes:
    base = {"local_days": NEVER, "stage": 2, "age_years": 64.0, "male": True, "end_days": 39.0}
    return life_times(U, **{**base, **changes})


def test_draws_are_the_samples_own():
    assert U.shape == (N, len(DRAWS))
    np.testing.assert_array_equal(draws("multistate-test", 0, np.array([7, 3])), U[[7, 3]])


def test_relapse_and_survival_after_it_have_their_rates():
    life = lives()
    assert np.isfinite(life.distant).mean() == pytest.approx(0.55, abs=0.01)
    assert np.median(life.distant[np.isfinite(life.distant)]) / MONTH == pytest.approx(10.0, rel=0.03)
    after = lives(local_days=np.zeros(N), age_years=20.0, male=False)  # young: other causes do not matter
    assert median_months(after.death) == pytest.approx(10.0, rel=0.03)


def test_other_causes_double_every_eight_years():
    def hazard(age, **more):
        alone = TRIAL.__class__(relapse=(0, 0, 0), frailty_sd=0.0)
        return -np.log(lives(age_years=age, constants=alone, **more).alive(365.25).mean())

    assert hazard(70.0) == pytest.approx(0.023 * 2 * 1.045, rel=0.08)  # within the year it rises by 4.5 %
    assert hazard(78.0) / hazard(70.0) == pytest.approx(2.0, rel=0.08)
    assert hazard(70.0, male=False) / hazard(70.0) == pytest.approx(15 / 23, rel=0.1)


def test_fatal_pneumonitis_comes_in_the_months_after_treatment():
    life = lives(pneumonitis=np.full(N, 0.298))
    treatment = life.cause == LifeTimes.CAUSES.index("treatment")
    assert treatment.mean() == pytest.approx(0.019, abs=0.003)
    months = (life.death[treatment] - 39.0) / MONTH
    assert 2.3 < np.median(months) < 3.3


def test_heart_dose_costs_life_and_an_unknown_one_is_given_no_weight():
    assert harm_ratio(12.0, 5.6) == pytest.approx(1.0)
    assert harm_ratio(22.0, 5.6) == pytest.approx(np.exp(0.2))
    assert harm_ratio(12.0, 6.6, 1.0) == pytest.approx(np.exp(0.19))
    assert harm_ratio(np.nan, np.nan) == 1.0
    assert harm_ratio(2.0, 1.5, stage=0) == pytest.approx(1.0)  # SBRT is not made safer than its own trials
    more, less = (lives(mean_heart_gy=dose, edic_gy=5.6).death for dose in (25.0, 5.0))
    assert (more <= less).all() and (more < less).any()  # common chance: nobody gains from more dose


def test_immune_dose_by_hand():
    expected = 0.12 * 20 + 0.08 * 15 + (0.45 + 0.30 * np.sqrt(30 / 45)) * 2e5 / 61_800
    assert dose_to_immune_cells_gy(20.0, 15.0, 2e5, 30) == pytest.approx(expected)


def test_drugs_lower_distant_failure():
    with_drugs, as_seen, without = (lives(systemic=Systemic(drugs=d)) for d in (1.0, np.nan, 0.0))
    assert (with_drugs.distant >= without.distant).all()
    np.testing.assert_array_equal(
        with_drugs.distant, as_seen.distant
    )  # the rates are those of patients with drugs
    assert np.isfinite(without.distant).mean() == pytest.approx(1 - 0.45 ** (1 / 0.73), abs=0.01)


def test_arms_and_patients_go_through_in_one_call():
    u = U[: 50 * 20].reshape(50, 1, 20, -1)
    local = np.where(np.arange(3)[None, :, None] > 0, np.inf, 100.0)
    life = life_times(
        u, local_days=local, stage=np.full((50, 1, 1), 2), age_years=np.linspace(50, 80, 50)[:, None, None],
        male=False, end_days=np.array([39.0, 20.0, 5.0])[:, None],
    )  # fmt: skip
    assert life.death.shape == life.local.shape == (50, 3, 20)
    alone = life_times(u[7, 0], local_days=NEVER[:20], stage=2, age_years=float(np.linspace(50, 80, 50)[7]), male=False, end_days=20.0)  # fmt: skip # noqa: E501
    np.testing.assert_array_equal(life.death[7, 1], alone.death)


def test_curve_counts_the_living():
    days = np.array([10.0, 20.0, 30.0, 40.0])
    np.testing.assert_allclose(survival_curve(days, np.array([0.0, 20.0, 35.0, 99.0])), [1, 0.5, 0.25, 0])


def test_a_patients_record_decides_and_a_gap_is_refused():
    survivors = np.array([0.0, 5.0, 0.0])
    samples = {
        "growth_per_d": np.full(3, 0.0017),
        "regrowth_factor": np.ones(3),
        "capacity_cm3": np.full(3, 1150.0),
    }
    with pytest.raises(InputError, match=r"age_years, stage I to III"):
        patient_life_times(PatientTwin("x", clinical=ClinicalRecord(sex="male")), survivors, samples, 39.0)
    assert constants_for(ClinicalRecord(ecog=1)) is TRIAL
    assert constants_for(ClinicalRecord()) is UNSELECTED is constants_for(ClinicalRecord(ecog=2))
    assert stage_index("IIIC") == 2 and stage_index("iia") == 1 and stage_index("IVA") is None
