"""A department day by day: nothing is given twice, what is lost is made up, and time lost costs control."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from scenarios.clinic.department import Case, Clinic, Referrals
from scenarios.clinic.schema import CLINIC_SCHEMAS
from scenarios.clinic.simulation import simulate_clinic
from scenarios.plans.calendar import fraction_times
from scenarios.plans.plan import Chemotherapy, preset
from scenarios.plans.scenario import Gap, Scenario
from twin import InputError

DAYS = 150
QUIET = {"stops": 0, "red": 0, "orange": 0, "nonadherent": 0, "absence_others": 0}


def _only(text, **more):
    return Referrals(per_year=100, cases=(Case(scenario=text),), **{**QUIET, **more})


def test_every_fraction_is_delivered_missed_or_pending_exactly_once(run):
    fractions, patients = run.fractions, run.patients
    assert fractions.select("patient", "fraction").is_duplicated().sum() == 0
    counts = fractions.group_by("patient", "status").len().pivot("status", index="patient", values="len")
    joined = patients.join(counts.fill_null(0), on="patient", suffix="_rows")
    for name in ("delivered", "missed", "pending"):
        assert (joined[name] == joined[f"{name}_rows"]).all()
        assert joined[name].sum() > 0
    total = patients["delivered"] + patients["missed"] + patients["pending"]
    assert (total == patients["fractions"]).all()
    over = patients.filter(pl.col("status").is_in(["finished", "stopped"]))
    assert over["pending"].sum() == 0
    delivered = run.visits.filter(pl.col("outcome") == "delivered")
    assert delivered.height == patients["delivered"].sum()


def test_no_linac_ever_treats_two_at_once_or_while_it_is_down(run):
    treated = run.visits.filter(pl.col("outcome") == "delivered")
    taken = pl.concat(
        [
            treated.select("linac", "began_day", "ended_day"),
            run.breakdowns.filter(pl.col("began_day") < DAYS),
        ]
    ).sort("linac", "began_day")
    gaps = taken.with_columns(
        next_began=pl.col("began_day").shift(-1).over("linac"),
    ).drop_nulls("next_began")
    assert (gaps["next_began"] - gaps["ended_day"] > -1e-9).all()
    assert run.breakdowns.height > 5


def test_no_more_staff_work_than_there_are(run):
    step = {"scan": 1, "contouring": 1, "planning": 3, "qa": 1}
    for name, units in step.items():
        jobs = run.jobs.filter(pl.col("step") == name)
        times = np.concatenate([jobs["began_day"], jobs["ended_day"]])
        change = np.concatenate([np.ones(jobs.height), -np.ones(jobs.height)])
        order = np.lexsort((change, np.round(times, 9)))
        assert np.cumsum(change[order]).max() <= units


def test_utilisation_is_a_share_and_overtime_is_counted_apart(run):
    assert run.resources["utilisation"].is_between(0, 1).all()
    treated = run.visits.filter(pl.col("outcome") == "delivered")
    hours = ((treated["ended_day"] - treated["began_day"]) * 24).sum()
    linacs = run.resources.filter(pl.col("resource").str.starts_with("linac"))
    assert linacs["busy_hours"].sum() + linacs["overtime_hours"].sum() == pytest.approx(hours)
    weekend = treated.filter(pl.col("began_day").floor() % 7 >= 5)
    lengths = (weekend["ended_day"] - weekend["began_day"]) * 1440
    assert np.allclose(weekend["overtime_minutes"], lengths)


def test_tables_have_their_schemas(run):
    for name, schema in CLINIC_SCHEMAS.items():
        assert dict(getattr(run, name).schema) == schema
    with pytest.raises(AttributeError, match="patients"):
        run.nonsense  # noqa: B018


def test_one_seed_gives_one_run_and_another_gives_another(run, small):
    again = simulate_clinic(small, Referrals(per_year=420, red=0.2), days=DAYS, seed=4, samples=16)
    for name in CLINIC_SCHEMAS:
        assert_frame_equal(getattr(run, name), getattr(again, name))
    other = simulate_clinic(small, Referrals(per_year=420, red=0.2), days=30, seed=5, samples=0)
    assert other.patients["arrival_day"][0] != run.patients["arrival_day"][0]


def test_two_departments_see_the_same_patients(run):
    larger = simulate_clinic(Clinic(linacs=4), Referrals(per_year=420, red=0.2), days=40, seed=4, samples=0)
    columns = ["patient", "scenario", "gtv_cm3"]
    # A closed day puts arrivals off, so those before it are compared.
    early = run.patients.filter(pl.col("arrival_day") < 32)
    same = larger.patients.filter(pl.col("arrival_day") < 32)
    assert early.height > 20
    assert_frame_equal(early.select(*columns, "arrival_day"), same.select(*columns, "arrival_day"))


def test_where_nothing_goes_wrong_courses_are_as_planned_and_lose_no_control():
    clinic = Clinic(downtime=0, planners=20, oncologists=10, physicists=10, fraction_spread=0)
    done = simulate_clinic(clinic, _only("60/30"), days=200, seed=1)
    finished = done.patients.filter(pl.col("status") == "finished")
    assert finished.height > 20
    assert finished["missed"].sum() == 0
    assert (finished["prolonged_days"] == 0).all()
    one = done.fractions.filter(pl.col("patient") == finished["patient"][0])
    start = int(one["delivered_day"][0])
    expected = [int(s.time_days) + start for s in fraction_times(Scenario.parse("60/30"), start % 7)]
    assert one["delivered_day"].floor().cast(int).to_list() == expected
    # Appointments move by minutes, which is worth nothing.
    lost = finished["control_after_wait"] - finished["control_as_it_went"]
    assert lost.abs().max() < 1e-3
    assert (finished["control_at_once"] > finished["control_after_wait"]).all()


def test_lost_days_cost_control_and_the_more_the_more(run):
    finished = run.patients.filter((pl.col("status") == "finished") & (pl.col("gtv_cm3") > 20))
    lost = finished["control_after_wait"] - finished["control_as_it_went"]
    late = finished["prolonged_days"].cast(float)
    assert late.max() > 7
    assert np.corrcoef(lost, late)[0, 1] > 0.5
    stopped = run.patients.filter((pl.col("status") == "stopped") & (pl.col("delivered") == 0))
    assert (stopped["control_as_it_went"] < 1e-12).all()


def test_concurrent_drugs_raise_control_by_the_cycles_that_fall_into_the_course():
    # Six weeks hold both of two cycles every 21 days, but only two of three.
    controls = []
    for cycles in (None, 3, 2):
        drugs = Chemotherapy(cycles=cycles, every_days=21) if cycles else None
        plan = preset("60/30").model_copy(update={"chemotherapy": drugs})
        done = simulate_clinic(Clinic(downtime=0), _only(Scenario(plan=plan)), days=120, seed=1, samples=32)
        controls.append(done.patients["control_as_it_went"].drop_nulls())
    assert len(controls[0]) == len(controls[1]) == len(controls[2]) > 5
    assert (controls[0] < controls[1]).all()
    assert (controls[1] < controls[2]).all()


def test_as_many_patients_miss_two_or_more_fractions_as_were_reported():
    # Ohri 2016: 22 % of 1,227 patients
    referrals = _only("60/30", nonadherent=0.21, absence=5 / 30, absence_others=0.005)
    referrals = referrals.model_copy(update={"per_year": 600})
    clinic = Clinic(linacs=8, planners=12, oncologists=6, physicists=6)
    done = simulate_clinic(clinic, referrals, days=365, seed=2, samples=0)
    finished = done.patients.filter(pl.col("status") == "finished")
    often = finished.filter(pl.col("absences") >= 2)
    assert often.height / finished.height == pytest.approx(0.22, abs=0.045)
    seldom = finished.filter(pl.col("absences") < 2)
    longer = often["prolonged_days"].mean() - seldom["prolonged_days"].mean()
    assert longer == pytest.approx(7.2, abs=1.5)


def test_downtime_is_the_share_of_opening_hours_that_was_asked_for():
    done = simulate_clinic(Clinic(linacs=8), _only("48/4"), days=730, seed=3, samples=0)
    linacs = done.resources.filter(pl.col("resource").str.starts_with("linac"))
    assert (linacs["down_hours"] / linacs["open_hours"]).mean() == pytest.approx(0.028, rel=0.15)


def test_too_few_planners_make_patients_wait_and_replans_go_first(small):
    referrals = Referrals(per_year=420)
    waits = {}
    for planners in (2, 3):
        done = simulate_clinic(
            small.model_copy(update={"planners": planners}), referrals, days=150, samples=0
        )
        waits[planners] = done.jobs.filter(pl.col("step") == "planning")
    assert waits[2]["waited_hours"].mean() > 4 * waits[3]["waited_hours"].mean()
    by_kind = waits[2].group_by("replan").agg(pl.col("waited_hours").mean())
    wait = dict(by_kind.iter_rows())
    assert wait[True] < 0.5 * wait[False]


def test_too_few_linacs_make_patients_wait_for_a_start(small):
    referrals = Referrals(per_year=420)
    starts = [
        simulate_clinic(small.model_copy(update={"linacs": n}), referrals, days=150, samples=0).patients
        for n in (1, 3)
    ]
    after_plan = [(p["start_day"] - p["ready_day"]).drop_nulls().mean() for p in starts]
    assert after_plan[0] > after_plan[1] + 5


def test_a_matched_linac_takes_the_patients_of_one_that_is_down():
    referrals = _only("60/30")
    referrals = referrals.model_copy(update={"per_year": 300})
    bad = Clinic(linacs=3, downtime=0.15, repair_h=8)
    lost = [
        simulate_clinic(bad.model_copy(update={"matched_linacs": m}), referrals, days=120, samples=0)
        .patients["lost_to_machine"]
        .sum()
        for m in (False, True)
    ]
    assert lost[0] > 20
    assert lost[1] < 0.5 * lost[0]


def test_fractions_of_a_day_are_six_hours_apart_and_sbrt_keeps_alternate_days(run):
    given = run.fractions.filter(pl.col("status") == "delivered").sort("patient", "delivered_day")
    between = given.with_columns(gap=pl.col("delivered_day").diff().over("patient")).drop_nulls("gap")
    assert between["gap"].min() > 6 / 24 - 1e-9
    spaced = run.patients.filter(pl.col("scenario").str.contains("every 2 days"))["patient"]
    days = given.filter(pl.col("patient").is_in(spaced.implode())).with_columns(
        gap=pl.col("delivered_day").floor().diff().over("patient")
    )
    assert days["gap"].drop_nulls().min() >= 2


def test_a_red_change_holds_treatment_until_the_new_plan_is_ready(run):
    red = run.replans.filter((pl.col("level") == "red") & pl.col("ready_day").is_not_null())
    assert red.height > 3
    given = run.visits.filter(pl.col("outcome") == "delivered")
    for patient, _, asked, _, ready, _ in red.iter_rows():
        times = given.filter(pl.col("patient") == patient)["began_day"]
        assert not times.is_between(asked, ready, closed="none").any()
    assert run.patients["lost_to_replan"].sum() >= red.height


def test_a_replan_is_late_after_its_due_day(small):
    clinic = small.model_copy(update={"replan_due_days": 1.0})
    done = simulate_clinic(clinic, Referrals(per_year=300, red=0.5), days=100, samples=0)
    assert 0 < done.replans["late"].sum() <= done.replans.height
    ready = done.replans.drop_nulls("ready_day")
    assert (ready["late"] == (ready["ready_day"] > ready["due_day"])).all()


def test_nobody_works_on_a_closed_day(run):
    assert (run.visits["began_day"].drop_nulls().floor() != 32).all()
    assert (run.jobs["began_day"].floor() != 32).all()
    assert run.clinic.works(35)
    assert not run.clinic.works(32)


@pytest.mark.parametrize("make_up", ["none", "friday", "prolong"])
def test_absences_are_made_up_as_the_scenario_says(make_up):
    case = Case(scenario=Scenario(plan=preset("60/30"), make_up=make_up))
    referrals = Referrals(
        per_year=100, cases=(case,), **{**QUIET, "nonadherent": 1.0, "absence": 0.15, "stops": 0}
    )
    done = simulate_clinic(Clinic(downtime=0), referrals, days=150, seed=6, samples=0)
    finished = done.patients.filter(pl.col("status") == "finished")
    assert finished["absences"].sum() > 30
    given = done.fractions.filter(pl.col("status") == "delivered")
    a_day = given.group_by("patient", pl.col("delivered_day").floor().alias("day")).len()
    if make_up == "none":
        assert (finished["missed"] == finished["absences"]).all()
        assert (finished["prolonged_days"] <= 0).all()
    else:
        assert finished["missed"].sum() == 0
    twice = a_day.filter(pl.col("len") > 1)
    assert (twice.height > 0) == (make_up == "friday")
    assert (twice["day"] % 7 == 4).all()


def test_a_scenario_s_own_gap_happens_and_what_it_leaves_out_is_missed():
    scenario = Scenario(plan=preset("55/20"), gaps=(Gap(from_day=7, days=7),), stop_after=12)
    done = simulate_clinic(Clinic(downtime=0), _only(scenario), days=120, seed=1, samples=0)
    finished = done.patients.filter(pl.col("status") == "finished")
    assert finished.height > 5
    assert (finished["delivered"] == 12).all()
    assert (finished["missed"] == 8).all()
    one = done.fractions.filter(
        (pl.col("patient") == finished["patient"][0]) & (pl.col("status") == "delivered")
    )
    days = one["delivered_day"].floor() - one["delivered_day"].floor()[0]
    assert not days.is_between(7, 13).any()


@pytest.mark.parametrize("days", [0, 10**6])
def test_no_days_and_too_many_are_refused(days):
    with pytest.raises(InputError, match="days"):
        simulate_clinic(days=days)


def test_statistics_leave_the_warm_up_out(run, small):
    later = simulate_clinic(
        small, Referrals(per_year=420, red=0.2), days=DAYS - 60, warm_up_days=60, seed=4, samples=16
    )
    assert_frame_equal(later.patients, run.patients)  # the same department: only the counting begins later
    counted = later.patients.filter(pl.col("arrival_day") >= 60)
    values = dict(later.summary.select("metric", "value").iter_rows())
    assert values["patients"] == counted.height < run.patients.height
    assert values["waiting for treatment, median"] == counted["waited_days"].median()
    linac = later.resources.row(0, named=True)
    treated = later.visits.filter(
        (pl.col("outcome") == "delivered") & (pl.col("began_day") >= 60) & (pl.col("linac") == 0)
    )
    hours = 24 * (treated["ended_day"] - treated["began_day"]).sum()
    assert linac["busy_hours"] + linac["overtime_hours"] == pytest.approx(hours)
    assert linac["open_hours"] < run.resources["open_hours"][0]
    with pytest.raises(InputError, match="3660 in all"):
        simulate_clinic(days=3600, warm_up_days=100)
