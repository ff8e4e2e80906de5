"""Twin in a real browser."""

import shutil
from dataclasses import replace

import numpy as np

from twin import Scan, Volume


def test_a_twin_shows_its_record_with_what_is_missing(page, run):
    page.open("/twin?twin=patient.twin")
    page.says("Clinical record")
    page.says("missing")
    page.says(f"{run.twin.gtv_cm3:.1f}")
    assert "acquired" in page.title()
    assert page.script("return rtTwin.viewer.visible().length") == 3


def test_the_crosshair_moves_in_all_three_views(page):
    page.open("/twin?twin=patient.twin")
    before = [page.picture(n) for n in range(3)]
    page.script(
        "const c = document.getElementById('ortho-axial');"
        "c.dispatchEvent(new PointerEvent('pointermove', {shiftKey: true, clientX: 0, clientY: 0, bubbles: true}))"
    )
    page.script("rtTwin.viewer.panels[0].view.at = [30, 100, 200]; rtTwin.viewer.draw()")
    page.drawn()
    assert all(page.picture(n) != old for n, old in enumerate(before))


def test_an_observation_is_added_and_the_belief_learns(page, opened, coarse_twin):
    coarse_twin.save(opened / "followed.twin")
    page.open("/twin?twin=followed.twin")
    page.find("#observe-day").send_keys("21")
    page.find("#observe-gtv").send_keys("40")
    page.find("#observe-plan").send_keys("60/30")
    page.find("#observe").click()
    page.wait("return document.querySelector('.rt-job-done')", seconds=240)
    page.script("document.activeElement.blur()")
    page.says("day 21: 40.0")  # by itself: the page is made anew when its patient has changed
    page.says("Posterior")
    page.says("not informed")
    page.click("#observe-undo")
    page.wait("return !document.body.innerText.includes('day 21: 40.0')", seconds=240)
    page.says("none yet")


def test_an_acquired_mr_is_shown_in_the_place_of_the_ct(page, opened, phantom_twin):
    grid = phantom_twin.baseline.volume.geometry.resampled(12.0)
    signal = np.random.default_rng(0).uniform(100, 900, grid.shape).astype(np.float32)
    mr = Scan("mr-1", 21.0, Volume(grid, signal, "MR", "a.u."))
    replace(phantom_twin, scans=(*phantom_twin.scans, mr)).save(opened / "scanned.twin")
    try:
        page.open("/twin?twin=scanned.twin&day=21")
        plain = page.picture()
        page.press("p")
        page.wait("return rtTwin.viewer.state.scan === 'mr:only'")
        page.settled()
        assert page.picture() != plain
        assert "MR acquired: mr-1" in page.title()
        assert page.script("return rtTwin.viewer.scene(rtTwin.viewer.panels[0]).bars.map((b) => b.unit)") == [
            "a.u."
        ]
        page.wait("return location.search.includes('mr=only')")
        page.press("p")
        page.wait("return rtTwin.viewer.state.scan === 'off'")
        page.settled()
        assert page.picture() == plain
    finally:
        shutil.rmtree(opened / "scanned.twin")
