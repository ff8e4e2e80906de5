"""Studies: what the tables say, chance that does not depend on parts, resuming, faults, refusals."""

import json
import shutil
from contextlib import suppress
from typing import Literal

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from scenarios import Gap, Scenario, TreatmentPlan, load
from scenarios.executors.mapping import mapper
from scenarios.plans.policy import CONTINUE, Decision, Policy
from scenarios.study.batch import simulate
from scenarios.study.cohort import FolderCohort, SampledCohort, TableCohort
from scenarios.study.parts import _TABLES, _part_size, load_study, run_study
from scenarios.study.settings import Settings
from scenarios.study.summary import number_needed_to_treat
from scenarios.study.tables import quantiles
from scenarios.study.terminal import print_study
from twin import InputError

pytestmark = pytest.mark.long  # whole studies
PLANS = [TreatmentPlan.parse(p) for p in ("60/30", "55/20", "none")]
ASKED = {"days": 100, "samples": 40, "seed": 5, "part": 20}
COHORT = SampledCohort(50, seed=1)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return run_study(COHORT, PLANS, tmp_path_factory.mktemp("study") / "whole", **ASKED)


def assert_same_tables(one, other, but=()):
    for name in set(_TABLES) - set(but):
        assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


def test_every_patient_has_rows_under_every_plan(study):
    assert study.patients["patient"].to_list() == [f"sampled-1-{i:06d}" for i in range(50)]
    weeks = study.trajectory.group_by("patient", "plan", maintain_order=True).len()
    assert len(weeks) == 150
    assert set(weeks["len"]) == {16}  # days 0, 7, ..., 98 and 100
    assert study.lives.shape[0] == 150
    assert study.truth.shape[0] == 50
    assert study.bands.group_by("plan").len()["len"].to_list() == [101] * 3


def test_a_study_says_what_it_is_in_a_line_and_offers_its_tables(study):
    assert len(repr(study)) < 250 and "50 patients" in repr(study)
    assert {"outcomes", "lives", "failed"} <= set(dir(study))


def test_the_numbers_do_not_depend_on_the_parts(study, tmp_path):
    other = run_study(COHORT, PLANS, tmp_path / "s", **{**ASKED, "part": 7})
    assert_same_tables(study, other)


def test_processes_give_the_same_tables(study, tmp_path):
    asked = {**ASKED, "part": 13, "map_chunks": mapper("local", workers=2)}
    assert_same_tables(study, run_study(COHORT, PLANS, tmp_path / "s", **asked))


def test_a_part_is_a_twin_or_some_seconds_of_numbers(tmp_path):
    few, many = Settings(365, 200, 0), Settings(365, 4000, 0)
    assert _part_size(COHORT, PLANS, few) == 1000
    assert _part_size(COHORT, PLANS, many) == 50
    assert _part_size(FolderCohort(tmp_path, ("a.twin", "b.twin"), ""), PLANS, few) == 1


def test_results_in_another_order_end_with_the_same_tables(study, tmp_path):
    backwards = run_study(
        COHORT, PLANS, tmp_path / "s", **ASKED, map_chunks=lambda work, jobs: map(work, list(jobs)[::-1])
    )
    assert_same_tables(study, backwards)


def test_an_interrupted_study_resumes_to_the_same_tables(study, tmp_path):
    def one_then_stop(work, jobs):
        yield work(next(iter(jobs)))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(COHORT, PLANS, tmp_path / "s", **ASKED, map_chunks=one_then_stop)
    with pytest.raises(InputError, match="was interrupted; run the same command again"):
        load_study(tmp_path / "s")
    left = []

    def counting(work, jobs):
        left.extend(jobs)
        return map(work, left)

    resumed = run_study(COHORT, PLANS, tmp_path / "s", **ASKED, map_chunks=counting)
    assert [job.index for job in left] == [1, 2]
    assert_same_tables(study, resumed)
    again = run_study(
        COHORT, PLANS, tmp_path / "s", **ASKED, map_chunks=None
    )  # complete: nothing is computed
    assert_same_tables(study, again)


def test_a_patient_alone_is_as_in_the_cohort(study, tmp_path):
    """Chance has no cohort in it: the third patient, given as a table, has the same rows."""
    row = study.patients.filter(pl.col("patient") == "sampled-1-000003")
    columns = ["gtv_cm3", "site", "age_years", "sex", "histology", "t_stage", "n_stage", "m_stage", "stage", "ecog",
               "smoking", "comorbidity", "chemotherapy"]  # fmt: skip
    row.select(pl.col("patient").alias("id"), *columns).write_parquet(tmp_path / "one.parquet")
    alone = run_study(TableCohort.read(tmp_path / "one.parquet"), PLANS, tmp_path / "s", **ASKED)
    mine = pl.col("patient") == "sampled-1-000003"
    for name in ("trajectory", "outcomes", "effects", "lives", "truth"):
        assert_frame_equal(getattr(alone, name), getattr(study, name).filter(mine), check_exact=True)


def test_plans_are_paired_and_the_truth_is_no_sample_of_the_belief(study):
    first = study.trajectory.filter(pl.col("day") == 0)
    spread = first.group_by("patient").agg(pl.col("truth").n_unique())
    assert set(spread["truth"]) == {1}  # one tumour under every plan
    lives = study.lives.pivot(on="plan", index="patient", values="controlled")
    # 55/20 has the higher effect; its arm's own term may take a patient.
    lost = (lives["60-30"] & ~lives["55-20"]).mean()
    assert lost < 0.1 < (lives["55-20"] & ~lives["60-30"]).mean() + 0.1
    assert not lives["none"].any()
    covered = study.trajectory.filter((pl.col("day") == 98) & (pl.col("plan") == "60-30"))
    inside = ((covered["low"] <= covered["truth"]) & (covered["truth"] <= covered["high"])).mean()
    assert 0.64 < inside < 0.94  # 80 % bands of 50 patients


def test_the_belief_is_calibrated_on_the_truths(tmp_path):
    """Bands of 80 % hold 80 % of 800 truths; the probabilities of control are the shares that come true."""
    many = run_study(SampledCohort(800, seed=9), PLANS[:1], tmp_path / "s", days=100, samples=99, seed=9)
    for day in (28, 91):
        week = many.trajectory.filter(pl.col("day") == day)
        inside = ((week["low"] <= week["truth"]) & (week["truth"] <= week["high"])).mean()
        assert abs(inside - 0.80) < 3.3 * np.sqrt(0.16 / 800)
    believed = dict(many.outcomes.group_by("outcome").agg(pl.col("mean").mean()).rows())
    lives = many.lives
    for outcome, true in (
        ("tumour_control", lives["controlled"].mean()),
        ("overall_survival_2y", (lives["death_days"] > 730.5).mean()),
        ("local_control_2y", (lives["local_days"].fill_null(np.inf) > 730.5).mean()),
    ):
        assert abs(believed[outcome] - true) < 3.3 * np.sqrt(0.25 / 800), outcome


def test_individual_effects_are_the_differences_of_the_outcomes(study):
    outcomes = study.outcomes.pivot(on="plan", index=["patient", "outcome"], values="mean")
    joined = study.effects.filter(pl.col("plan") == "55-20").join(outcomes, on=["patient", "outcome"])
    assert len(joined) > 500
    np.testing.assert_allclose(joined["mean"], joined["55-20"] - joined["60-30"], atol=1e-12)
    control = study.effects.filter(pl.col("outcome") == "tumour_control", pl.col("plan") == "55-20")
    np.testing.assert_allclose(control["better"] + control["worse"], 1.0)  # shares of draws of the population
    assert (control.filter(pl.col("mean") > 0.05)["better"] > 0.5).all()


def test_contrasts_are_means_over_patients_with_a_number_needed_to_treat(study):
    effects = study.effects.filter(pl.col("outcome") == "tumour_control", pl.col("plan") == "55-20")["mean"]
    row = study.contrasts.filter(pl.col("outcome") == "tumour_control", pl.col("plan") == "55-20").row(
        0, named=True
    )
    assert row["mean"] == pytest.approx(effects.mean())
    assert row["nnt"] == pytest.approx(1 / effects.mean())
    assert row["error"] == pytest.approx(effects.std() / np.sqrt(50))


def test_contrasts_of_what_patients_share_are_expected_values_and_others_monte_carlo(study):
    """Patients averaged within each draw of the population, and the interval over draws; by hand."""
    settings = Settings(ASKED["days"], ASKED["samples"], ASKED["seed"])
    scenarios = [Scenario.of(plan) for plan in PLANS]
    effects = simulate(COHORT.members(0, 50), scenarios, settings).effects
    rows = {(r["plan"], r["outcome"]): r for r in study.contrasts.iter_rows(named=True)}
    for outcome in ("tumour_control", "overall_survival_2y", "pneumonitis"):
        row, values = rows["55-20", outcome], effects[outcome].values[..., 1:]
        draws = (values[1] - values[0]).mean(axis=0)
        assert [row["low"], row["high"]] == pytest.approx(np.quantile(draws, [0.1, 0.9]), abs=1e-9), outcome
        assert row["kind"] == "expected" and row["low"] < row["mean"] < row["high"]
    control = rows["55-20", "tumour_control"]
    assert control["high"] - control["low"] > 5 * control["error"]  # the population is what is not known
    for outcome in ("gtv_3_months", "mean_lung_dose", "pneumonitis_lkb"):
        row = rows["55-20", outcome]
        assert row["kind"] == "monte-carlo"
        assert row["high"] - row["low"] == pytest.approx(2 * 1.2815516 * row["error"])


def test_central_tumours_have_the_toxicity_of_stereotactic_plans_and_others_no_row_of_it(tmp_path):
    plans = [TreatmentPlan.parse(p) for p in ("54/3", "60/30")]
    study = run_study(COHORT, plans, tmp_path / "s", **{**ASKED, "samples": 20})
    rows = study.outcomes.filter(pl.col("outcome") == "central_toxicity")
    site = dict(study.patients.select("patient", "site").iter_rows())
    assert set(rows["plan"]) == {"54-3"} and {site[p] for p in rows["patient"]} == {"central"}
    assert len(rows) == sum(s == "central" for s in site.values()) > 10
    assert rows["mean"].is_between(0.05, 0.2).all() and set(rows["kind"]) == {"expected"}


def test_less_is_better_for_doses_and_an_interval_over_zero_has_no_number_needed():
    assert number_needed_to_treat(-0.1, -0.2, -0.05, False)["nnt"] == 10
    assert number_needed_to_treat(-0.1, -0.2, -0.05, True)["nnt_low"] == -20
    assert number_needed_to_treat(0.1, -0.1, 0.3, True) == {"nnt": 10.0, "nnt_low": None, "nnt_high": None}


def test_subgroups_add_up_to_the_whole(study):
    whole = study.contrasts.filter(pl.col("outcome") == "mean_lung_dose")
    for covariate in ("sex", "histology", "age", "gtv"):
        groups = study.benefit.filter(pl.col("outcome") == "mean_lung_dose", pl.col("covariate") == covariate)
        total = groups.group_by("plan").agg((pl.col("mean") * pl.col("n")).sum() / pl.col("n").sum())
        joined = total.join(whole, on="plan")
        np.testing.assert_allclose(joined["mean"], joined["mean_right"], rtol=1e-9)


def test_daily_bands_are_the_quantiles_of_the_true_volumes(study):
    weekly = study.trajectory.filter(pl.col("day") == 49)
    for slug in study.record.plans:
        volumes = weekly.filter(pl.col("plan") == slug)["truth"].to_numpy()
        band = study.bands.filter(pl.col("plan") == slug, pl.col("day") == 49).row(0, named=True)
        assert band["n"] == 50
        assert band["mean"] == pytest.approx(volumes.mean(), rel=0.005)
        at = np.sort(volumes)
        assert at[23] * 0.99 <= band["median"] <= at[26] * 1.01


def test_a_single_run_and_a_study_agree_on_a_uniform_tumour(study):
    """The study's weekly steps against the kinetics' own half-day steps, with the parameters of the truth."""
    from scenarios.engine.courses import realise
    from scenarios.matching.doses import ReferencePatients
    from simulators.tumour.dose_volume import DoseVolumeKinetics
    from twin import PatientTwin

    course = realise(Scenario(plan=PLANS[0]), PatientTwin("x"), 100)
    truth = study.truth.row(7, named=True)
    params = {k: np.full(1, v) for k, v in truth.items() if k != "patient"}
    ratio = {"60/30": np.array([ReferencePatients.of(False).tumour_dose()])}
    kinetics = DoseVolumeKinetics(study.patients["gtv_cm3"][7], relative_dose=ratio)
    days = study.trajectory["day"].unique().sort().to_numpy().astype(float)
    curve, _ = kinetics.follow(kinetics.start(PatientTwin("x"), params), params, [course], days)
    mine = study.trajectory.filter(pl.col("patient") == truth["patient"], pl.col("plan") == "60-30")["truth"]
    np.testing.assert_allclose(mine, curve[0], rtol=5e-4)


def test_patients_who_fail_are_rows_with_their_reason(tmp_path, monkeypatch):
    from scenarios.study import part as study_part

    (tmp_path / "t.csv").write_text(
        "id,age_years,sex,stage,gtv_cm3\na,70,male,II,30\nb,500,male,II,30\nc,60,female,,9\n"
    )
    real = study_part.simulate

    def breaks(members, *rest):
        if any(m.id == "c" for m in members):
            raise ZeroDivisionError("worse than expected")
        return real(members, *rest)

    monkeypatch.setattr(study_part, "simulate", breaks)
    with pytest.warns(UserWarning, match="2 of 3 patients failed; the first, b: .*age_years"):
        study = run_study(TableCohort.read(tmp_path / "t.csv"), PLANS[:2], tmp_path / "s", **ASKED)
    assert study.patients["patient"].to_list() == ["a", "b", "c"]
    failed = dict(study.failed.rows())
    assert "age_years" in failed["b"]
    assert failed["c"] == "ZeroDivisionError: worse than expected"
    assert study.trajectory["patient"].unique().to_list() == ["a"]


def test_a_reason_with_brackets_is_printed_whole(capsys, tmp_path):
    (tmp_path / "t.csv").write_text("id,gtv_cm3,stage\na,30,II\nb [x],30,[learned]\n")
    with pytest.warns(UserWarning, match="1 of 2"):
        study = run_study(TableCohort.read(tmp_path / "t.csv"), PLANS[:2], tmp_path / "s", **ASKED)
    print_study(study)
    said = capsys.readouterr().out
    assert "b [x]: " in said and study.failed["fault"][0].split()[-1] in said


def test_what_is_missing_makes_its_outcomes_unknown_and_nothing_else(tmp_path):
    (tmp_path / "t.csv").write_text("id,gtv_cm3\na,30\n")
    study = run_study(TableCohort.read(tmp_path / "t.csv"), PLANS[:2], tmp_path / "s", **ASKED)
    rows = {r["outcome"]: r for r in study.outcomes.filter(pl.col("plan") == "60-30").iter_rows(named=True)}
    assert rows["overall_survival_2y"]["mean"] is None
    assert rows["overall_survival_2y"]["status"] == "unknown"
    assert (
        rows["oesophagitis"]["status"] == "unknown"
    )  # fitted with concurrent chemotherapy, which is not known here
    assert 0 < rows["tumour_control"]["mean"] < 1
    assert study.lives["death_days"].is_null().all()
    assert "overall_survival_2y" not in study.effects["outcome"].to_list()


def test_a_cohort_in_which_everyone_fails_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "t.csv").write_text("id,gtv_cm3\na,\nb,-1\n")
    with pytest.raises(InputError, match="none of the 2 patients could be simulated; the first, a: "):
        run_study(TableCohort.read(tmp_path / "t.csv"), PLANS[:2], tmp_path / "s", **ASKED)
    assert not (tmp_path / "s").exists()


class Raises(Policy):
    """One's own, which fails."""

    kind: Literal["raises"] = "raises"

    def decide(self, seen):
        return CONTINUE if seen.day > 1e6 else 1 / 0


class Mends(Raises):
    """The same, mended."""

    def decide(self, seen):
        return CONTINUE


class Stops(Raises):
    """Another one of the same name and parameters."""

    def decide(self, seen):
        return Decision("stop", "enough")


def test_the_code_of_one_s_own_policy_is_part_of_what_was_asked_for(tmp_path):
    def study(policy):
        adaptive = Scenario(plan=PLANS[0], policy=policy(), name="adaptive")
        asked = {**ASKED, "samples": 5}
        return run_study(SampledCohort(3, seed=1), [adaptive, PLANS[1]], tmp_path / "s", **asked)

    with pytest.raises(
        InputError, match=r"none of the 3 .*: the policy .raises. failed on day 7 of sample 0"
    ):
        study(Raises)
    assert set(study(Mends).decisions["decision"]) == {"continue"}
    with pytest.raises(InputError, match="holds another study"):
        study(Stops)


def test_a_folder_of_twins_is_a_cohort_with_its_truth(patient_folder, tmp_path):
    shutil.copytree(patient_folder, tmp_path / "in" / "one.twin")
    (tmp_path / "in" / "broken.twin").mkdir()
    from simulators.belief.prior import prior_belief
    from twin import PatientTwin

    twin = PatientTwin.load(patient_folder)
    biology = {k: float(v[0]) for k, v in prior_belief(twin, 1, 99).samples.items()}
    (tmp_path / "in" / "one.twin" / "truth.json").write_text(json.dumps({"biology": biology}))
    with pytest.warns(UserWarning, match="1 of 2 patients failed; the first, broken"):
        study = run_study(FolderCohort.read(tmp_path / "in"), PLANS[:2], tmp_path / "s", **ASKED)
    assert study.failed["patient"].to_list() == ["broken"]
    assert study.truth["alpha_per_gy"].to_list() == [biology["alpha_per_gy"]]
    start = study.trajectory.filter(pl.col("day") == 0)
    np.testing.assert_allclose(start["truth"], twin.gtv_cm3, rtol=1e-6)
    assert study.lives["plan"].to_list() == ["60-30", "55-20"]
    lung = study.outcomes.filter(pl.col("outcome") == "mean_lung_dose")
    assert set(lung["status"]) == {"approximate"}  # his own dose, not a similar patient's


@pytest.mark.parametrize(
    ("plans", "asked", "words"),
    [
        (["60/30", "60/30"], {}, "given twice"),
        ([], {}, "at least one plan"),
        (["+20/8"], {}, "needs delivered fractions"),
        (["60/30"], {"samples": 0}, "samples must lie between"),
        (["60/30"], {"days": 0}, "days must lie between"),
    ],
)
def test_a_study_that_cannot_be_is_refused_and_nothing_written(plans, asked, words, tmp_path):
    with pytest.raises(InputError, match=words):
        run_study(COHORT, [TreatmentPlan.parse(p) for p in plans], tmp_path / "s", **{**ASKED, **asked})
    assert not (tmp_path / "s").exists()


def test_a_gap_after_the_course_is_refused_before_anyone_is_simulated(tmp_path):
    late = Scenario(plan=PLANS[0], gaps=(Gap(from_day=200),))
    with pytest.raises(InputError, match="after the last fraction"):
        run_study(COHORT, [late], tmp_path / "s", **ASKED)


def test_the_folder_of_another_study_or_of_something_else_is_refused(study, tmp_path):
    with pytest.raises(InputError, match=r"holds another study \(50 sampled patients, seed 1\)"):
        run_study(COHORT, PLANS[:2], study.folder, **ASKED)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="other content"):
        run_study(COHORT, PLANS, tmp_path, **ASKED)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_newer_or_broken_record_is_a_sentence(tmp_path):
    (tmp_path / "study.json").write_text('{"format": "rt-twin-study/9"}')
    with pytest.raises(InputError, match="update rt-twin"):
        load_study(tmp_path)
    (tmp_path / "study.json").write_text("[")
    with pytest.raises(InputError, match="is broken"):
        load_study(tmp_path)


def test_an_unknown_executor_is_a_sentence():
    with pytest.raises(InputError, match="there are: local, ray"):
        mapper("slurm")


def test_quantiles_are_those_of_numpy():
    values = np.random.default_rng(0).random((3, 200))
    for n in (200, 7, 1):
        ours = quantiles(values[:, :n], (0.1, 0.5, 0.9))
        np.testing.assert_allclose(ours, np.quantile(values[:, :n], (0.1, 0.5, 0.9), axis=-1), rtol=1e-12)


def test_a_disk_that_is_full_at_the_merge_is_one_sentence_and_the_study_goes_on_later(small_disk):
    plans = [TreatmentPlan.parse("60/30"), TreatmentPlan.parse("54/3")]
    asked = {"days": 60, "samples": 4, "part": 10}
    filler = small_disk / "filler"

    def fill(step, share):
        if step == "merging":
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1024))

    with pytest.raises(InputError, match="the disk is full") as told:
        run_study(SampledCohort(20), plans, small_disk / "s", progress=fill, **asked)
    assert "\n" not in str(told.value)
    filler.unlink()

    def nothing_again(work, jobs):
        assert not list(jobs)
        return []

    study = run_study(SampledCohort(20), plans, small_disk / "s", map_chunks=nothing_again, **asked)
    assert len(study.patients) == 20 and not len(study.failed)


def test_images_of_a_studys_twins_are_kept_as_runs_and_need_twins(phantom_twin, tmp_path):
    phantom_twin.save(tmp_path / "twins" / "one.twin")
    plan = TreatmentPlan(imaging={"also": (1.5,)})  # no treatment: no dose to calculate
    asked = {"days": 3, "samples": 2, "image_samples": 1, "generator": "mechanistic"}
    study = run_study(FolderCohort.read(tmp_path / "twins"), [plan], tmp_path / "s", **asked)
    assert not len(study.failed)
    run = load(tmp_path / "s" / "runs" / "one")
    assert [
        i.record.generator.split(" ")[0].startswith("mechanistic")
        for i in run.images
        if i.record.kind == "ct"
    ] == [True]
    assert study.outcomes.drop("patient").rows() == run.outcomes.drop("note").rows()
    with pytest.raises(InputError, match="need patients with images"):
        run_study(SampledCohort(2), [plan], tmp_path / "t", **asked)
    with pytest.raises(InputError, match="unknown generator"):
        run_study(
            FolderCohort.read(tmp_path / "twins"), [plan], tmp_path / "u", **asked | {"generator": "no such"}
        )


def test_a_study_that_fails_at_once_leaves_no_folder_and_the_mended_command_works(tmp_path):
    table, out = tmp_path / "t.csv", tmp_path / "a [1]*" / "study"
    table.write_text("id,gtv_cm3\na,20\nb,30\n")
    cohort = TableCohort.read(table)
    table.unlink()  # it goes while the study begins
    with pytest.raises(InputError, match="there is no table"):
        run_study(cohort, PLANS[:2], out, days=30, samples=8)
    assert list(tmp_path.iterdir()) == []
    table.write_text("id,gtv_cm3\na,20\nb,31\n")
    done = run_study(TableCohort.read(table), PLANS[:2], out, days=30, samples=8)
    assert done.patients["gtv_cm3"].to_list() == [20.0, 31.0]
    assert done.failed.is_empty() and load_study(out).scan("effects").collect().height > 0
