"""Our viewer and NiiVue on one CT in headless Chromium: `npm pack @niivue/niivue`, unpacked, then
`python benchmarks/niivue.py TWIN PACKAGE`.

Prints JSON for each: bytes of its scripts as they are fetched (gzip), seconds until the first slice is drawn and until
the whole CT is in the browser, and milliseconds from asking for another slice to its pixels (median and 95th percentile
of 60). Both draw on the processor: NiiVue by Chromium's software WebGL, so that a graphics card would be kinder to it.
"""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import logging
import secrets
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import unquote

from dashboard import SCROLL, browser
from werkzeug.serving import make_server

from dashboards.app import create_app
from dashboards.safety import start_link

ASSETS = Path(__file__).parents[1] / "dashboards" / "assets"
OURS = ("voxels", "panel", "contours", "surface", "viewer*")
LONGEST_S = 400
PAGE = """<!DOCTYPE html><html><body style="margin:0"><canvas id="c" style="width:1200px;height:800px"></canvas>
<script type="module">
import { Niivue } from "./niivue.js";
const nv = (window.nv = new Niivue({ isResizeCanvas: false }));
await nv.attachToCanvas(document.getElementById("c"));
await nv.loadVolumes([{ url: "ct.nii.gz" }]);
nv.setSliceType(0);
window.loaded = true;
</script></body></html>"""
NIIVUE_SCROLL = """
const done = arguments[0], times = [], pixel = new Uint8Array(4);
const next = (n) => {
  if (n === 60) return done(times);
  const from = performance.now();
  nv.moveCrosshairInVox(0, 0, n < 30 ? 1 : -1);
  nv.gl.readPixels(9, 9, 1, 1, nv.gl.RGBA, nv.gl.UNSIGNED_BYTE, pixel);
  times.push(performance.now() - from);
  setTimeout(() => next(n + 1), 0);
};
next(0);
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_told) -> None:
        """Nothing is told of each request."""


def until(page, condition: str, start: float) -> float:
    while not page.execute_script(condition):
        time.sleep(0.02)
        if time.perf_counter() - start > LONGEST_S:
            raise SystemExit(f"not within {LONGEST_S} s: {condition}; {page.get_log('browser')}")
    return time.perf_counter() - start


def figures(scripts: bytes, first: float, whole: float, times: list[float]) -> dict[str, float]:
    return {
        "scripts_kb": round(len(gzip.compress(scripts)) / 1e3),
        "first_slice_s": round(first, 2),
        "whole_ct_s": round(whole, 2),
        "slice_ms": round(statistics.median(times), 1),
        "slice_p95_ms": round(sorted(times)[int(0.95 * len(times))], 1),
    }


def ours(twin: Path) -> dict[str, float]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    token = secrets.token_urlsafe(24)
    server = make_server("127.0.0.1", 0, create_app(twin.parent, token).server, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser()
    page.set_script_timeout(120)
    page.get(start_link(f"http://127.0.0.1:{server.port}/assets/favicon.ico", token))
    start = time.perf_counter()
    page.get(f"http://127.0.0.1:{server.port}/twin?twin={twin.name}")
    first = until(
        page, "return Boolean(window.rtTwin?.viewer?.stats.draws && rtTwin.viewer.baseline.share)", start
    )
    whole = until(page, "return rtTwin.viewer.baseline.share === 1", start)
    times = page.execute_async_script(SCROLL)
    page.quit()
    server.shutdown()
    scripts = b"".join(path.read_bytes() for name in OURS for path in sorted(ASSETS.glob(f"{name}.js")))
    return figures(scripts, first, whole, times)


def niivue(twin: Path, package: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        text = (package / "dist" / "index.min.js").read_text()  # the module as a string
        script = unquote(text.partition('"')[2].rpartition('"')[0]).encode()
        Path(folder, "niivue.js").write_bytes(script)
        shutil.copy(next((twin / "scans").glob("00-*.nii.gz")), Path(folder) / "ct.nii.gz")
        Path(folder, "index.html").write_text(PAGE)
        handler = functools.partial(Quiet, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
        page.set_script_timeout(120)
        start = time.perf_counter()
        page.get(f"http://127.0.0.1:{server.server_port}/index.html")
        whole = until(page, "return Boolean(window.loaded)", start)
        times = page.execute_async_script(NIIVUE_SCROLL)
        page.quit()
        server.shutdown()
        return figures(script, whole, whole, times)


if __name__ == "__main__":
    where = Path(sys.argv[1]).resolve()
    print(json.dumps({"ours": ours(where), "niivue": niivue(where, Path(sys.argv[2]))}, indent=2))
