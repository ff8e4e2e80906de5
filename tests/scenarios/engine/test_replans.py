"""Replans of a fluence plan are fluence plans on their step's anatomy, and say so; without one they are approximate."""

import numpy as np
import pytest

from scenarios import Scenario, TreatmentPlan, compare
from scenarios.engine.fluence import FluencePlans
from scenarios.engine.library import LEVELS, State
from scenarios.engine.planned_dose import planned_doses
from scenarios.engine.replan import PlanLibrary
from scenarios.engine.replan_anatomy import DayAnatomy
from scenarios.policies.fixed_replans import FixedReplans
from twin import DoseGrid, Volume

pytestmark = pytest.mark.slow
PLANS = [TreatmentPlan.parse(p) for p in ("60/30", "66/33")]


def test_one_optimised_plan_serves_a_technique_and_is_not_planned_twice(quick_plans, boxes):
    told: list[str] = []
    plans = FluencePlans(boxes, told=lambda step, share: told.append(step))
    doses = planned_doses(boxes, PLANS, plans, method="fluence plan").doses
    one, other = (doses[p.label] for p in PLANS)
    assert (one.method, other.method, other.prescription_gy, other.fractions) == (
        "fluence plan",
        "fluence plan",
        66,
        33,
    )
    np.testing.assert_allclose(other.volume.array, one.volume.array * 1.1, rtol=1e-5)
    assert set(told) <= {"planning 60/30"}
    again = planned_doses(boxes, PLANS[1:], FluencePlans(boxes, told=None), method="fluence plan").doses[
        "66/33"
    ]
    np.testing.assert_array_equal(again.volume.array, other.volume.array)


def test_a_replan_is_planned_on_its_step_and_gives_the_lung_less(quick_plans, boxes):
    plans = FluencePlans(boxes)
    first = plans.of(PLANS[1]).dose
    library = PlanLibrary(boxes, PLANS[1], first, plans)
    level = LEVELS.index(0.4)
    name = library.state(State(level))
    replan, anatomy = library.doses[name], DayAnatomy.of(boxes, 0.4)
    assert (replan.method, replan.prescription_gy) == ("fluence plan", 66)
    gtv = anatomy.structures.gtv()
    assert np.percentile(library._levels[level][0].volume.on(anatomy.structures.geometry)[gtv], 5) > 0.95 * 66
    lung = boxes.contours.mask("Lung_L")
    here = boxes.contours.geometry
    assert replan.volume.on(here)[lung].mean() < 0.95 * first.volume.on(here)[lung].mean()


def test_replans_of_a_planning_systems_plan_are_said_to_mix(quick_plans, boxes):
    grid = boxes.contours.geometry
    gy = Volume(grid, np.full(grid.shape, 60.0, np.float32), "DOSE", "Gy")
    twin = boxes.fork(doses={"RTDOSE": DoseGrid("RTDOSE", gy, 60.0, fractions=30)})
    scenario = Scenario(plan=PLANS[0], policy=FixedReplans())
    run = compare(twin, [scenario], days=40, samples=2, image_samples=0)
    assert run.record.plans[0].dose_method == "planning system and fluence plan"
    assert any("calculated the doses of each course" in note for note in run.record.notes)


def test_what_was_given_at_an_approximate_dose_is_planned_with_what_is_to_come(quick_plans, boxes):
    from scenarios.engine.observation import deliver_until

    given = deliver_until(boxes, Scenario.of(PLANS[0]), 10.0)
    assert given.doses["60/30"].method == "approximate"
    run = compare(given, PLANS[:1], days=40, samples=2, image_samples=0)
    assert run.record.plans[0].dose_method == "fluence plan"
    assert set(run.twin.doses) == {"60/30"} and run.twin is given
