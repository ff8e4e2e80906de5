"""Organ doses of a similar patient: they are his, grow with the tumour, and meet the numbers of a real dose."""

import numpy as np
import pytest

from scenarios import Scenario, realise
from scenarios.matching.doses import NEIGHBOURS, ORGANS, Matches, OrganTables, ReferencePatients, _above
from scenarios.study.batch import simulate
from scenarios.study.cohort import Member
from scenarios.study.settings import Settings
from simulators.outcome.complications import lkb, logistic, normal_tissue_eqd2
from twin import ClinicalRecord, PatientTwin


def course(text):
    return realise(Scenario.parse(text), PatientTwin("x"), 100)


def effects_of(text, gtv_cm3, site, n_stage="N0", samples=400):
    record = ClinicalRecord(n_stage=n_stage, chemotherapy="concurrent")
    members = [Member(f"p{i}", record, gtv_cm3, site) for i in range(5)]
    batch = simulate(members, [Scenario.parse(text)], Settings(100.0, samples, 0))
    return {name: effect.values[0] for name, effect in batch.effects.items()}


def test_with_no_scaling_a_patient_has_the_doses_of_his_match():
    references = ReferencePatients.of(False)
    nothing = {organ: np.zeros((1, 1)) for organ in (*ORGANS, "integral")}
    matches, tables = Matches(np.array([[3]]), nothing), OrganTables.of(references, course("60/30"))
    lung = 60.0 * references.parts["Lungs-GTV"][3]
    late = normal_tissue_eqd2(lung, 30).mean()
    organ, unit, table = tables.metrics["mean_lung_dose"]
    assert unit == "Gy"
    assert matches.look_up(organ, table) == pytest.approx(lung.mean(), rel=1e-9)
    for name, by_hand in (
        ("pneumonitis", logistic(late, -3.87, 0.126)),
        ("pneumonitis_lkb", lkb(late, 30.8, 0.37)),
    ):
        assert matches.look_up(organ, tables.complications[name].probability) == pytest.approx(
            float(by_hand), rel=1e-6
        )


def test_dose_volume_points_are_linear_between_parts():
    parts = np.linspace(59.5, 10.5, 50)  # a uniform density of doses between 10 and 60 Gy
    for gy in (20.0, 33.3, 50.0):
        assert _above(parts, gy) == pytest.approx((60 - gy) / 50, abs=1e-9)
    assert _above(parts, 60.0) == 0
    assert _above(parts, 10.0) == 1


def test_neighbours_are_alike_and_what_is_unknown_does_not_count():
    references = ReferencePatients.of(False)
    near = references.nearest(50.0, "central", nodes=True)
    assert len(near) == NEIGHBOURS
    assert references.central[near].mean() >= 0.75
    assert np.abs(references.log_gtv[near] - np.log(50.0)).max() < 1.2
    anyone = references.nearest(50.0, None, None)
    assert np.abs(references.log_gtv[anyone] - np.log(50.0)).max() < 0.3


def test_doses_of_large_central_and_small_peripheral_tumours_are_those_of_full_calculations():
    """The expected ranges are those that the dose calculation itself is held to."""
    large = effects_of("60/30", 70.0, "central")
    assert 10 < np.median(large["mean_lung_dose"]) < 17
    assert 0.16 < np.median(large["lung_v20"]) < 0.29
    small = effects_of("54/3", 8.0, "peripheral")
    assert 1.5 < np.median(small["mean_lung_dose"]) < 5
    assert np.median(small["lung_v20"]) < 0.08


def test_more_dose_is_proportionally_more_and_larger_tumours_get_no_less():
    one, more = effects_of("60/30", 40.0, "central"), effects_of("74/37", 40.0, "central")
    np.testing.assert_allclose(more["mean_lung_dose"], one["mean_lung_dose"] * 74 / 60, rtol=1e-9)
    assert (more["pneumonitis"] > one["pneumonitis"]).all()
    sizes = [np.median(effects_of("60/30", v, "central")["mean_lung_dose"]) for v in (5.0, 40.0, 200.0)]
    assert sizes == sorted(sizes)


def test_between_like_patients_doses_spread_at_least_by_the_calculations_error():
    lung = effects_of("60/30", 40.0, "central")["mean_lung_dose"]
    assert ReferencePatients.of(False).error("Lungs-GTV").sd < np.std(np.log(lung)) < 0.45


def test_the_tumours_uniform_dose_lies_between_its_coldest_and_its_mean():
    for stereotactic in (False, True):
        references = ReferencePatients.of(stereotactic)
        local = references.parts["GTVp"]
        assert np.median(local.min(axis=1)) < references.tumour_dose() < np.median(local.mean(axis=1))
