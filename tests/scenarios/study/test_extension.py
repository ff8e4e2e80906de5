"""A study that is added to: equal to one made whole, what is kept is not computed again, and nothing is lost."""

import shutil

import pytest
from polars.testing import assert_frame_equal

from scenarios import TreatmentPlan
from scenarios.study.cohort import SampledCohort
from scenarios.study.parts import _TABLES, load_study, run_study
from scenarios.study.terminal import print_study
from twin import InputError
from twin.files.tables import read_table

pytestmark = pytest.mark.long  # whole studies
PLANS = [TreatmentPlan.parse(p) for p in ("60/30", "55/20", "66/33")]
ASKED = {"days": 90, "samples": 30, "seed": 3, "part": 8}


def cohort(n):
    return SampledCohort(n, seed=2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run_study(cohort(20), PLANS, tmp_path_factory.mktemp("whole") / "s", **ASKED)


@pytest.fixture
def small(tmp_path, begun):
    shutil.copytree(begun.folder, tmp_path / "s")
    return load_study(tmp_path / "s")


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    return run_study(cohort(12), PLANS[:2], tmp_path_factory.mktemp("begun") / "s", **ASKED)


def seen(jobs):
    """`map` that notes what it is given."""

    def with_notes(work, given):
        for job in given:
            jobs.append((job.begin, job.end, [s.slug for s in job.scenarios]))
            yield work(job)

    return with_notes


def assert_whole(study, whole):
    for name in _TABLES:
        assert_frame_equal(getattr(study, name), getattr(whole, name), check_exact=True)
    counts = [read_table(s.folder / "arms.parquet") for s in (study, whole)]
    assert_frame_equal(*counts, check_exact=True)
    assert not (study.folder / "parts").exists()


def test_patients_and_a_plan_added_make_the_study_that_would_have_been(small, whole, capsys):
    jobs = []
    study = run_study(cohort(20), PLANS, small.folder, **ASKED, extend=True, map_chunks=seen(jobs))
    assert_whole(study, whole)
    both = ["60-30", "66-33"]
    three = ["60-30", "55-20", "66-33"]
    assert jobs == [(0, 8, both), (8, 12, both), (12, 20, three)]
    assert study.record.reused == "12 patients, 60-30, 55-20" and "reused: 12 patients" in repr(study)
    print_study(study)
    assert "12 patients, 60-30, 55-20" in capsys.readouterr().out


def test_only_new_patients_are_computed_where_plans_stay(small):
    jobs = []
    study = run_study(cohort(20), PLANS[:2], small.folder, **ASKED, extend=True, map_chunks=seen(jobs))
    assert jobs == [(12, 20, ["60-30", "55-20"])] and len(study.patients) == 20


def test_a_study_in_other_parts_is_the_same_study(small, begun):
    for extend in (False, True):
        again = run_study(
            cohort(12), PLANS[:2], small.folder, **{**ASKED, "part": 5}, extend=extend, map_chunks=None
        )
        assert again.record == begun.record
        assert_frame_equal(again.contrasts, begun.contrasts, check_exact=True)


def test_a_study_of_other_organ_doses_is_not_added_to(small, tmp_path, monkeypatch):
    other = tmp_path / "organ_doses.csv"
    other.write_bytes(b"of another version")
    monkeypatch.setattr("scenarios.study.parts.ORGAN_DOSES", other)
    with pytest.raises(InputError, match=r"nothing can be added: .* versions"):
        run_study(cohort(20), PLANS[:2], small.folder, **ASKED, extend=True)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_extension_that_is_interrupted_goes_on(small, whole, after):
    def stop(work, jobs):
        for done, job in enumerate(jobs):
            if done == after:
                raise KeyboardInterrupt
            yield work(job)

    with pytest.raises(KeyboardInterrupt):
        run_study(cohort(20), PLANS, small.folder, **ASKED, extend=True, map_chunks=stop)
    with pytest.raises(InputError, match="was interrupted; run the same command again"):
        load_study(small.folder)
    jobs = []
    study = run_study(cohort(20), PLANS, small.folder, **ASKED, extend=True, map_chunks=seen(jobs))
    assert len(jobs) == 3 - after
    assert_whole(study, whole)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"cohort": SampledCohort(20, seed=4)}, "holds other patients"),
        ({"cohort": SampledCohort(6, seed=2)}, "holds other patients"),
        ({"plans": PLANS[::-1]}, "has other plans .* in this order"),
        ({"samples": 40}, "has other days, samples"),
    ],
)
def test_a_study_of_something_else_is_not_added_to(small, asked, words):
    given = {**ASKED, "cohort": cohort(20), "plans": PLANS, **asked}
    with pytest.raises(InputError, match=words):
        run_study(given.pop("cohort"), given.pop("plans"), small.folder, extend=True, **given)
    assert load_study(small.folder).contrasts.equals(small.contrasts)


def test_without_the_word_nothing_is_added(small):
    with pytest.raises(InputError, match="give --extend"):
        run_study(cohort(20), PLANS, small.folder, **ASKED)


def test_a_plan_that_changes_the_others_outcomes_is_refused_and_the_study_is_put_back(small, begun):
    """Beside a plan without treatment there is no volume at its end, for none of them."""
    plans = [*PLANS[:2], TreatmentPlan.parse("none")]
    with pytest.raises(InputError, match="beside the new plans 60-30 has other outcomes"):
        run_study(cohort(12), plans, small.folder, **ASKED, extend=True)
    assert {p.name for p in small.folder.iterdir()} == {p.name for p in begun.folder.iterdir()}
    again = load_study(small.folder)
    for name in _TABLES:
        assert_frame_equal(getattr(again, name), getattr(begun, name), check_exact=True)
