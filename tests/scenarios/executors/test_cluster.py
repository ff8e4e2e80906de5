"""Studies on a Ray cluster of two nodes, one of which dies on the way."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from scenarios import TreatmentPlan
from scenarios.study.cohort import SampledCohort
from scenarios.study.parts import _TABLES, load_study, run_study
from twin import InputError

pytestmark = pytest.mark.long  # starts clusters

ASKED = {"days": 60, "samples": 30, "seed": 2, "part": 5}
PLANS = ("60/30", "55/20")

# In a process of its own: Ray leaves threads and handlers behind, and its nodes must die with it.
SCRIPT = """
    import logging, sys, time
    import ray
    from ray.cluster_utils import Cluster
    from scenarios import TreatmentPlan
    from scenarios.study.cohort import SampledCohort
    from scenarios.executors.cluster import ray_map
    from scenarios.study.parts import run_study

    small = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False)  # on the head
    doomed = cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
    cluster.wait_for_nodes()
    assert ray.cluster_resources()["CPU"] == 2

    def with_a_death(work, jobs):
        for done, result in enumerate(ray_map(work, jobs)):
            yield result
            if done == 1:
                cluster.remove_node(doomed, allow_graceful=False)
    plans = [TreatmentPlan.parse(p) for p in %r]
    run_study(SampledCohort(60), plans, sys.argv[1], **%r, map_chunks=with_a_death)
    until = time.monotonic() + 30  # the death is told some seconds later
    while sum(n["Alive"] for n in ray.nodes()) > 1 and time.monotonic() < until:
        time.sleep(0.2)
    print("nodes alive at the end:", sum(n["Alive"] for n in ray.nodes()), flush=True)
"""


@pytest.mark.slow
def test_a_node_that_dies_loses_nothing(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'rt-twin[cluster]'")
    script = textwrap.dedent(SCRIPT) % (PLANS, ASKED)
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "ray")],
        capture_output=True, text=True, timeout=240, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "nodes alive at the end: 1" in done.stdout
    here = run_study(SampledCohort(60), [TreatmentPlan.parse(p) for p in PLANS], tmp_path / "here", **ASKED)
    there = load_study(tmp_path / "ray")
    for name in _TABLES:
        assert_frame_equal(getattr(here, name), getattr(there, name), check_exact=True)


def test_a_cluster_that_cannot_be_reached_is_one_sentence(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'rt-twin[cluster]'")
    command = ["cohort", "--n", "2", "--plan", "60/30", "--executor", "ray", "--out", str(tmp_path / "s")]
    code = f"import sys; from scenarios.commands.main import main; sys.argv[1:] = {command!r}; main()"
    environment = {**os.environ, "RAY_ADDRESS": "127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment,
                          check=False)  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "rt-twin: the Ray cluster at 127.0.0.1:1 cannot be reached; start it, or set RAY_ADDRESS to where it is"
    )


ACTORS = """
    import logging, os, signal, sys
    import ray
    from scenarios.executors.mapping import mapper

    ray.init(address="local", num_cpus=2, num_gpus=2, object_store_memory=80_000_000, include_dashboard=False,
             logging_level=logging.ERROR, log_to_driver=False)
    HELD = []

    def hold():
        HELD.append(os.getpid())
        sys.held = HELD

    def work(job):
        if job == 3 and not os.path.exists(%r):
            open(%r, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return job, os.getpid(), len(sys.held), ray.get_gpu_ids()

    results = sorted(mapper("ray", hold)(work, range(12)))
    assert [r[0] for r in results] == list(range(12)), results
    assert all(r[2] == 1 for r in results)  # loaded once by each, however many jobs it did
    pids = {r[1] for r in results}
    print("workers", len(pids), "gpus", sorted({tuple(r[3]) for r in results}), flush=True)
"""


@pytest.mark.slow
def test_actors_hold_what_they_loaded_each_on_a_gpu_of_its_own_and_a_death_loses_no_job(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'rt-twin[cluster]'")
    dead = str(tmp_path / "dead")
    script = textwrap.dedent(ACTORS) % (dead, dead)
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=180,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "gpus [(0,), (1,)]" in done.stdout or "gpus [(0,)]" in done.stdout or "gpus [(1,)]" in done.stdout
    assert (tmp_path / "dead").exists()


@pytest.mark.slow
def test_a_users_own_models_py_does_not_hide_ours_from_workers(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'rt-twin[cluster]'")
    (tmp_path / "models.py").write_text("raise SystemExit('the foreign file was run')")
    asked = [
        "--n",
        "2",
        "--plan",
        "60/30",
        "--days",
        "30",
        "--samples",
        "8",
        "--executor",
        "ray",
        "--out",
        "study",
    ]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "scenarios.commands.main", "cohort", *asked],
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert load_study(tmp_path / "study").patients["fault"].null_count() == 2


ALONE = """
    import os
    from pathlib import Path
    from scenarios.executors.mapping import mapper

    def token(job):
        return os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"]

    (mode, secret), *_ = mapper("ray")(token, [0])
    assert mode == "token" and len(secret) == 64

    def parent(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            return None

    of = {pid: parent(pid) for pid in os.listdir("/proc") if pid.isdigit()}
    ours = [str(os.getpid())]
    for pid in ours:
        ours += [child for child, above in of.items() if above == pid]
    sockets = set()
    for pid in ours:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                sockets.add(os.readlink(fd).removeprefix("socket:[").rstrip("]"))
            except OSError:
                pass
        assert secret not in Path(f"/proc/{pid}/cmdline").read_text()
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in sockets}
    print("processes", len(ours), "listen on", sorted(listening))
    assert len(ours) > 3 and listening
    assert listening <= {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
"""


def test_a_ray_of_this_machine_listens_on_loopback_only_and_has_a_token(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'rt-twin[cluster]'")
    if not Path("/proc/net/tcp").exists():
        pytest.skip("there is no /proc to read the sockets from")
    gone = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
    environment = {k: v for k, v in os.environ.items() if k not in gone}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ALONE)], capture_output=True, text=True, timeout=180, check=False,
        env=environment | {"RAY_USAGE_STATS_ENABLED": "0", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert not (tmp_path / ".ray").exists(), "no token is left in the home folder"


def test_a_cluster_without_a_token_is_one_sentence(monkeypatch):
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'rt-twin[cluster]'")
    from scenarios.executors import cluster

    def asks(**_):
        raise ray.exceptions.AuthenticationError("no token")

    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)  # what the call sets is taken back at the end
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    monkeypatch.setattr(ray, "init", asks)
    with pytest.raises(InputError, match="asks for a token; set RAY_AUTH_TOKEN"):
        cluster._connected()
    assert os.environ["RAY_AUTH_MODE"] == "token" and "RAY_AUTH_TOKEN" not in os.environ
