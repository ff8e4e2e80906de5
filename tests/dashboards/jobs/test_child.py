import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from dashboards.jobs.child import Jobs
from twin.errors import InputError

pytestmark = pytest.mark.long  # runs whole comparisons


def until(holds, seconds=240):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def ended(job):
    until(lambda: job.state != "running" and job.process.poll() is not None)
    return job


@pytest.fixture
def jobs():
    started = Jobs()
    yield started
    started.end_all()


def test_a_job_runs_rt_twin_and_tells_of_its_end(jobs):
    finished = []
    job = ended(jobs.start("bed", ["bed", "60/30", "--json"], opens="/", after=finished.append, tells=True))
    assert (job.state, finished) == ("done", [True])
    assert json.loads(job.said)["bed_gy"] == 72.0


def test_a_users_own_models_py_does_not_hide_ours_from_a_job(jobs, tmp_path, monkeypatch):
    (tmp_path / "models.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    assert ended(jobs.start("bed", ["bed", "60/30"], opens="/")).state == "done"


def test_a_failure_is_the_commands_own_sentence(jobs, tmp_path):
    job = ended(
        jobs.start("import", ["import", str(tmp_path / "nothing.zip"), str(tmp_path / "p.twin")], opens="/")
    )
    assert job.state == "failed"
    assert "nothing.zip" in job.message and "Traceback" not in job.message


def test_a_comparison_tells_its_progress_and_a_cancel_leaves_nothing(jobs, opened, tmp_path):
    out = tmp_path / "run"
    job = jobs.start(
        "compare", ["compare", str(opened / "patient.twin"), "--plan=60/30", "--out", str(out)], opens="/"
    )
    until(lambda: job.share is not None or job.state != "running")
    assert 0 <= job.share < 1
    jobs.cancel(job.id)
    job.process.wait(120)
    assert job.state == "cancelled"
    assert list(tmp_path.iterdir()) == []


def test_two_jobs_run_at_once_and_a_third_is_refused(jobs, opened, tmp_path):
    for n in range(2):
        jobs.start(
            "compare",
            ["compare", str(opened / "patient.twin"), "--plan=60/30", f"--out={tmp_path / str(n)}"],
            opens="/",
        )
    with pytest.raises(InputError, match="2 jobs are running"):
        jobs.start("bed", ["bed", "60/30"], opens="/")


def test_arguments_pass_through_no_shell(jobs, tmp_path):
    job = ended(jobs.start("bed", ["bed", f"60/30; touch {tmp_path}/made"], opens="/"))
    assert job.state == "failed"
    assert not (tmp_path / "made").exists()


def test_the_list_of_processes_shows_no_argument(jobs, tmp_path):
    job = jobs.start("import", ["import", str(tmp_path / "MUELLER.zip"), "--gtv=MUELLER"], opens="/")
    for name in ("cmdline", "environ"):
        assert b"MUELLER" not in Path(f"/proc/{job.process.pid}/{name}").read_bytes()
    assert ended(job).state == "failed"


SERVER = """
import sys, time
from dashboards.jobs.child import Jobs
job = Jobs().start("serve", ["app", sys.argv[1], "--port", "0"], opens="/")
print(job.process.pid, flush=True)
time.sleep(600)
"""


def serves(pid) -> bool:
    """Whether a process waits for connections."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    open_doors = {f"socket:[{words[9]}]" for words in sockets if words[3] == "0A"}
    with suppress(FileNotFoundError):  # what it has closed meanwhile
        return any(os.readlink(file) in open_doors for file in Path(f"/proc/{pid}/fd").iterdir())
    return False


def test_no_job_outlives_a_server_that_is_killed(tmp_path):
    command = [sys.executable, "-c", SERVER, str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    pid = int(server.stdout.readline())
    until(lambda: serves(pid))
    server.kill()
    server.wait()
    told = Path(f"/proc/{pid}/cmdline")
    until(lambda: not told.exists() or not told.read_bytes())
