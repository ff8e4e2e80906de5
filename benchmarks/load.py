"""Ten sessions that fetch one run, and a browser beside them: `python benchmarks/load.py FOLDER RUN [SESSIONS]`.

A session is a client that asks for every image of the run, as a browser does whose reader looks at all of it. Prints
JSON: the server's resident memory (MB) at its start, after one session has fetched all and after all have, at once and
in different orders; bytes a session was sent; and milliseconds from a key to a drawn slice in one real browser (median
and 95th percentile of 60), alone and while the sessions fetch.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dashboards.files.library import Library
from dashboards.viewer.shown import SLAB, Shown

sys.path.insert(0, str(Path(__file__).parent))

from dashboard import SCROLL, browser, serving


def resident_mb(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


def paths(folder: Path, key: str) -> list[str]:
    """The addresses of all voxels of a run: its CT, and what each follow-up has."""
    run = Library(folder).run(key)
    shown = [f"/data/baseline?slab={n}" for n in range(-(-Shown(run).grid.shape[0] // SLAB))]
    for n, frame in enumerate(run.frames):
        shown.append(f"/data/follow-up?frame={n}")
        shown += [f"/data/layer/{name}?frame={n}" for name in ("dose", "pet-scan") if name in frame.files]
    return [f"{path}&of=run&key={key}" for path in shown]


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


def slices(page) -> dict[str, float]:
    times = sorted(page.execute_async_script(SCROLL))
    return {"slice_ms": round(statistics.median(times), 1), "slice_p95_ms": round(times[57], 1)}


def main(folder: Path, key: str, sessions: int) -> dict:
    page = browser()
    try:
        with serving(folder) as (server, link):
            wanted = paths(folder, key)
            told = {"sessions": sessions, "start_mb": resident_mb(server.pid)}
            told["sent_mb"] = round(fetch(link, wanted, 0) / 1e6, 1)
            told["after_one_mb"] = resident_mb(server.pid)
            page.get(link)
            page.get(f"{link.partition('?')[0]}compare?run={key}")
            while not page.execute_script("return window.rtTwin?.viewer?.baseline.share === 1"):
                time.sleep(0.1)
            told["alone"] = slices(page)
            with ThreadPoolExecutor(sessions) as pool:
                busy = [pool.submit(fetch, link, wanted, n) for n in range(sessions)]
                told["while_all_fetch"] = slices(page)
                assert len({job.result() for job in busy}) == 1, "every session is sent the same"
            told["after_all_mb"] = resident_mb(server.pid)
            return told
    finally:
        page.quit()


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], int((sys.argv[3:] or [10])[0])), indent=2))
