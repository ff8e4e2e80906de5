"""The command line as its users meet it: a process, its output, its exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("rt-twin"))


def rt_twin(*words, cwd=None):
    return subprocess.run(
        [COMMAND, *map(str, words)], check=False, capture_output=True, text=True, cwd=cwd, timeout=300
    )


def test_bed_prints_the_reference_numbers():
    result = json.loads(rt_twin("bed", "60/30", "--json").stdout)
    assert result == {"bed_gy": pytest.approx(72.0), "eqd2_gy": pytest.approx(60.0)}
    late = json.loads(rt_twin("bed", "54/3", "--alpha-beta", 3, "--json").stdout)
    assert late["bed_gy"] == pytest.approx(378.0)


def test_show_says_what_the_twin_holds(patient_folder):
    facts = json.loads(rt_twin("show", patient_folder, "--json").stdout)
    assert facts["gtv_cm3"] == pytest.approx(60, rel=0.05)
    assert facts["now_days"] == 0
    assert facts["structures"]["GTVp"]["role"] == "GTV"


@pytest.mark.long
def test_compare_prints_the_table_and_writes_the_run(patient_folder, tmp_path):
    words = (
        "--days",
        100,
        "--samples",
        10,
        "--image-samples",
        0,
        "--dose",
        "approximate",
        "--out",
        tmp_path / "r",
    )
    result = rt_twin("compare", patient_folder, "--plan", "60/30", "--plan", "60/15", *words)
    assert result.returncode == 0, result.stderr
    for expected in ("SIMULATED", "60/30", "60/15", "intervals of 80 %", "control 2 y", "report.html"):
        assert expected in result.stdout
    assert (tmp_path / "r" / "report.html").is_file()
    again = rt_twin("compare", patient_folder, "--plan", "66/33", *words)
    assert again.returncode == 2 and "exists with other content" in again.stderr
    assert "Traceback" not in again.stderr


@pytest.mark.long
def test_observing_records_the_plans_fractions_first(patient_folder, tmp_path, refused):
    twin = tmp_path / "p.twin"
    subprocess.run(["cp", "-r", patient_folder, twin], check=True)
    result = rt_twin("observe", twin, "--day", 21, "--gtv-cm3", 41.5, "--plan", "60/30")
    assert result.returncode == 0, result.stderr
    facts = json.loads(rt_twin("show", twin, "--json").stdout)
    assert (facts["fractions"], facts["delivered_gy"], facts["now_days"]) == (15, 30.0, 21.0)
    assert facts["observations"] == [{"day": 21.0, "kind": "gtv_cm3", "value": 41.5}]
    assert facts["belief"] == {"kind": "posterior", "samples": 10000}
    compared = refused("compare", twin, "--plan", "55/20", "--out", tmp_path / "r")
    assert "contradicts what was delivered" in compared
    assert "must be 21 or later" in refused("observe", twin, "--day", 3, "--gtv-cm3", 40)
    assert "give either --gtv-cm3, or --suv, or --scan" in refused("observe", twin, "--day", 22)


@pytest.mark.parametrize("plan", ["60/", "0/30", "-60/30", "60/30x", "1e9/30"])
def test_a_plan_that_does_not_parse_is_one_sentence(patient_folder, tmp_path, plan, refused):
    told = refused("compare", patient_folder, f"--plan={plan}", "--out", tmp_path / "r")
    assert f"the plan '{plan}' is not understood" in told
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--days", -5), "--days must lie between"),
        (("--generator", "magic"), "unknown generator 'magic'"),
        (("--scanner", "xray"), "unknown scanner 'xray'"),
        (("--kinetics", "magic"), "unknown kinetics 'magic'; there are: "),
        (("--outcomes", "magic"), "unknown outcome model 'magic'; there are: "),
        (("--plan", "60/30"), "given twice"),
    ],
)
def test_bad_settings_are_one_sentence_and_leave_nothing(patient_folder, tmp_path, words, says, refused):
    assert says in refused("compare", patient_folder, "--plan", "60/30", *words, "--out", tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


def test_no_such_twin_or_run_folder_is_one_sentence(tmp_path, refused):
    none = tmp_path / "none.twin"
    assert "none.twin" in refused("show", none)
    assert "none.twin" in refused("compare", none, "--plan", "60/30", "--out", tmp_path / "r")
    assert "already exists" in refused("phantom", tmp_path, "--seed", 1)


def test_an_existing_folder_is_never_overwritten(patient_folder, tmp_path, refused):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    told = refused("compare", patient_folder, "--plan", "60/30", "--out", tmp_path / "mine")
    assert "exists with other content" in told
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.long
def test_a_record_is_edited_and_an_observation_taken_back(patient_folder, tmp_path, refused):
    import shutil

    twin = tmp_path / "p.twin"
    shutil.copytree(patient_folder, twin)
    before = json.loads(rt_twin("show", twin, "--json").stdout)
    first = rt_twin("observe", twin, "--day", 0, "--suv", 12, "--peak")
    assert "SUVpeak 12.0 on day 0" in first.stdout and "later ones are held against it" in first.stdout
    seen = rt_twin("observe", twin, "--day", 21, "--suv", 11.5, "--peak", "--plan", "60/30")
    assert seen.returncode == 0 and "moved by it" in seen.stdout and "alpha_per_gy" in seen.stdout
    undone = rt_twin("observe", twin, "--undo")
    assert undone.returncode == 0 and "taken back: suv_peak 11.5 observed on day 21" in undone.stdout
    assert all(rt_twin("observe", twin, "--undo").returncode == 0 for _ in range(2))
    edited = rt_twin("edit", twin, "--set", "age=71", "--set", "fev1=62")
    assert "-> 71" in edited.stdout and edited.returncode == 0
    after = json.loads(rt_twin("show", twin, "--json").stdout)
    assert after["observations"] == before["observations"] and after["now_days"] == before["now_days"]
    assert (after["clinical"]["age_years"], after["clinical"]["fev1_percent"]) == (71, 62)
    assert [line.split(":")[0] for line in after["history"]] == [
        "observe",
        "deliver",
        "observe",
        "undo",
        "undo",
        "undo",
        "edit",
    ]
    for words, says in (
        (("observe", twin, "--undo"), "nothing to undo"),
        (("observe", twin, "--undo", "--day", 3), "goes with no other option"),
        (("edit", twin, "--set", "age=171"), "--set: age_years"),
        (("edit", twin, "--set", "weight=80"), "it has: age_years"),
        (("edit", twin), "nothing to change; give --clinical FILE, --set"),
    ):
        assert says in refused(*words)


@pytest.mark.slow
def test_the_demo_is_a_patient_and_a_comparison_of_two_plans(tmp_path):
    assert rt_twin("demo", tmp_path / "runs").returncode == 0
    assert (tmp_path / "runs" / "demo-patient.twin" / "twin.json").is_file()
    record = json.loads((tmp_path / "runs" / "demo" / "run.json").read_text())
    assert [plan["label"] for plan in record["plans"]] == ["60/30", "55/20"]
