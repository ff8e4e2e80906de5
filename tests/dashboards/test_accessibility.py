"""Contrast, names and roles on every page, in both themes, by axe-core."""

import shutil
import subprocess
import tarfile

import pytest

AXE = "axe-core@4.14.1"
RUN = """
const [where, done] = arguments;
axe.run(where ? document.getElementById(where) : document,
  { resultTypes: ['violations'], preload: false })
  .then((r) => done(r.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)));
"""
TABS = "return [...document.querySelectorAll('[role=tab]')].map((tab) => tab.id)"
# A tab of a bar that itself lies in a tab: that one is opened first.
OPEN_TAB = """
const tab = document.getElementById(arguments[0]), around = tab.closest('[role=tabpanel]');
if (around) document.getElementById(around.getAttribute('aria-labelledby')).click();
tab.click();
return tab.getAttribute('aria-controls');
"""
FILLED = """
const panel = document.getElementById(arguments[0]), has = (css) => panel.querySelector(css);
return panel.clientHeight > 0 && !has('.rt-later') && (!has('.rt-grid') || has('.ag-row'))
  && [...panel.querySelectorAll('.rt-figure')].every((f) => f.clientWidth < 20 || f.querySelector('.main-svg'));
"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so that axe-core cannot be fetched")
    folder = tmp_path_factory.mktemp("axe")
    command = [npm, "pack", AXE, "--silent", "--fetch-retries=1", "--fetch-timeout=60000"]
    fetched = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    archive = next(folder.glob("*.tgz"), None)
    if fetched.returncode or archive is None:
        pytest.skip("axe-core cannot be fetched from the package registry")
    with tarfile.open(archive) as packed:
        return packed.extractfile("package/axe.min.js").read().decode()


@pytest.fixture
def violations(page, axe):
    """What axe-core finds on the open page, or in one of its elements."""

    def found(where: str | None = None) -> list[str]:
        if not page.script("return Boolean(window.axe)"):
            page.script(axe)
        return page.driver.execute_async_script(RUN, where)

    return found


def in_colours(page, scheme: str) -> None:
    """As the system's setting has it, once the page follows."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    page.wait("return document.documentElement.dataset.mantineColorScheme === arguments[0]", scheme)


@pytest.mark.parametrize(
    "path",
    [
        "/compare?run=demo",
        "/patients",
        "/twin?twin=patient.twin",
        "/cohort",
        "/new",
        "/adaptive",
        "/models",
        "/readers",
        "/scanners",
        "/report?run=demo",
    ],
)
def test_pages_are_accessible_in_both_themes_with_each_of_their_tabs_open(page, violations, path):
    page.open(path, viewer=path.startswith(("/compare", "/twin")))
    page.wait("return document.querySelector('h1')")
    if path == "/patients":
        page.wait("return document.querySelector('.ag-row')")
    tabs = page.script(TABS)
    for scheme in ("light", "dark"):
        in_colours(page, scheme)
        assert violations() == [], scheme
        for tab in tabs:
            panel = page.script(OPEN_TAB, tab)
            page.wait(FILLED, panel)
            assert violations(panel) == [], (scheme, tab)


def test_sheets_lists_drawers_and_the_tour_are_accessible_while_they_are_open(page, violations):
    page.open("/compare?run=demo")
    page.click("[data-lists]")
    page.click("[data-tour]")
    page.wait("return document.querySelector('.rt-toured')")
    assert violations() == []
    page.press("\ue00c")
    for opened in (
        "document.querySelector('[data-solid]').click()",
        "dash_clientside.set_props('keys-sheet', {opened: true})",
    ):
        page.script(opened)
        page.wait("return document.querySelector('[role=dialog] :is(#solid, .rt-keys)')")
        assert violations() == []
        page.press("\ue00c")
        page.wait("return !document.querySelector('[role=dialog]')")
    for path, tab, opens, opened in (
        ("/cohort", "#tabs-cohort [role=tab]:nth-child(3)", "[data-pick]", "#patient-volume .main-svg"),
        ("/patients", ".rt-patients", "[data-change]", "#change-name"),
    ):
        page.open(path, viewer=False)
        page.click(tab)
        page.click(opens)
        page.wait("return document.querySelector(arguments[0])?.checkVisibility()", opened)
        for scheme in ("light", "dark"):
            in_colours(page, scheme)
            assert violations() == [], (path, scheme)
