"""How fast the dashboard is, in real Chromium: `python benchmarks/dashboard.py FOLDER RUN [FORMER]`.

FORMER is a checkout of another state of the code: both serve the same run, by turns, so that whatever else the machine
does weighs on both, and their ratio (this one's by the former's) is printed too. Prints JSON: seconds until the first
page shows pictures, figures and tables in a browser that never saw it (median of three) and in one that did (median of
five), and until the whole CT is in the browser; milliseconds from a key to a drawn slice (median and 95th percentile of
five times 60); seconds of scrolling through 60 slices (median of five); and CPU of the browser's main thread, which
other work moves less: seconds for the first page, milliseconds for a slice.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from pathlib import Path

from selenium import webdriver

HERE = Path(__file__).resolve().parents[1]
COLD, AGAIN = 3, 5
SERVE = "import sys; from pathlib import Path; from dashboards.app import serve; serve(Path(sys.argv[1]), 0)"
SHOWN = """
const seen = (css) => Boolean(document.querySelector(css));
return Boolean(window.rtTwin?.viewer?.stats.draws) && seen('.main-svg') && seen('.rt-table');
"""
WHOLE = (
    "return rtTwin.viewer.baseline.share === 1 && rtTwin.viewer.visible().every((p) => p.pending === null)"
)
SCROLL = """
const done = arguments[0], v = rtTwin.viewer, times = [];
const next = (n) => {
  if (n === 60) return done(times);
  v.step(n < 30 ? 1 : -1, v.panels[0]);
  requestAnimationFrame(() => setTimeout(() => { times.push(v.stats.sliceMs); next(n + 1); }, 0));
};
next(0);
"""


@contextmanager
def serving(folder: Path, checkout: Path = HERE):
    """The dashboard of a folder by the code of a checkout: its process and its start link."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-u", "-c", SERVE, str(Path(folder).resolve())]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=checkout, env=environment)
    try:
        assert server.stdout is not None
        yield server, server.stdout.readline().split(" is at ")[1].split(" ")[0]
    finally:
        server.terminate()
        server.wait(20)


def browser(*graphics: str) -> webdriver.Chrome:
    """A browser with a profile of its own, and flags for its graphics in place of none."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    flags = ("--headless", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run")
    for flag in (*flags, *(graphics or ("--disable-gpu",))):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tempfile.mkdtemp()}")
    options.add_argument("--window-size=1600,1000")
    page = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    page.set_script_timeout(300)
    return page


def until(page: webdriver.Chrome, condition: str, start: float) -> float:
    while not page.execute_script(condition):
        time.sleep(0.01)
    return time.perf_counter() - start


def main_thread_s(page: webdriver.Chrome) -> float:
    """CPU seconds that the page's main thread has worked."""
    metrics = page.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(m["value"] for m in metrics if m["name"] == "TaskDuration")


class Tried:
    """A dashboard that is measured, and what was found."""

    def __init__(self, link: str, run: str) -> None:
        self.link, self.path = link, f"compare?run={run}"
        self.base = link.partition("?")[0]
        self.found: dict[str, list[float]] = defaultdict(list)
        self.page: webdriver.Chrome | None = None

    def cold(self) -> None:
        """Open the page in a new browser, which is kept."""
        if self.page is not None:
            self.page.quit()
        self.page = page = browser()
        page.get(self.link.replace("?", "assets/favicon.ico?"))
        page.get("about:blank")
        page.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        before, start = main_thread_s(page), time.perf_counter()
        page.get(self.base + self.path)
        self.found["first_page_cold_s"].append(until(page, SHOWN, start))
        self.found["first_page_cold_main_thread_cpu_s"].append(main_thread_s(page) - before)

    def again(self) -> None:
        """Open the page once more, and scroll when all is here."""
        page = self.page
        assert page is not None
        page.get("about:blank")
        start = time.perf_counter()
        page.get(self.base + self.path)
        self.found["first_page_s"].append(until(page, SHOWN, start))
        self.found["whole_ct_s"].append(until(page, WHOLE, start))
        time.sleep(1)  # it looks ahead by a day
        before, start = main_thread_s(page), time.perf_counter()
        self.found["slice_ms"] += page.execute_async_script(SCROLL)
        self.found["sixty_slices_s"].append(time.perf_counter() - start)
        self.found["slice_main_thread_cpu_ms"].append(1000 * (main_thread_s(page) - before) / 60)

    def figures(self) -> dict[str, float]:
        told = {name: round(statistics.median(values), 2) for name, values in self.found.items()}
        told["slice_p95_ms"] = round(
            sorted(self.found["slice_ms"])[int(0.95 * len(self.found["slice_ms"]))], 2
        )
        return told


def main(folder: Path, run: str, former: Path | None) -> dict:
    with ExitStack() as stack:
        checkouts = [HERE, former.resolve()] if former else [HERE]
        tried = [Tried(stack.enter_context(serving(folder, checkout))[1], run) for checkout in checkouts]
        for act, times in ((Tried.cold, COLD), (Tried.again, AGAIN)):
            for n in range(times):
                for one in tried if n % 2 == 0 else reversed(tried):
                    act(one)
        for one in tried:
            assert one.page is not None
            one.page.quit()
    told = {"here": tried[0].figures(), "machine": platform.platform()}
    if former:
        told["former"] = tried[1].figures()
        told["ratio"] = {k: round(v / told["former"][k], 2) for k, v in told["here"].items()}
    return told


if __name__ == "__main__":
    print(
        json.dumps(
            main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]) if sys.argv[3:] else None), indent=1
        )
    )
