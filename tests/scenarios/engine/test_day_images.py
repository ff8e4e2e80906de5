"""What a policy that looks at images is shown: made when it asks, the same for who treated the same, never twice."""

from typing import ClassVar, Literal

import numpy as np
import pytest

from scenarios import Decision, Policy, Scenario, TreatmentPlan
from scenarios.engine.adaptive import realise_adaptive
from scenarios.engine.day_images import DayImages, laid_into
from scenarios.engine.fluence import FluencePlans
from scenarios.engine.replan import PlanLibrary
from scenarios.plans.sight import SeenDose
from simulators.belief.prior import prior_belief
from simulators.dose.medium import Medium
from twin import Geometry, InputError, Volume

PLAN = TreatmentPlan.parse("60/30")


class Looking(Policy):
    """Keeps what it saw and goes on."""

    kind: Literal["looking"] = "looking"
    pixels: ClassVar[bool] = True
    saw: ClassVar[list] = []
    asks: ClassVar[tuple[str, ...]] = ()

    def decide(self, seen):
        self.saw.append({name: getattr(seen, name) for name in self.asks} | {"day": seen.day})
        return Decision("continue", "looked")


def looked(twin, images, asks, modality="cbct", fluence=None, days=16):
    """What a policy saw of one sample."""
    Looking.saw, Looking.asks = [], asks
    imaging = {
        "modality": modality,
        "synthetic_ct": "none",
        "every": "week",
    }  # boxes are nothing that networks know
    scenario = Scenario(plan=PLAN, policy=Looking(), imaging=imaging)
    fluence = fluence or FluencePlans(twin)
    library = PlanLibrary(twin, PLAN, fluence.of(PLAN).dose, fluence)
    belief = prior_belief(twin, 1, 1)
    realise_adaptive(scenario, scenario.policy, twin, belief, library, days=days, seed=4, images=images)
    return Looking.saw


@pytest.mark.slow
def test_a_policy_sees_the_ct_of_the_day_its_dose_and_what_was_given(quick_plans, boxes):
    images, plans = DayImages(boxes, 4), FluencePlans(boxes)
    asks = ("ct", "dose_of_day", "accumulated")
    first, second = looked(boxes, images, asks, fluence=plans)
    assert (first["ct"].modality, first["ct"].geometry.spacing_mm) == ("CT", (4.0, 4.0, 4.0))
    planned = plans.of(PLAN).dose.volume
    library = PlanLibrary(boxes, PLAN, plans.of(PLAN).dose, plans)
    near = {name: first["dose_of_day"].mean_gy(name) for name in ("target", "Lungs-GTV")}
    for seen, fractions in ((first, 5), (second, 10)):
        assert seen["dose_of_day"].prescription_gy == 60
        share = seen["accumulated"].mean_gy("target") / near["target"]
        assert share == pytest.approx(fractions / 30, rel=0.03)
    assert near["target"] == pytest.approx(
        SeenDose(planned, 60.0, library.points).mean_gy("target"), rel=0.02
    )
    assert not np.array_equal(first["dose_of_day"].volume.array, planned.array)
    np.testing.assert_allclose(first["accumulated"].volume.array, planned.array / 6, rtol=1e-4, atol=1e-4)
    # Who treated the same has the same image, which is not made again; nor does anything hang on what was asked before.
    (again,) = looked(boxes, images, ("ct",), fluence=plans, days=9)
    assert again["ct"] is first["ct"]
    (other,) = looked(boxes, DayImages(boxes, 4), ("ct",), fluence=plans, days=9)
    assert np.array_equal(other["ct"].array, first["ct"].array)
    (acquired,) = looked(boxes, images, ("ct", "dose_of_day"), "ct", fluence=plans, days=9)
    assert acquired["ct"].geometry.same_grid(boxes.baseline.volume.geometry)
    assert acquired["dose_of_day"].mean_gy("target") == pytest.approx(near["target"], rel=0.03)


def test_nothing_is_made_that_nobody_asks_for(quick_plans, boxes, monkeypatch):
    monkeypatch.setattr(DayImages, "follow_up", lambda self, day: pytest.fail("an image was made"))
    assert len(looked(boxes, DayImages(boxes, 4), ())) == 2


def test_a_dose_without_beams_is_refused_in_a_sentence(boxes, quick_plans):
    scenario = Scenario(plan=PLAN, policy=Looking())
    Looking.saw, Looking.asks = [], ("dose_of_day",)
    library = PlanLibrary(boxes, PLAN, FluencePlans(boxes).of(PLAN).dose)  # and nothing to plan with
    with pytest.raises(InputError, match="recalculated with a plan's beams"):
        realise_adaptive(scenario, scenario.policy, boxes, prior_belief(boxes, 1, 1), library, days=8, seed=4)


def test_beyond_a_cone_beams_field_the_planning_ct_stands_in():
    grid = Geometry((10, 40, 40), (4.0, 4.0, 4.0))
    planning = Medium(grid, np.ones(grid.shape, np.float32))
    inner = grid.crop((slice(2, 8), slice(10, 31), slice(10, 31)))
    lung = Volume(inner, np.full(inner.shape, -800, np.int16), "CT", "HU")
    density = laid_into(planning, lung).density
    assert density[5, 20, 20] == pytest.approx(0.185, abs=0.01) and density[5, 12, 20] < 0.2
    assert density[5, 11, 11] == 1 and density[2, 20, 20] == 1 and density[0, 0, 0] == 1
