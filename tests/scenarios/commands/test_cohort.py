"""`rt-twin cohort` as its users meet it: a process, killed and started again."""

import subprocess
import sys
import time
from pathlib import Path

from polars.testing import assert_frame_equal

from scenarios.study.parts import _TABLES, load_study

COMMAND = str(Path(sys.executable).with_name("rt-twin"))
PLANS = ("--plan", "60/30", "--plan", "55/20")


def rt_twin(*words):
    command = [COMMAND, "cohort", *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def test_a_killed_study_resumes_to_the_tables_of_one_that_was_not(tmp_path):
    words = ("--n", 2000, *PLANS, "--samples", 4, "--days", 30)
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [COMMAND, "cohort", *map(str, words), "--out", str(killed)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 120
    while not (killed / "parts" / "00000").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert (killed / "parts" / "00000").exists()
    assert not (killed / "contrasts.parquet").exists()
    for folder in (killed, tmp_path / "whole"):
        result = rt_twin(*words, "--out", folder)
        assert result.returncode == 0, result.stderr
    one, other = load_study(killed), load_study(tmp_path / "whole")
    for name in _TABLES:
        assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    assert sorted(p.name for p in killed.iterdir()) == sorted(
        [
            *(f"{n}.parquet" for n in (*_TABLES, "arms", "draws")),
            "study.json",
        ]  # counts, for what is added later
    )
    for expected in ("SIMULATED", "2000 sampled patients", "55-20 - 60-30", "Tumour control"):
        assert expected in result.stdout


def test_mistakes_are_one_sentence_each(tmp_path, refused):
    table = tmp_path / "patients.csv"
    table.write_text("id,gtv_ml\na,30\n")
    for words, says in (
        (("--n", 0), "--n"),
        (("--n", 5, "--table", table), "one of --n, --table and --twins"),
        (("--table", table), "give 'gtv_ml' in cm3 as 'gtv_cm3'"),
        (("--n", 5, "--executor", "slurm"), "unknown executor 'slurm'; there are: local, ray"),
        (("--twins", tmp_path), "holds no NAME.twin"),
    ):
        assert says in refused("cohort", *words, *PLANS, "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()
