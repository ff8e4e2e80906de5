"""A folder with a real run and its patient, a server on loopback, and a real browser."""

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import pytest

from twin import PatientTwin

TOKEN = "of-the-tests-start-link"
NO_TOUR = "localStorage.setItem('rt-tour', 'yes')"  # as one who has declined it
PLANS = ("60/15", "30/10")  # the second lies outside the context of use: less than 45 Gy


def _fill(folder: Path, patient: PatientTwin, coarse: PatientTwin) -> None:
    """What a user opens: one patient, a run of the real engine with follow-up CTs, PETs and doses, and a study."""
    from scenarios import TreatmentPlan, compare
    from scenarios.clinic.department import Clinic, Referrals
    from scenarios.clinic.simulation import simulate_clinic
    from scenarios.plans.scenario import Scenario
    from scenarios.study.cohort import cohort_from
    from scenarios.study.parts import run_study

    patient.save(folder / "patient.twin")
    plans = [TreatmentPlan.parse(p) for p in PLANS]
    compare(
        patient,
        plans,
        days=31,
        samples=12,
        seed=1,
        scanners=["pet"],
        generator="mechanistic",
        dose="approximate",
    ).save(folder / "demo")
    run_study(cohort_from(40, None, None, 0), plans, folder / "study", days=365, samples=16, seed=0)
    policies = [
        Scenario.model_validate({"plan": plans[0], "policy": kind}) for kind in ("none", "fixed replans")
    ]
    compare(coarse, policies, days=31, samples=4, image_samples=0, seed=1, dose="approximate").save(
        folder / "adaptive"
    )
    simulate_clinic(Clinic(linacs=2), Referrals(per_year=300), days=60, seed=0, samples=0).save(
        folder / "clinic"
    )
    os.utime(folder / "demo" / "run.json")  # the newest: what the first page shows


@pytest.fixture(scope="session")
def opened(phantom_twin, coarse_twin, made_once) -> Path:
    return made_once("opened", lambda folder: _fill(folder, phantom_twin, coarse_twin))


@pytest.fixture(scope="session")
def run(opened):
    from dashboards.files.library import Library

    return Library(opened).run("demo")


@pytest.fixture(scope="session")
def client_of():
    """A folder -> a client that has opened the start link of its dashboard."""
    from dashboards.app import create_app

    def client(folder: Path):
        asks = create_app(folder, TOKEN).server.test_client(use_cookies=False)
        asks.environ_base["HTTP_COOKIE"] = f"rt-twin-80={TOKEN}; rt-twin-8050={TOKEN}"
        return asks

    return client


@pytest.fixture(scope="session")
def client(opened, client_of):
    return client_of(opened)


@pytest.fixture(scope="session")
def asked_page():
    """A client, a page's path and its query -> what the dashboard answers."""

    def ask(client, path: str, search: str = ""):
        asked = {
            "output": "..page.children...header-page.children..",
            "outputs": [{"id": n, "property": "children"} for n in ("page", "header-page")],
            "inputs": [
                {"id": "url", "property": "pathname", "value": path},
                {"id": "url", "property": "search", "value": search},
            ],
            "changedPropIds": ["url.pathname"],
        }
        return client.post("/_dash-update-component", json=asked)

    return ask


@pytest.fixture(scope="session")
def address(opened):
    """The dashboard's address, served as `serve` does."""
    from werkzeug.serving import make_server

    from dashboards.app import create_app

    server = make_server("127.0.0.1", 0, create_app(opened, TOKEN).server, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


@pytest.fixture(scope="session")
def known(browser, address):
    """The browser, once it has opened the start link."""
    from dashboards.safety import start_link

    browser.get(start_link(f"{address}/models", TOKEN))
    Page(browser, address).wait("return location.search === '' && document.querySelector('.rt-header')")
    browser.execute_script(NO_TOUR)
    return browser


@pytest.fixture(scope="session")
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
        "--force-prefers-reduced-motion",  # sheets and drawers open at once
        f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    page = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    page.set_script_timeout(180)
    yield page
    page.quit()
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture(scope="session")
def text():
    """All that a component says, as a function of it."""
    import json

    import plotly

    def words(node) -> list[str]:
        if isinstance(node, str):
            return [node]
        if isinstance(node, list):
            return [word for n in node for word in words(n)]
        return words(node.get("props", {}).get("children")) if isinstance(node, dict) else []

    return lambda component: " ".join(
        words(json.loads(json.dumps(component, cls=plotly.utils.PlotlyJSONEncoder)))
    )


# A number that changes when a panel's picture does.
PICTURE = """
const c = document.querySelectorAll('.rt-canvas')[arguments[0]];
const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
let sum = 0;
for (let i = 0; i < d.length; i += 4) sum = (sum * 31 + d[i] + 3 * d[i + 1] + 7 * d[i + 2]) % 1000000007;
return sum;
"""
READY = """
const v = window.rtTwin && rtTwin.viewer;
return Boolean(v && !v.closed && v.baseline.share === 1 && v.structures.GTVp && v.stats.draws > 0 && !v.waiting
  && v.visible().length && v.visible().every((p) => p.pending === null) && document.querySelector('.main-svg'));
"""
# Whether nothing is drawn anew for a tenth of a second: layouts that change, and panels that are asked for later, draw.
STILL = """
const done = arguments[0], v = rtTwin.viewer, { draws } = v.stats;
setTimeout(() => done(v === rtTwin.viewer && v.stats.draws === draws && !v.waiting), 100);
"""
DRAWN = "const done = arguments[0]; requestAnimationFrame(() => setTimeout(done, 0));"
REMEMBERED_MS = 320  # after a drawing, an address is what is seen
LATER = "const [ms, done] = arguments; setTimeout(done, ms);"


class Page:
    """The dashboard in a browser, as a user has it before them."""

    def __init__(self, driver, address: str):
        self.driver, self.address = driver, address

    def open(self, path: str, *, viewer: bool = True) -> None:
        self.driver.get("about:blank")
        self.driver.get(self.address + path)
        if viewer:
            self.settled()

    def script(self, text: str, *args):
        return self.driver.execute_script(text, *args)

    def wait(self, condition: str, *args, seconds: float = 90) -> None:
        """Until a script's answer is true, elements that it misses may yet come; a failure names the script."""
        from selenium.common.exceptions import JavascriptException

        end, missed = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            try:
                if self.script(condition, *args):
                    return
            except JavascriptException as error:
                missed = f": {error.msg}"
            time.sleep(0.05)
        pytest.fail(f"not within {seconds} s: {condition}{missed}")

    def says(self, text: str, seconds: float = 90) -> None:
        """Until the page says something."""
        self.wait("return document.body.innerText.includes(arguments[0])", text, seconds=seconds)

    def settled(self) -> None:
        """Until all that the viewers want is here and drawn, and stays as it is."""
        self.wait(READY)
        while not self.driver.execute_async_script(STILL):
            self.wait(READY)

    def drawn(self) -> None:
        """Until what was asked to be drawn is: frames are drawn in order."""
        self.driver.execute_async_script(DRAWN)

    def later(self, ms: int) -> None:
        """Until all has happened that the page has put off by so long: its timers run in order."""
        self.driver.execute_async_script(LATER, ms)

    def link(self) -> str:
        """The address of what is seen, which the page keeps up with."""
        self.settled()
        self.later(REMEMBERED_MS)
        return self.driver.current_url.removeprefix(self.address)

    def click(self, css: str) -> None:
        """Click the first such element, once it is there."""
        self.wait("const e = document.querySelector(arguments[0]); e?.click(); return Boolean(e)", css)

    def find(self, css: str):
        from selenium.webdriver.common.by import By

        return self.driver.find_element(By.CSS_SELECTOR, css)

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()
        self.drawn()

    def wheel(self, css: str, by: int) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

        ActionChains(self.driver).scroll_from_origin(
            ScrollOrigin.from_element(self.find(css)), 0, by
        ).perform()
        self.drawn()

    def hover(self, css: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).move_to_element(self.find(css)).perform()
        self.drawn()

    def drop(self, css: str, path: Path) -> None:
        """Drop a file or a folder of this machine on an element, as a hand would."""
        at = self.script(
            "const r = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]", css
        )  # fmt: skip
        carried = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.driver.execute_cdp_cmd(
                "Input.dispatchDragEvent", {"type": kind, "x": at[0], "y": at[1], "data": carried}
            )

    def picture(self, panel: int = 0) -> int:
        return self.script(PICTURE, panel)

    def title(self, panel: int = 0) -> str:
        return self.script(
            "return rtTwin.viewer.scene(rtTwin.viewer.panels[arguments[0]]).title.join('|')", panel
        )

    def corner(self, panel: int = 0) -> str:
        return self.script(
            "return rtTwin.viewer.scene(rtTwin.viewer.panels[arguments[0]]).corner.join('|')", panel
        )

    def slices(self) -> list[int]:
        return self.script("return rtTwin.viewer.panels.map((p) => p.view.at[0])")


@pytest.fixture(scope="session")
def served(browser):
    """A folder of a test's own -> its dashboard in the browser, which has opened the start link."""
    from werkzeug.serving import make_server

    from dashboards.app import create_app
    from dashboards.safety import start_link

    servers = []

    def opened(folder: Path) -> Page:
        server = make_server("127.0.0.1", 0, create_app(folder, TOKEN).server, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        page = Page(browser, f"http://127.0.0.1:{server.port}")
        browser.get(start_link(f"{page.address}/models", TOKEN))
        page.wait("return location.search === '' && document.querySelector('.rt-header')")
        return page

    yield opened
    for server in servers:
        server.shutdown()


@pytest.fixture
def page(known, address):
    """A page of the dashboard; no test may leave an error in the browser's console."""
    browser = known
    browser.get_log("browser")
    yield Page(browser, address)
    errors = [e["message"] for e in browser.get_log("browser") if e["level"] in ("SEVERE", "ERROR")]
    # The tray of jobs belongs to the tab; what was chosen or emulated would outlast the test.
    browser.execute_script(f"sessionStorage.clear(); localStorage.clear(); {NO_TOUR}")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.get("about:blank")
    assert not errors, "\n".join(errors)
