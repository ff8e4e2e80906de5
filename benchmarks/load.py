"""Ten browsers that read one run at once: `python benchmarks/load.py FOLDER RUN [BROWSERS]`.

Each is a Chromium of its own, which opens the comparison and gets every image that its page shows. Prints JSON: the
server's resident memory (MB) at its start, once one browser has all and once all have; and milliseconds from a key to
a drawn slice (median and 95th percentile): of one browser alone, of that one while the others load, and of all that
scroll at once. All browsers run on the machine that serves, so that the last is rather its cores' limit than the
server's.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from selenium.webdriver import Chrome

from dashboards.files.library import Library

sys.path.insert(0, str(Path(__file__).parent))

from dashboard import SCROLL, WHOLE, browser, serving, until

STARTED = "return Boolean(window.rtTwin?.viewer?.stats.draws)"


def resident_mb(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


def opened(page: Chrome, link: str, key: str) -> float:
    """Seconds until the whole CT and all that is seen is in the browser."""
    start = time.perf_counter()
    page.get(link)
    page.get(f"{link.partition('?')[0]}compare?run={key}")
    until(page, STARTED, start)
    return until(page, WHOLE, start)


def told(times: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    return {
        "slice_ms": round(statistics.median(times), 1),
        "slice_p95_ms": round(statistics.quantiles(times, n=20)[-1], 1),
    }


def main(folder: Path, key: str, browsers: int) -> dict:
    Library(folder).run(key)  # or it says why no page can show it
    with ExitStack() as stack, serving(folder) as (server, link):
        pages = [browser() for _ in range(browsers)]
        for page in pages:
            stack.callback(page.quit)
        first, *others = pages
        found: dict = {"browsers": browsers, "start_mb": resident_mb(server.pid)}
        found["loaded_s"] = round(opened(first, link, key), 1)
        found["after_one_mb"] = resident_mb(server.pid)
        found["alone"] = told(first.execute_async_script(SCROLL))
        with ThreadPoolExecutor(browsers) as pool:
            loads = [pool.submit(opened, page, link, key) for page in others]
            times = []
            while not all(load.done() for load in loads):
                times += first.execute_async_script(SCROLL)
            found["while_others_load"] = told(times)
            found["others_loaded_s"] = round(max(load.result() for load in loads), 1)
            found["after_all_mb"] = resident_mb(server.pid)
            at_once = pool.map(lambda page: page.execute_async_script(SCROLL), pages)
            found["all_scroll"] = told([ms for one in at_once for ms in one])
        found["after_scrolling_mb"] = resident_mb(server.pid)
        return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], int((sys.argv[3:] or [10])[0])), indent=2))
