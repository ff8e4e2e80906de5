"""Grades follow from the records of calibration and validation."""

import pytest

from scenarios.validation.credibility import GRADES, Credibility, applicability, credibility, subject
from scenarios.validation.record import recorded
from simulators.calibration.crossvalidation import CrossValidation


def of(tested=12, numbers=30, inside=24, error=5.0, null_error=10.0):
    return Credibility("x", 3, tested, numbers, inside, error, null_error)


@pytest.mark.parametrize(
    ("found", "applies", "grade"),
    [
        (of(), 3, "high"),
        (of(), 1, "low"),  # few arms had such patients and techniques
        (of(), 0, "none"),
        (of(tested=5), 3, "medium"),
        (of(tested=2), 3, "low"),
        (of(tested=0, numbers=0, inside=0), 3, "none"),
        (of(null_error=6.0), 3, "medium"),  # hardly better than a null model
        (of(error=None, null_error=None), 3, "medium"),
        (of(inside=15), 3, "low"),
        (of(inside=5), 3, "none"),  # contradicted
    ],
)
def test_a_grade_is_the_least_of_evidence_agreement_and_applicability(found, applies, grade):
    assert found.grade(applies) == grade


def test_survival_is_graded_by_forecasts_of_trials_that_were_left_out_or_never_fitted():
    record = CrossValidation.load()
    forecasts = [
        f for f in (*record.left_out, *record.tested)
        if f.endpoint == "overall_survival" and 12 <= f.months <= 60 and f.published != 50
    ]  # fmt: skip
    found = credibility("overall_survival_5y", "calibrated")
    assert (found.numbers, found.inside) == (len(forecasts), sum(f.inside for f in forecasts))
    assert f"{found.inside} of {found.numbers} numbers inside" in found.words()


def test_volumes_and_complications_are_graded_by_the_validations_rows():
    rows = [
        r for r in recorded() if r.of == "gtv" and r.group == "tested, independent" and r.inside is not None
    ]
    found = credibility("gtv_3_months", "calibrated")
    assert found.numbers == len(rows) > 0 and found.tested == len({r.source.split(",")[0] for r in rows})
    assert (
        credibility("lung_v5", "calibrated").grade(3) == "none"
    )  # held against this project's own estimate only


def test_nothing_is_said_of_another_packages_survival():
    found = credibility("overall_survival_2y", "hopeful")
    assert found.grade(3) == "none" and "no independent number" in found.words()


def test_every_row_with_evidence_says_what_it_judges():
    judged = [r for r in recorded() if r.kind == "clinical" and r.evidence]
    assert judged and all(r.of == subject(r.of) != "" for r in judged)


def test_a_plan_outside_the_context_of_use_is_believed_little_and_none_at_all_not():
    assert applicability(60.0, False, 2, False) == 3 > applicability(60.0, False, 2, True) == 1
    assert applicability(0.0, False, 2, False) == 0
    assert applicability(54.0, True, 2, False) == 0  # nobody treats stage III so
    assert set(GRADES) == {"none", "low", "medium", "high"}
