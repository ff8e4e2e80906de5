"""Ten sessions that fetch all of a run cost the server little more memory than one (browsers: `benchmarks/load.py`)."""

import runpy
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.long  # a server under load
pytest.importorskip("selenium", reason="selenium is not installed")
LOAD = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks" / "load.py"))


def paths(run) -> list[str]:
    """The addresses of the voxels of a run: its CT, and what each follow-up has."""
    from dashboards.viewer.shown import SLAB, Shown

    shown = [f"/data/baseline?slab={n}" for n in range(-(-Shown(run).grid.shape[0] // SLAB))]
    for n, frame in enumerate(run.frames):
        shown.append(f"/data/follow-up?frame={n}")
        shown += [f"/data/layer/dose?frame={n}"] * ("dose" in frame.files)
    return [f"{path}&of=run&key=demo" for path in shown]


def fetch(link: str, wanted: list[str], session: int) -> int:
    """Ask for all, each session in an order of its own: the bytes that were sent."""
    address, token = link.split("/?token=")
    total = 0
    for n in range(len(wanted)):
        asked = urllib.request.Request(address + wanted[(n + 3 * session) % len(wanted)])
        asked.add_header("Accept-Encoding", "gzip")
        asked.add_header("Cookie", f"rt-twin-{address.rpartition(':')[2]}={token}")
        with urllib.request.urlopen(asked, timeout=600) as answer:
            total += len(answer.read())
    return total


def test_memory_is_bounded_while_ten_sessions_fetch_all(opened, run):
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc to read the server's memory from")
    with LOAD["serving"](opened) as (server, link):
        wanted = paths(run)
        one = fetch(link, wanted, 0)
        after_one = LOAD["resident_mb"](server.pid)
        with ThreadPoolExecutor(10) as pool:
            assert list(pool.map(lambda n: fetch(link, wanted, n), range(10))) == [one] * 10
        assert LOAD["resident_mb"](server.pid) < after_one + 80
