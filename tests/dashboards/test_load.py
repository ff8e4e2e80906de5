"""Ten browsers that scroll cost the server little more memory than one."""

import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboards.viewer.shown import SLAB, Shown

pytestmark = pytest.mark.long  # a server under load


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("there is no /proc to read the server's memory from")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def test_memory_is_bounded_while_ten_browsers_scroll(opened, run):
    code = f"from pathlib import Path; from dashboards.app import serve; serve(Path({str(opened)!r}), 0)"
    server = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        address, token = server.stdout.readline().split(" is at ")[1].split(" ")[0].split("/?token=")
        cookie = f"rt-twin-{address.rpartition(':')[2]}={token}"
        slabs = -(-Shown(run).grid.shape[0] // SLAB)
        paths = [f"/data/baseline?of=run&key=demo&slab={n}" for n in range(slabs)]
        paths += [
            f"/data/{kind}?of=run&key=demo&frame={n}"
            for n, frame in enumerate(run.frames)
            if "dose" in frame.files
            for kind in ("follow-up", "layer/dose")
        ]

        def scroll(browser: int) -> int:
            total = 0
            for n in range(len(paths)):
                request = urllib.request.Request(address + paths[(n + 3 * browser) % len(paths)])
                request.add_header("Accept-Encoding", "gzip")
                request.add_header("Cookie", cookie)
                with urllib.request.urlopen(request, timeout=60) as answer:
                    total += len(answer.read())
            return total

        one = scroll(0)
        after_one = resident_mb(server.pid)
        with ThreadPoolExecutor(10) as pool:
            assert list(pool.map(scroll, range(10))) == [one] * 10
        assert resident_mb(server.pid) < after_one + 80
    finally:
        server.terminate()
        server.wait(20)
