"""Takes the pictures of the dashboard's pages: `python docs/screenshots.py FOLDER [OUT] [PAGE ...]`.

FOLDER is opened as `rt-twin app` opens it; one that does not exist is made first, with an in-silico patient, runs of
his and studies. OUT is `docs/images` unless given. Every page is taken light and dark, at 1024, 1280 and 1920 pixels;
`docs/images` keeps the wider ones. A PAGE may be NAME=ADDRESS, as the link of one reader.
"""

from __future__ import annotations

import io
import logging
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from selenium import webdriver
from werkzeug.serving import make_server

from dashboards.app import create_app
from dashboards.files.library import Library
from dashboards.safety import start_link

HERE = Path(__file__).parent / "images"
MADE = """
phantom in-silico-7.twin --nodes
phantom followed.twin --nodes
observe followed.twin --day 14 --gtv-cm3 62 --plan 60/30
observe followed.twin --day 21 --gtv-cm3 55 --plan 60/30
scan followed.twin --scanner cbct --day 21 --option quality=fast
scan followed.twin --scanner pet
compare in-silico-7.twin --plan no-adaptation.yaml --plan replans.yaml --days 120 --samples 20 --image-samples 0 \
--dose approximate --out adaptive
compare followed.twin --plan 60/30 --plan +20/8 --days 120 --samples 60 --image-samples 0 \
--dose approximate --out followed-run
compare in-silico-7.twin --plan 60/30 --plan 55/20 --plan 60/15 --plan none --days 180 --samples 60 \
--scanner pet --dose approximate --out four-plans
cohort --n 200 --plan 60/30 --plan 55/20 --samples 32 --out cohort-200
clinic --days 210 --out clinic
"""
SCENARIOS = {"no-adaptation": "none", "replans": "fixed replans"}
SIZES = {1024: 768, 1280: 800, 1920: 1080}
KEPT = 1920
SETTLED = """
const v = window.rtTwin?.viewer;
const figures = [...document.querySelectorAll('.rt-figure')].filter((e) => e.clientWidth > 20);
return Boolean(document.querySelector('h1')) && figures.every((e) => e.querySelector('.main-svg'))
  && [...document.querySelectorAll('#new-foreseen, #scan-preview')].every((e) => e.childElementCount)
  && [...document.querySelectorAll('.rt-grid')].every((e) => !e.clientWidth || e.querySelector('.ag-row'))
  && (!document.querySelector('.rt-canvas')
    || Boolean(v && v.baseline.share === 1 && v.visible().every((p) => p.pending === null)));
"""


def made(folder: Path) -> None:
    """A folder with something on every page."""
    part = folder.with_name(f"{folder.name}-unfinished")  # so that what broke off is made anew
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, policy in SCENARIOS.items():
        (part / f"{name}.yaml").write_text(f"plan: 60/30\npolicy: {{kind: {policy}}}\n")
    for line in MADE.strip().splitlines():
        command = [sys.executable, "-m", "scenarios.commands.main", *line.split()]
        subprocess.run(command, cwd=part, check=True)
    part.rename(folder)


def pages_of(folder: Path) -> dict[str, str]:
    """Name of a picture -> address; a page without anything to show is left out."""
    library = Library(folder)
    runs, twins, studies = library.runs(), library.twins(), library.studies()
    policies = [e.key for e in runs if "adaptive" in e.key]
    plain = [e.key for e in runs if e.key not in policies] or [e.key for e in runs]
    found = {"patients": "/patients", "models": "/models"}
    if twins:
        followed = [e.key for e in twins if "followed" in e.key] or [twins[0].key]
        found["twin"] = "/twin?" + urlencode({"twin": followed[0]})
        found["new"] = "/new?" + urlencode({"twin": twins[0].key})
        found["scanners"] = "/scanners?" + urlencode({"twin": followed[0]})
    if plain:
        found["compare"] = "/compare?" + urlencode({"run": plain[0], "day": 90})
        found["report"] = "/report?" + urlencode({"run": plain[0]})
    if studies:
        found["cohort"] = "/cohort?" + urlencode({"study": studies[0].key})
    if policies or library.clinics():
        found["adaptive"] = "/adaptive" + ("?" + urlencode({"run": policies[0]}) if policies else "")
    return found


def main(folder: Path, out: Path, only: list[str]) -> None:
    """Write a picture for every page, theme and size."""
    if not folder.exists():
        made(folder)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    token = secrets.token_urlsafe(24)
    server = make_server("127.0.0.1", 0, create_app(folder, token).server, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
    ):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tempfile.mkdtemp()}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    browser.get(start_link(f"http://127.0.0.1:{server.port}/assets/favicon.ico", token))
    browser.execute_script("localStorage.setItem('rt-tour', 'yes')")  # declined: it would cover the page
    kept = out.resolve() == HERE.resolve()
    given = dict(page.split("=", 1) for page in only if "=" in page)
    pages = {name: path for name, path in pages_of(folder).items() if not only or name in only}
    for name, path in (pages | given).items():
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            for width, height in SIZES.items():
                if kept and width != KEPT:
                    continue
                metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
                browser.get("about:blank")
                browser.get(f"http://127.0.0.1:{server.port}{path}")
                end = time.monotonic() + 30
                while time.monotonic() < end and not browser.execute_script(SETTLED):
                    time.sleep(0.1)
                time.sleep(0.6)
                picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
                file = f"dashboard-{name}-{scheme}.png" if kept else f"{name}-{scheme}-{width}.png"
                picture.quantize(256, Image.Quantize.MAXCOVERAGE, 2, dither=Image.Dither.NONE).save(
                    out / file, optimize=True
                )
        for entry in browser.get_log("browser"):
            if entry["level"] == "SEVERE":
                print(name, entry["message"], file=sys.stderr)
    browser.quit()
    server.shutdown()


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE
    target.mkdir(parents=True, exist_ok=True)
    main(Path(sys.argv[1]), target, sys.argv[3:])
