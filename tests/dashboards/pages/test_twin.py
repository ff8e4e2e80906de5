"""Twin in a real browser."""

import shutil
import time


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
    time.sleep(0.3)
    assert all(page.picture(n) != old for n, old in enumerate(before))


def test_an_observation_is_added_and_the_belief_learns(page, opened):
    shutil.copytree(opened / "patient.twin", opened / "followed.twin")
    page.open("/twin?twin=followed.twin")
    page.find("#observe-day").send_keys("21")
    page.find("#observe-gtv").send_keys("40")
    page.find("#observe-plan").send_keys("60/30")
    page.find("#observe").click()
    page.wait("return document.querySelector('.rt-job-done')", seconds=90)
    page.find(".rt-job-done a").click()
    page.says("Posterior")
    page.says("not informed")
    page.says("day 21: 40.0")
