"""Contrast, names and roles on every page, in both themes, by axe-core."""

import shutil
import subprocess
import tarfile

import pytest

AXE = "axe-core@4.14.1"
RUN = """
const done = arguments[0];
axe.run().then((r) => done(r.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)));
"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so that axe-core cannot be fetched")
    folder = tmp_path_factory.mktemp("axe")
    fetched = subprocess.run(
        [npm, "pack", AXE, "--silent"], cwd=folder, capture_output=True, timeout=120, check=False
    )
    archive = next(folder.glob("*.tgz"), None)
    if fetched.returncode or archive is None:
        pytest.skip("axe-core cannot be fetched from the package registry")
    with tarfile.open(archive) as packed:
        return packed.extractfile("package/axe.min.js").read().decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
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
def test_pages_are_accessible(page, axe, path, scheme):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        page.open(path, viewer=path.startswith(("/compare", "/twin")))
        page.wait("return document.querySelector('h1')")
        if path == "/cohort":
            page.wait("return document.querySelector('#tabs-cohort [role=tab]:nth-child(3)')")
            page.script("document.querySelector('#tabs-cohort [role=tab]:nth-child(3)').click()")
        if path in ("/cohort", "/patients", "/adaptive"):
            page.wait("return document.querySelector('.ag-row')")
        page.script(axe)
        assert page.driver.execute_async_script(RUN) == []
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_sheets_lists_and_the_tour_are_accessible_while_they_are_open(page, axe):
    page.open("/compare?run=demo")
    page.script(axe)
    page.script("document.querySelector('[data-lists]').click()")
    page.script("document.querySelector('[data-tour]').click()")
    page.wait("return document.querySelector('.rt-toured')")
    assert page.driver.execute_async_script(RUN) == []
    page.press("\ue00c")
    for opened in (
        "document.querySelector('[data-solid]').click()",
        "dash_clientside.set_props('keys-sheet', {opened: true})",
    ):
        page.script(opened)
        page.wait("return document.querySelector('[role=dialog] :is(#solid, .rt-keys)')")
        page.script("return new Promise((later) => setTimeout(later, 500))")  # sheets fade in
        assert page.driver.execute_async_script(RUN) == []
        page.press("\ue00c")
        page.wait("return !document.querySelector('[role=dialog]')")
