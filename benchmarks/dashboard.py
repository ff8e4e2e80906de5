"""How fast the dashboard is, in real Chromium: `python benchmarks/dashboard.py FOLDER [RUN]`.

Prints JSON: seconds until the first page shows pictures, figures and tables, in a browser that never saw it (best
and median of three) and in one that did (best of five); CPU seconds of the cold browser's main thread until then,
which other work on the machine moves less; seconds until the whole CT is in the browser; and milliseconds from a key
to a drawn slice (median and slowest of 60).
"""

from __future__ import annotations

import json
import logging
import platform
import secrets
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from selenium import webdriver
from werkzeug.serving import make_server

from dashboards.app import create_app
from dashboards.safety import start_link

COLD = 3
SHOWN = """
const seen = (css) => Boolean(document.querySelector(css));
return Boolean(window.rtTwin?.viewer?.stats.draws) && seen('.main-svg') && seen('.rt-table');
"""
WHOLE = "return rtTwin.viewer.baseline.share === 1"
SCROLL = """
const done = arguments[0], v = rtTwin.viewer, times = [];
const next = (n) => {
  if (n === 60) return done(times);
  v.step(n < 30 ? 1 : -1, v.panels[0]);
  requestAnimationFrame(() => setTimeout(() => { times.push(v.stats.sliceMs); next(n + 1); }, 0));
};
next(0);
"""


def until(page, condition: str, start: float) -> float:
    while not page.execute_script(condition):
        time.sleep(0.01)
    return time.perf_counter() - start


def main_thread_s(page) -> float:
    """CPU seconds that the page's main thread has worked."""
    metrics = page.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(m["value"] for m in metrics if m["name"] == "TaskDuration")


def browser(*graphics: str) -> webdriver.Chrome:
    """A browser with a profile of its own, and flags for its graphics in place of none."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    flags = ("--headless", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run")
    for flag in (*flags, *(graphics or ("--disable-gpu",))):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tempfile.mkdtemp()}")
    options.add_argument("--window-size=1600,1000")
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def main(folder: Path, run: str | None) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    token = secrets.token_urlsafe(24)
    server = make_server("127.0.0.1", 0, create_app(folder, token).server, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.port}/"
    address = base + (f"compare?run={run}" if run else "")
    colds, busy, firsts, wholes = [], [], [], []
    for _ in range(COLD):
        page = browser()
        page.get(start_link(f"{base}assets/favicon.ico", token))
        page.get("about:blank")
        page.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        before, start = main_thread_s(page), time.perf_counter()
        page.get(address)
        colds.append(until(page, SHOWN, start))
        busy.append(main_thread_s(page) - before)
        if len(colds) < COLD:
            page.quit()
    for _ in range(5):
        page.get("about:blank")
        start = time.perf_counter()
        page.get(address)
        firsts.append(until(page, SHOWN, start))
        wholes.append(until(page, WHOLE, start))
    slices = page.execute_async_script(SCROLL)
    page.quit()
    server.shutdown()
    figures = {
        "first_page_s": round(min(firsts), 2),
        "first_page_cold_s": round(min(colds), 2),
        "first_page_cold_median_s": round(statistics.median(colds), 2),
        "first_page_cold_main_thread_cpu_s": round(statistics.median(busy), 2),
        "whole_ct_s": round(min(wholes), 2),
        "slice_median_ms": round(statistics.median(slices), 1),
        "slice_slowest_ms": round(max(slices), 1),
        "machine": platform.platform(),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
