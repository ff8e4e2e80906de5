"""A folder with a real run and its patient, a server on loopback, and a real browser."""

import shutil
import tempfile
import threading
from pathlib import Path

import pytest

PLANS = ("60/15", "30/10")  # the second lies outside the context of use: less than 45 Gy


@pytest.fixture(scope="session")
def opened(phantom_twin, tmp_path_factory) -> Path:
    """What a user opens: one patient, and a run of the real engine with follow-up CTs, PETs and doses."""
    from scenarios import TreatmentPlan, compare

    folder = tmp_path_factory.mktemp("opened")
    phantom_twin.save(folder / "patient.twin")
    plans = [TreatmentPlan.parse(p) for p in PLANS]
    compare(phantom_twin, plans, days=31, samples=12, seed=1, scanners=["pet"]).save(folder / "demo")
    return folder


@pytest.fixture(scope="session")
def run(opened):
    from dashboards.library import Library

    return Library(opened).run("demo")


@pytest.fixture(scope="session")
def client(opened):
    from dashboards.app import create_app

    return create_app(opened).server.test_client()


@pytest.fixture(scope="session")
def address(opened):
    """The dashboard's address, served as `serve` does."""
    from werkzeug.serving import make_server

    from dashboards.app import create_app

    server = make_server("127.0.0.1", 0, create_app(opened).server, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    """Chromium without a screen, with a profile of its own; skips where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tempfile.mkdtemp(prefix="rt-twin-browser-")
    for flag in (
        "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run", "--window-size=1400,900",
        f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    page = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    page.set_script_timeout(30)
    yield page
    page.quit()
    shutil.rmtree(profile, ignore_errors=True)
