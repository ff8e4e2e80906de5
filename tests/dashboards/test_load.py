"""Ten browsers that scroll cost the server little more memory than one: a small run of `benchmarks/load.py`."""

import runpy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.long  # a server under load
pytest.importorskip("selenium", reason="selenium is not installed")
LOAD = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks" / "load.py"))


def test_memory_is_bounded_while_ten_browsers_scroll(opened):
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc to read the server's memory from")
    with LOAD["serving"](opened) as (server, link):
        wanted = [path for path in LOAD["paths"](opened, "demo") if "pet-scan" not in path]
        one = LOAD["fetch"](link, wanted, 0)
        after_one = LOAD["resident_mb"](server.pid)
        with ThreadPoolExecutor(10) as pool:
            assert list(pool.map(lambda n: LOAD["fetch"](link, wanted, n), range(10))) == [one] * 10
        assert LOAD["resident_mb"](server.pid) < after_one + 80
