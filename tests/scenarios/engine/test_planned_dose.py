"""Which dose a plan takes: a planning system's, by prescription and target, or an approximate one."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from scenarios.commands.main import app
from scenarios.engine.observation import deliver_until
from scenarios.engine.planned_dose import Own, method_named, planned_doses
from scenarios.plans.plan import TreatmentPlan
from scenarios.plans.scenario import Scenario
from twin import DoseGrid, Fraction, InputError, PatientTwin, StructureSet, Volume

PLANS = [TreatmentPlan.parse(p) for p in ("60/30", "55/20")]
SBRT = TreatmentPlan.parse("54/3")


@pytest.fixture
def patient(thorax):
    """A patient with doses of the planning system, each of one dose but for a cold corner, by name and prescription."""

    def made(share=1.0, **prescriptions):
        scan, contours = thorax()
        doses = {}
        for name, text in prescriptions.items():
            gy, _, n = text.partition("/")
            array = np.full(contours.geometry.shape, share * float(gy), np.float32)
            array[:5] = 1.0
            volume = Volume(contours.geometry, array, "DOSE", "Gy")
            doses[name] = DoseGrid(name, volume, float(gy), fractions=int(n) if n else None)
        return PatientTwin("boxes", scans=(scan,), structures=(contours,), doses=doses)

    return made


def of(twin, *plans):
    return planned_doses(twin, plans or PLANS).doses


def test_a_planning_systems_dose_serves_every_plan_of_its_technique(patient):
    twin = patient(first="60/30")
    doses = of(twin)
    for plan, gy in zip(PLANS, (60, 55), strict=True):
        assert doses[plan.label].method == "planning system"
        assert (doses[plan.label].prescription_gy, doses[plan.label].fractions) == (gy, plan.fractions)
        expected = twin.doses["first"].volume.array * gy / 60
        np.testing.assert_allclose(doses[plan.label].volume.array, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("prescriptions", "share", "plan", "serves"),
    [
        ({"a": "60/30"}, 1.0, PLANS[1], "a"),
        ({"a": "60/30"}, 1.0, SBRT, None),  # another technique
        ({"a": "60/30"}, 0.5, PLANS[0], None),  # another target
        ({"a": "60/30", "b": "54/3"}, 1.0, SBRT, "b"),
        ({"a": "60/30", "b": "66/33"}, 1.0, PLANS[0], "a"),  # one of them has its prescription
    ],
)
def test_which_dose_serves(patient, prescriptions, share, plan, serves):
    found = Own(patient(share, **prescriptions)).planning_system(plan)
    assert (found and found.name) == serves


def test_a_name_decides_nothing(patient):
    twin = patient(0.5, **{"60/30": "60/30"})  # of another target
    given = twin.deliver([Fraction(0.375, 2.0, "60/30", 1 / 30)])
    planned = planned_doses(given, PLANS[:1])
    assert planned.doses["60/30"].method == "approximate"
    (fraction,) = planned.twin.fractions
    kept = planned.doses[fraction.grid]
    assert kept.volume is twin.doses["60/30"].volume, "what was given is what it was"
    assert given.fractions[0].grid == "60/30", "the twin is not changed"


def test_what_cannot_be_told_is_asked_and_the_answer_is_kept(patient, tmp_path):
    twin = patient(first="60/30", second="66/33")
    with pytest.raises(InputError, match=r"55/20: first, second; choose with .*--reference NAME"):
        of(twin)
    chosen = twin.referring("second")
    assert of(chosen)["55/20"].volume.array.max() == pytest.approx(55)
    assert of(twin.referring("none"))["55/20"].method == "approximate"
    chosen.save(tmp_path / "p.twin")
    assert PatientTwin.load(tmp_path / "p.twin").reference == "second"

    silent = patient(sum="60")
    with pytest.raises(InputError, match=r"'sum' prescribes.*--reference sum=GY/FRACTIONS"):
        of(silent)
    with pytest.raises(InputError, match="sum=GY/FRACTIONS"):
        silent.referring("sum")
    np.testing.assert_allclose(
        of(silent.referring("sum", gy=50, fractions=25))["60/30"].volume.array.max(), 72
    )


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("second", "no planning-system dose 'second'; there are: sum"),
        ("sum=", "no plan states one prescription for the dose sum"),
        ("sum=sixty/30", "GY of --reference .* not 'sixty'"),
        ("sum=60", "FRACTIONS of --reference .* must lie between 1 and 200"),
        ("sum=60/0", "FRACTIONS of --reference"),
        ("sum=-5/3", "GY of --reference"),
    ],
)
def test_a_wrong_answer_changes_nothing(patient, tmp_path, answer, says):
    path = tmp_path / "p.twin"
    patient(sum="60").save(path)
    before = (path / "twin.json").read_bytes()
    with pytest.raises(InputError, match=says):
        CliRunner().invoke(app, ["edit", str(path), "--reference", answer], catch_exceptions=False)
    assert (path / "twin.json").read_bytes() == before


def test_the_command_line_answers(patient, tmp_path):
    path = tmp_path / "p.twin"
    patient(sum="60").save(path)
    said = CliRunner().invoke(app, ["edit", str(path), "--reference", "sum=50/25"], catch_exceptions=False)
    assert "plans take their dose from sum, which prescribes 50/25" in said.stdout
    held = PatientTwin.load(path)
    assert (held.reference, held.doses["sum"].prescription_gy, held.doses["sum"].fractions) == (
        "sum",
        50.0,
        25,
    )


def test_a_dose_that_was_scaled_from_another_is_no_other_one(patient):
    twin = patient(first="60/30")
    given = deliver_until(twin, Scenario.of(PLANS[1]), 10.0)
    assert given.doses["55/20"].method == "planning system"
    doses = of(given, *PLANS, TreatmentPlan.parse("60/15"))
    assert doses["60/15"].volume.array.max() == pytest.approx(60)
    assert doses["55/20"] is given.doses["55/20"]


def test_a_ct_that_allows_no_fluence_plan_gets_the_approximate_dose_and_the_reason(patient):
    twin = patient()
    half = (slice(None), slice(None), slice(26, None))  # cut through the body beside the target
    volume = twin.baseline.volume.crop(half)
    cut = StructureSet(volume.geometry, ())
    for s in twin.contours:
        cut = cut.with_mask(s.name, s.role, twin.contours.mask(s.name)[half]) if s.name != "Lung_R" else cut
    narrow = twin.fork(scans=(replace(twin.baseline, volume=volume),), structures=(cut,))
    planned = planned_doses(narrow, PLANS[:1], method="fluence plan")
    assert planned.doses["60/30"].method == "approximate"
    assert "60/30 has an approximate dose instead of a fluence plan: the scan CT cuts" in planned.notes[0]


def test_a_planning_systems_dose_that_ends_within_the_target_is_refused(patient):
    twin = patient(first="60/30")
    half = twin.doses["first"].volume.crop((slice(0, 21), slice(None), slice(None)))
    cut = twin.fork(doses={"first": replace(twin.doses["first"], volume=half)})
    with pytest.raises(InputError, match=r"first does not cover the target: \d+% of GTVp .*--reference none"):
        of(cut)
    assert of(cut.referring("none"))["60/30"].method == "approximate"


def test_a_method_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="there are: fluence, approximate"):
        method_named("guess")


def test_what_was_calculated_here_before_is_not_calculated_again(patient):
    twin = patient()
    first = planned_doses(twin, PLANS)
    again = planned_doses(twin.fork(doses=first.doses), PLANS).doses
    assert all(again[p.label] is first.doses[p.label] for p in PLANS)
