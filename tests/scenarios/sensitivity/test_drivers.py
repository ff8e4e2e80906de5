"""What drives one patient's outcomes."""

from pathlib import Path

import polars as pl
import pytest

from scenarios import TreatmentPlan
from scenarios.sensitivity import drivers
from scenarios.sensitivity.drivers import OUTCOMES, sensitivity
from scenarios.sensitivity.figure import write_figure
from simulators.calibration.model import PRIORS
from twin import ClinicalRecord, InputError, PatientTwin

TWIN = Path(__file__).parents[2] / "fixtures" / "formats" / "v1" / "patient.twin"
PLAN = TreatmentPlan.parse("60/30")


@pytest.fixture(scope="module")
def patient():
    return PatientTwin.load(TWIN)


@pytest.fixture(scope="module")
def found(patient):
    return sensitivity(patient, PLAN, rows=256)


def share(table, outcome, group, column="total"):
    return table.filter((pl.col("outcome") == outcome) & (pl.col("group") == group))[column][0]


def test_shares_add_up_and_each_outcome_has_the_drivers_that_its_model_gives_it(found):
    table, coupling = found
    assert table["outcome"].unique(maintain_order=True).to_list() == list(OUTCOMES)
    alone = table.group_by("outcome").agg(pl.col("first").sum(), (pl.col("first_error") ** 2).sum().sqrt())
    off = alone["first"] - 1.0  # interactions are few
    assert ((off < 3 * alone["first_error"]) & (off > -0.2 - 3 * alone["first_error"])).all()
    assert (alone["first_error"] < 0.25).all()
    assert share(table, "pneumonitis", "coefficients of pneumonitis") > 0.02
    assert (table["total"] > table["first"] - 0.15).all()
    assert (
        share(table, "tumour_control", "times of failure")
        == 0.0
        < share(table, "local_control_2y", "times of failure")
    )
    assert (
        share(table, "pneumonitis", "dose to the lungs")
        > 0.2
        > share(table, "tumour_control", "dose to the lungs")
    )
    assert 0 <= coupling < 0.5


def test_every_parameter_of_the_posterior_is_in_one_group(found):
    named = [name for names in (*drivers.POPULATION.values(), *drivers._TERMS.values()) for name in names]
    assert sorted(named) == sorted({prior.name for prior in PRIORS} | {"volume_hazard"})


def test_how_far_scans_tell_of_control_drives_a_twin_that_has_learned_and_no_other(patient, found):
    assert patient.belief.kind != "prior"
    assert share(found[0], "tumour_control", drivers.LINK) > 0.005
    assert share(found[0], "pneumonitis", drivers.LINK) == 0.0
    untaught, _ = sensitivity(patient.fork(belief=None), PLAN, rows=64)
    assert drivers.LINK not in untaught["group"]


def test_the_same_seed_gives_the_same_indices(patient, found):
    assert sensitivity(patient, PLAN, rows=256)[0].equals(found[0])


def test_survival_without_age_sex_and_stage_is_left_out(patient):
    table, _ = sensitivity(patient.fork(clinical=ClinicalRecord()), PLAN, rows=64)
    assert "overall_survival_2y" not in table["outcome"] and "tumour_control" in table["outcome"]


@pytest.mark.parametrize("plan", ["none", "+20/8"])
def test_a_plan_that_gives_nothing_or_only_adds_is_refused(patient, plan):
    with pytest.raises(InputError, match="whole plan that gives a dose"):
        sensitivity(patient, TreatmentPlan.parse(plan), rows=64)


def test_the_picture_is_written_whole_or_refused_by_its_ending(found, tmp_path):
    write_figure(found[0], "somebody, 60/30", tmp_path / "s.svg")
    assert "SIMULATED" in (tmp_path / "s.svg").read_text() or (tmp_path / "s.svg").stat().st_size > 10_000
    with pytest.raises(InputError, match=r"must end in \.png or \.svg"):
        write_figure(found[0], "somebody, 60/30", tmp_path / "s.pdf")
    with pytest.raises(InputError, match="there is no folder"):
        write_figure(found[0], "somebody, 60/30", tmp_path / "none" / "s.svg")
    assert [p.name for p in tmp_path.iterdir()] == ["s.svg"]
