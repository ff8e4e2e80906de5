"""Organ doses become the numbers that complications take, and what needs saying of a plan is said."""

from types import SimpleNamespace

import numpy as np
import pytest

from scenarios.comparison.effect import Effect
from scenarios.comparison.outcomes import OrganDose, PlanOutcomes
from scenarios.comparison.steps import _central_notes
from scenarios.validation.cohort import course_of
from simulators.outcome.complications import COMPLICATIONS

ROWS = {row.name: row for row in COMPLICATIONS}


def test_each_relation_takes_the_eqd2_of_its_own_tissue():
    """Half of the organ has 20 fractions of 2.75 Gy, the other half 1 Gy each: EQD2 (10) 58.4, EQD2 (3) 63.3 Gy."""
    dose = OrganDose(np.array([[55.0, 20.0]]), np.array([[20 * 2.75**2, 20.0]]))
    courses = [course_of("55/20", False)]
    acute, late = ROWS["oesophagitis_belderbos"], ROWS["pericarditis"]
    for row, ratio in ((acute, 10.0), (late, 3.0)):
        eqd2 = np.array([20 * d * (d + ratio) / (2 + ratio) for d in (2.75, 1.0)])
        n = row.volume_effect
        assert dose.metric(row, courses) == pytest.approx((eqd2 ** (1 / n)).mean() ** n)
    assert dose.metric(ROWS["oesophagitis"], courses) == 0.5  # half of it gets 60/65 of the prescription
    assert dose.reach(courses) == pytest.approx((0.95 * 55 + 0.05 * 20) / 55)


def test_a_stereotactic_plan_near_the_airways_says_so_and_one_of_unknown_place_too():
    def judged(status, values):
        effect = Effect(
            np.array(values), "probability", "expected", status, "the tumour lies 4 mm from them; by"
        )
        return PlanOutcomes({"central_toxicity": effect}, np.zeros(2), None)

    plans = [SimpleNamespace(label=label) for label in ("54/3", "50/5", "60/30")]
    plain = PlanOutcomes({}, np.zeros(2), None)
    notes = _central_notes(plans, [judged("ok", [0.1, 0.2]), judged("unknown", [np.nan, np.nan]), plain])
    assert notes == [
        "54/3 is stereotactic: the tumour lies 4 mm from them; toxicity of grade 3 to 5 in 15 % of such patients.",
        "50/5 is stereotactic: the tumour lies 4 mm from them; the toxicity of central treatment is unknown.",
    ]
