"""Virtual scans in a real browser: a preview, a scan that is made, and what it is compared with."""

import pytest

from scenarios import scan
from twin import PatientTwin

pytestmark = pytest.mark.long
DRAWN = """
const v = window.rtTwin?.viewer;
return Boolean(v && !v.closed && v.baseline.share === 1 && v.panels.every((p) => p.pending === null && p.shown));
"""
SET = "window.dash_clientside.set_props(arguments[0], {value: arguments[1]})"


@pytest.fixture(scope="module")
def scanned(thorax, served, tmp_path_factory):
    """A page of a dashboard of a patient with a CT, a CT made of it, and one made of that."""
    folder = tmp_path_factory.mktemp("scanned")
    ct, drawn = thorax()
    twin = scan(PatientTwin("p", scans=(ct,), structures=(drawn,)), "ct", options={"slice_mm": 10.0})
    scan(twin, "ct", source="ct-1", seed=1).save(folder / "p.twin")
    return served(folder), folder


@pytest.fixture
def page(scanned):
    """No test may leave an error in the browser's console."""
    found = scanned[0]
    found.driver.get_log("browser")
    yield found
    errors = [e["message"] for e in found.driver.get_log("browser") if e["level"] in ("SEVERE", "ERROR")]
    found.driver.execute_script("sessionStorage.clear()")
    found.driver.get("about:blank")
    assert errors == []


def test_a_scan_is_previewed_made_and_shown(page, scanned):
    page.open("/scanners?twin=p.twin", viewer=False)
    page.wait("return document.querySelector('#scan-scanner')")
    page.script(SET, "scan-scanner", "radiograph")
    page.wait("return document.querySelector('#scan-preview img[alt*=radiograph]')")
    page.script(SET, "scan-scanner", "pet")
    page.wait('return document.querySelector(`#scan-preview img[alt*="of pet"]`)')
    page.wait("return document.querySelector('.rt-option')")
    page.find("#scan-run").click()
    page.wait("return document.querySelector('.rt-job-done')", seconds=240)
    page.click(".rt-job-done a")
    page.wait("return document.body.innerText.includes('pet-1 was made of ct-1 by pet')")
    page.wait(DRAWN)
    assert page.title(1).startswith("p|Virtual scan: pet-1 (SIMULATED PET, day 0)")
    assert PatientTwin.load(scanned[1] / "p.twin").scans[-1].name == "pet-1"


def test_what_was_made_is_compared_with_its_source_and_with_what_that_was_made_of(page):
    page.open("/scanners?twin=p.twin&made=ct-2", viewer=False)
    page.wait(DRAWN)
    assert page.script("return rtTwin.viewer.panels.length") == 4
    assert page.title(3) == "p|ct-2 minus CT|violet more, orange less"
    acquired = page.script(
        "return rtTwin.viewer.panels.map((p) => rtTwin.viewer.scene(p).simulated === null)"
    )
    assert acquired == [False, False, True, False], "only the acquired scan bears no stamp"
    pictures = {page.picture(3)}
    for how in ("blend", "checker"):
        page.script(SET, "ctl-pair", how)
        page.wait("return rtTwin.viewer.state.pair === arguments[0]", how)
        page.wait("return rtTwin.viewer.waiting === null")
        pictures.add(page.picture(3))
    assert len(pictures) == 3
    page.script(SET, "ctl-against", "source")
    page.wait("return rtTwin.viewer.scene(rtTwin.viewer.panels[3]).title[1] === 'squares of ct-1 and ct-2'")
    page.script(SET, "scan-truth", None)
    page.wait("return rtTwin.viewer.panels.length === 3")


@pytest.mark.slow  # a dose of two scans
def test_a_plans_dose_on_what_was_made_stands_beside_that_on_the_baseline(page):
    page.open("/scanners?twin=p.twin&made=ct-1", viewer=False)
    page.wait(DRAWN)
    page.find("#scan-plan").send_keys("60/")
    page.find("#scan-dose").click()
    page.wait("return document.getElementById('scan-dose-error').innerText !== ''")
    page.find("#scan-plan").send_keys("30")
    page.find("#scan-dose").click()
    page.wait("return document.querySelector('#scan-dosed table')", seconds=170)
    rows = page.script(
        "return [...document.querySelectorAll('#scan-dosed tr')].map((r) => r.innerText.split('\\t'))"
    )
    assert rows[0] == ["Measure", "On the baseline CT", "On ct-1", "Change"]
    shown = {name: [float(v.replace("\u2212", "-")) for v in values] for name, *values in rows[1:]}
    there, here, change = shown["PTV D95, %"]
    assert 80 < there < 110 and here - there == pytest.approx(change, abs=0.11) and abs(change) < 5
    assert page.script("return document.getElementById('scan-dose-error').innerText") == ""
