"""What is assumed otherwise: asked for in YAML or Python, recorded in full, read again, and part of the request."""

import numpy as np
import pytest
import yaml

from scenarios import Scenario, TreatmentPlan, assumed, compare, load, read_assumptions
from scenarios.engine.observation import deliver_until
from scenarios.records.assumptions import told
from simulators import CLINICAL, CalibratedOutcomes, Posterior, StandardOutcomes, StandardTumour, technique
from simulators.calibration.posterior import FROZEN
from simulators.outcome.cases import PatientEffects
from twin import InputError, Observation

PLAN = [TreatmentPlan.parse("60/30")]
ASKED = {
    "prior": {"alpha_per_gy": [0.3, 0.08], "growth_by_stage": {"III": 1.2}},
    "kinetics": {"name": "standard", "linear_above_gy": 10},
    "outcomes": {"effects": {"ecog_ratio": 1.4}},
    "templates": {"conventional": {"directions": 9}},
}


def compared(twin, **other):
    asked = {"days": 95, "samples": 12, "image_samples": 0, "dose": "approximate"}
    return compare(twin, PLAN, **{**asked, **other})


def mean(run, outcome):
    return run.outcomes.filter(run.outcomes["outcome"] == outcome)["mean"][0]


def test_a_file_gives_the_keywords_of_a_run(tmp_path):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(ASKED))
    found = read_assumptions(tmp_path / "a.yaml")
    assert found["prior"] == CLINICAL.with_(alpha_per_gy=(0.3, 0.08), growth_by_stage={"III": 1.2})
    assert found["kinetics"] == StandardTumour(linear_above_gy=10.0)
    assert found["outcomes"] == CalibratedOutcomes(effects=PatientEffects(ecog_ratio=1.4))
    assert found["templates"]["conventional"] == technique("conventional").model_copy(
        update={"directions": 9}
    )


def test_what_is_recorded_is_read_as_it_was_and_the_usual_is_nothing():
    found = assumed(ASKED)
    record = told(found["prior"], found["kinetics"], found["outcomes"], found["templates"])
    assert assumed(record) == found
    assert told(None, StandardTumour(), CalibratedOutcomes()) == {}
    assert told(CLINICAL, StandardTumour(), StandardOutcomes()) == {}


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"priors": {}}, "priors"),
        ({"prior": {"alpha": 0.3}}, "alpha"),
        ({"kinetics": "none such"}, "none such"),
        ({"kinetics": {"name": "standard", "linear": 3}}, "linear"),
        ({"kinetics": {"name": "published", "kill": "linear"}}, "published"),
        ({"outcomes": {"effects": {"ecog_ratio": "large"}}}, "ecog_ratio"),
        ({"outcomes": {"posterior": "missing.json"}}, "missing.json"),
        ({"templates": {"arc": {}}}, "arc"),
        ({"templates": {"conventional": {"beams": 3}}}, "beams"),
        ({"templates": [1]}, "templates"),
    ],
)
def test_what_cannot_be_is_one_sentence(asked, word):
    with pytest.raises(InputError, match=word):
        assumed(asked)


def test_a_prior_and_models_change_what_they_are_about_and_are_recorded(dosed_twin, tmp_path):
    usual = compared(dosed_twin)
    slow = compared(dosed_twin, prior=CLINICAL.with_(clearance_d=60))
    frail = CalibratedOutcomes(effects=PatientEffects(ecog_ratio=2.0, ecog_mean=0.0, ecog_unknown=2.0))
    ill = compared(dosed_twin, outcomes=frail)
    assert mean(slow, "gtv_3_months") > 1.2 * mean(usual, "gtv_3_months")
    assert mean(slow, "tumour_control") == mean(usual, "tumour_control")
    assert mean(ill, "overall_survival_2y") < mean(usual, "overall_survival_2y")
    assert mean(ill, "gtv_3_months") == mean(usual, "gtv_3_months")
    assert len({usual.record.request, slow.record.request, ill.record.request}) == 3
    assert usual.record.assumptions == {} and slow.record.assumptions == {
        "prior": {"clearance_d": [60.0, 0.5]}
    }
    assert any("clearance_d" in note for note in slow.record.notes)
    graded = slow.credibility.filter(slow.credibility["outcome"] == "gtv_3_months")["grade"]
    assert (
        graded[0]
        == "none"
        != usual.credibility.filter(usual.credibility["outcome"] == "gtv_3_months")["grade"][0]
    )
    slow.save(tmp_path / "run")
    again = compared(dosed_twin, **assumed(load(tmp_path / "run").record.assumptions))
    assert again.record.request == slow.record.request and again.trajectory.equals(slow.trajectory)


def test_a_posterior_of_ones_own_is_recorded_in_full(dosed_twin):
    whole = Posterior.load(FROZEN)
    half = Posterior(whole.z[:, ::2], whole.digest, ("a trial",))
    run = compared(dosed_twin, outcomes=CalibratedOutcomes(posterior=half))
    recorded = run.record.assumptions["outcomes"]["posterior"]
    assert np.array_equal(recorded["z"], half.z) and recorded["left_out"] == ["a trial"]
    assert assumed(run.record.assumptions)["outcomes"].posterior.digest == half.digest
    assert mean(run, "tumour_control") != mean(compared(dosed_twin), "tumour_control")


def test_what_was_learned_is_learned_again_under_another_prior(dosed_twin):
    from simulators import update_belief

    given = deliver_until(dosed_twin, Scenario.of(PLAN[0]), 30.0)
    knowing = update_belief(given.observe(Observation(30.0, "gtv_cm3", 50.0)), samples=200)
    other = CLINICAL.with_(clearance_d=60)
    run, usual = compared(knowing, prior=other), compared(knowing)
    assert run.record.belief == "posterior" and not run.samples.equals(usual.samples)
    assert run.learned["prior_median"].to_list() != usual.learned["prior_median"].to_list()
    relearned = update_belief(knowing, samples=200, constants=other)
    assert relearned.belief.prior == other.changes()
    assert compared(relearned).trajectory.equals(run.trajectory)  # the twin keeps its belief's prior


def test_a_model_that_is_none_and_templates_without_plans_are_refused(dosed_twin):
    for wrong in (
        {"kinetics": StandardTumour},
        {"outcomes": 3},
        {"templates": {"conventional": technique("conventional")}},
    ):
        with pytest.raises(InputError):
            compared(dosed_twin, **wrong)
