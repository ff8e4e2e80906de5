"""What readers have in other viewers, as docs/dashboard.md numbers it; features that can share a page do."""

import base64
import io
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from PIL import Image

from dashboards.files.bin import Bin
from dashboards.files.library import Library
from dashboards.viewer.film import films
from scenarios.records.schema import SIMULATED
from twin import PatientTwin

RUN = "/compare?run=demo&day=30"
CLICK = "document.querySelector(arguments[0]).click()"

STATE = "return rtTwin.viewer.state[arguments[0]]"
CHOOSE = """
const [label, value] = arguments;
const select = [...document.querySelectorAll('select')].find((s) => s.getAttribute('aria-label') === label);
select.value = value;
select.dispatchEvent(new Event('change'));
"""
TICK = """
const [words, on] = arguments;
const label = [...document.querySelectorAll('.rt-tick')].find((l) => l.innerText.trim() === words);
if (label.querySelector('input').checked !== on) label.querySelector('input').click();
"""


def drag(page, start, end, button="left", panel=0):
    """A press, a way and a release in a panel, by shares of its width and height; a click where both are one place."""
    box = page.script(
        "const r = document.querySelectorAll('.rt-canvas')[arguments[0]].getBoundingClientRect();"
        "return [r.x, r.y, r.width, r.height]", panel
    )  # fmt: skip
    steps = [
        ("mouseMoved", start, 0),
        ("mousePressed", start, 1),
        ("mouseMoved", end, 1),
        ("mouseReleased", end, 0),
    ]
    for kind, (x, y), down in steps if start != end else [s for n, s in enumerate(steps) if n != 2]:
        at = {"x": box[0] + x * box[2], "y": box[1] + y * box[3]}
        held = {"button": button, "buttons": {"left": 1, "right": 2}[button] * down, "clickCount": 1}
        page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **at, **held})
    page.script("return new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 30)))")


def hang(page, layout, panels):
    page.script(f"document.querySelector('#ctl-panels input[value=\"{layout}\"]').click()")
    page.wait(
        "const v = rtTwin.viewer; return v.state.layout === arguments[0] && v.visible().length === arguments[1]",
        layout, panels
    )  # fmt: skip
    page.settled()


def test_panels_have_their_own_day_and_scan_and_are_hung_and_the_pointer_does_what_readers_expect(page):
    """Rows 1 to 7 and 13: one visit."""
    page.open(RUN)
    page.script(CHOOSE, "Plan B", "60-15")  # 1: one plan at two dates, then acquired beside simulated
    page.script(CHOOSE, "Day of B", "0")
    page.settled()
    assert "Day 30" in page.title(0) and "Day 0, acquired" in page.title(1)
    page.script(CHOOSE, "Scan of B", "pet-scan:only")
    page.settled()
    assert "PET by" in page.title(1) and "PET" not in page.title(0)
    page.script(CHOOSE, "Scan of B", "")
    page.script(CHOOSE, "Day of B", "")
    hang(page, "planes", 6)  # 2 and 3
    planes = page.script("return rtTwin.viewer.panels.map((p) => rtTwin.viewer.planeOf(p))")
    assert planes == ["axial", "coronal", "sagittal"] * 2
    drag(page, (0.4, 0.6), (0.4, 0.6))  # 4: a click sets the crosshair in all views
    at = page.script("return rtTwin.viewer.panels.map((p) => rtTwin.viewer.scene(p).crosshair)")
    assert at[0] is not None and all(other == at[0] for other in at)
    hang(page, "days", 4)
    assert [page.title(n).split("Day ")[1].split(",")[0].split(".")[0] for n in range(4)] == [
        "0",
        "7",
        "14",
        "30",
    ]
    hang(page, "scans", 4)
    assert ["PET" in page.title(n) for n in range(4)] == [False, True, True, True]
    assert "greatest values" in page.title(3)
    hang(page, "2", 2)
    drag(page, (0.5, 0.5), (0.6, 0.4), "right")  # 5: wider to the right, brighter upwards
    level = page.script(STATE, "level")
    assert level["width"] > 1500 and level["level"] < -600 and f"W {level['width']}" in page.corner()
    under = "return rtTwin.viewer.indexAt(rtTwin.viewer.panels[0], {offsetX: arguments[0], offsetY: arguments[1]})"
    before = page.script(under, 100, 90)
    page.script(
        "const v = rtTwin.viewer, event = {preventDefault() {}, ctrlKey: true, deltaY: -1, offsetX: 100, offsetY: 90};"
        "v.wheel(v.panels[0], event)"
    )
    assert page.script(under, 100, 90) == pytest.approx(
        before, abs=0.51
    )  # 6: what lies under the pointer stays
    drag(page, (0.5, 0.5), (0.6, 0.5))
    moved = page.script("return rtTwin.viewer.panels[0].view.pan")
    page.press("\ue013")
    assert page.script("return rtTwin.viewer.panels[0].view.pan") == moved != [0, 0, 0]
    page.press("m")  # 7
    page.wait("return rtTwin.viewer.visible().length === 1")
    page.press("m", "r", "l")
    page.wait(
        "return rtTwin.viewer.visible().length === 2 && !document.getElementById('viewer-lists').hidden"
    )
    page.settled()
    page.script(CHOOSE, "What a drag does", "distance")  # 13
    drag(page, (0.3, 0.5), (0.6, 0.5))
    a, b, words = page.script("const m = rtTwin.viewer.marks.at(-1); return [m.a, m.b, m.words]")
    spacing = page.script("return rtTwin.viewer.grid.spacing")
    mm = sum(((p - q) * s) ** 2 for p, q, s in zip(a, b, spacing, strict=True)) ** 0.5
    assert words == [f"{mm:.1f} mm"] and mm > 20
    page.script(CHOOSE, "What a drag does", "ellipse")
    drag(page, (0.4, 0.4), (0.6, 0.6))
    area, mean, span = page.script("return rtTwin.viewer.marks.at(-1).words")
    assert "cm" in area and "mean" in mean and "HU" in mean and " to " in span


FIRST = "const v = rtTwin.viewer, s = v.scene(v.panels[0]); "
CHANGE_AT_FOCUS = """
const v = rtTwin.viewer, { mine, other } = v.scene(v.panels[1]).doses;
return rtTwin.coarseAt(mine, v.manifest.focus) - rtTwin.coarseAt(other, v.manifest.focus);
"""
WORDLESS = """
const controls = '.rt-compare button:not([role=tab]), .rt-compare select, .rt-segments, .rt-header button';
return [...document.querySelectorAll(controls)]
  .filter((e) => e.offsetParent && !e.closest('[title], [data-title]') && !/\\S{3}/.test(e.innerText)).map((e) => e.id);
"""


def test_structures_isodoses_differences_pet_and_links(page):
    """Rows 8 to 12, 14 and 18: one visit, and the same view opened again by its link."""
    page.open(RUN + "&dose=full")
    page.press("l")
    page.script(TICK, "Heart", True)
    outlines = page.script(FIRST + "return s.outlines.map((line) => line.id)")
    assert "baseHeart" in outlines and "baseLung_L" not in outlines  # 8
    levels = FIRST + "return s.layers[0].levels"
    assert 20 in page.script(levels)  # 9
    page.script(TICK, "20 Gy", False)
    assert 20 not in page.script(levels)
    page.script(CHOOSE, "Unit of the dose", "%")
    page.settled()
    assert 57 in [round(gy, 6) for gy in page.script(levels)]
    page.script(CHOOSE, "Unit of the dose", "eqd2-3")
    page.settled()
    assert "EQD2" in page.script(FIRST + "return s.bars[0].unit")
    page.press("d")  # 10: of EQD2, then of physical dose
    page.wait("return rtTwin.viewer.state.difference === true")
    page.settled()
    eqd2 = page.script(CHANGE_AT_FOCUS)
    page.script(CHOOSE, "Unit of the dose", "Gy")
    page.settled()
    assert page.script(CHANGE_AT_FOCUS) == pytest.approx(-30, abs=4) and eqd2 == pytest.approx(-48, abs=9)
    page.press("d", "t")
    page.script("const v = rtTwin.viewer; v.chooseDay(0); v.choose('scan', 'pet-scan:overlay')")
    page.script("rtTwin.viewer.set({suv: [1, 6], opacity: 0.4})")
    page.settled()  # 11: on day 0 too
    fused = page.script(FIRST + "const l = s.layers[0]; return [l.low, l.max, l.opacity, l.unit]")
    assert fused == [1, 6, 0.4, "SUV"] and "PET by" in page.title() and "Day 0" in page.title()
    assert page.script(WORDLESS) == []  # 18: what has no words of its own says on hover what it does
    page.press("l")
    link, pictures = page.link(), [page.picture(n) for n in (0, 1)]
    page.open(link)
    assert [page.picture(n) for n in (0, 1)] == pictures  # 14
    assert page.script(STATE, "suv") == [1, 6] and page.script(STATE, "picked") == {"Heart": True}
    tab = "[...document.querySelectorAll('#tabs-tables [role=tab]')].find((t) => t.innerText === 'Dose')"
    page.script(f"{tab}.click()")
    page.says("histograms in steps of 0.25 Gy")  # 12
    assert page.script("return document.querySelector('a[href=\"/report?run=demo\"]').title")


def test_figures_have_a_logarithmic_axis_and_are_saved_at_300_dpi_with_whose_they_are(page):
    """Rows 20 and 21."""
    page.open(RUN)
    axis = "return document.getElementById('trajectory').layout.yaxis.type"
    for kind in ("log", "linear"):
        page.script(CLICK, "[data-log]")
        page.wait(axis + " === arguments[0]", kind)
    page.script(
        "rtTwin.download = (blob) => blob.arrayBuffer().then((b) => { window.saved = Array.from(new Uint8Array(b)) })"
    )
    page.script(CLICK, ".rt-card [data-save=png]")
    page.wait("return Boolean(window.saved)")
    with Image.open(io.BytesIO(bytes(page.script("return window.saved")))) as picture:
        picture.load()
        assert picture.size == (3300, 1860) and picture.info["dpi"] == pytest.approx((300, 300), abs=0.02)
    title = "return rtTwin.charts.printed(document.getElementById('trajectory')).layout.title.text"
    assert page.script(title) == "Tumour volume, insilico-7, 60/15 v 30/10, viewers on day 30.4"


def test_days_are_a_film_by_their_distances_and_tumour_organs_and_isodose_stand_in_space(page, opened):
    """Rows 19 and 25: one visit."""
    page.open(RUN)
    days = page.script("return rtTwin.viewer.manifest.days")
    assert page.script("return [0, 1, 7, 30, 400].map(rtTwin.dayMs)") == [250, 250, 420, 1800, 2000]
    page.script(CLICK, "#play")
    page.wait("return rtTwin.viewer.state.day !== arguments[0]", days[-1])
    page.script(CLICK, "#play")
    page.script(
        "rtTwin.download = async (blob, name) => {"
        " window.saved = [name, Array.from(new Uint8Array(await blob.arrayBuffer()))] }"
    )
    filmed = {}
    for kind in films():
        page.script("window.saved = null")
        page.script(CLICK, f"[data-film={kind}]")
        page.wait("return Boolean(window.saved) && !rtTwin.viewer.filming", seconds=240)
        filmed[kind] = page.script("return window.saved")
    if "mp4" in filmed:  # what it holds: viewer/test_film.py
        assert filmed["mp4"][0].endswith("_days.mp4") and bytes(filmed["mp4"][1][4:8]) == b"ftyp"
    name, content = filmed["gif"]
    assert name == "simulated_insilico-7_days.gif"
    with Image.open(io.BytesIO(bytes(content))) as film:
        assert film.n_frames == len(days) and film.width > 600
        seen = []
        for n in range(film.n_frames):
            film.seek(n)
            seen.append(film.info["duration"])
            amber = (np.abs(np.asarray(film.convert("RGB"), int) - (255, 176, 0)).sum(axis=2) < 40).sum()
            assert amber > 1000, "the stamp is burnt into every day"
    gaps = [max(250, min(2000, round(60 * (b - a)))) for a, b in pairwise(days)]
    assert seen == pytest.approx([*gaps, 2000], abs=10)
    page.click("[data-solid]")
    page.wait("return Boolean(rtTwin.viewer.solid)", seconds=240)
    solids = page.script(
        "return rtTwin.viewer.solid.solids.map((s) => [s.name, s.vertices, s.quads.map((q) => [...q])])"
    )
    meshes = {label: (np.array(v), np.array(q)) for label, v, q in solids}
    assert {"GTVp", "Lung_L", "Heart", "57 Gy, approximate (95 %)"} <= set(meshes)
    for label in ("GTVp", "Lung_L"):
        vertices, quads = meshes[label]
        a, b, c, d = (vertices[quads[:, n]] for n in range(4))
        mm3 = abs(sum(np.einsum("ij,ij->i", a, np.cross(p, q)).sum() / 6 for p, q in ((b, c), (c, d))))
        drawn = PatientTwin.load(opened / "patient.twin").structures[0]
        assert mm3 / 1000 == pytest.approx(drawn.mask(label).sum() * drawn.geometry.voxel_cm3, rel=0.06)
    assert page.script("return rtTwin.viewer.solid.stamp") == SIMULATED
    view = "return rtTwin.viewer.solid.view.yaw"
    before = page.script(view)
    page.script("document.getElementById('solid').focus()")
    page.press("\ue014")
    assert page.script(view) > before
    page.press("\ue00c")
    page.wait("return !document.getElementById('solid')")


def test_a_tour_of_five_steps_is_offered_once_and_goes_by_the_keyboard(page):
    """Row 24: dismissed it does not come again; begun from the header it ends where it began."""
    page.open("/models", viewer=False)
    page.script("localStorage.removeItem('rt-tour')")
    page.open(RUN)
    page.wait("return document.getElementById('tour')")
    page.script("document.querySelectorAll('#tour button')[1].click()")
    metrics = {"width": 900, "height": 800, "deviceScaleFactor": 1, "mobile": False}  # row 27
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    need = "const {content} = getComputedStyle(document.querySelector('.rt-app'), '::before'); return content"
    page.wait(need + ".includes('needs a window of at least 1024 pixels')")
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.wait(need + " === 'none'")
    page.open(RUN)
    page.later(500)  # it would be offered by now
    assert page.script("return document.getElementById('tour')") is None
    page.script("document.querySelector('[data-tour]').focus()")
    page.press("\ue007")
    for step in range(1, 6):
        page.wait(
            "return document.querySelector('#tour h2')?.innerText.startsWith(arguments[0])", f"{step} of 5"
        )
        assert page.script("return document.querySelectorAll('.rt-toured').length") == 1
        page.press("\ue007")
    page.wait("return !document.getElementById('tour')")
    page.wait("return document.activeElement.dataset.tour === 'yes'")
    page.press("\ue007")
    page.wait("return document.getElementById('tour')")
    page.press("\ue00c")
    page.wait("return !document.getElementById('tour') && !document.querySelector('.rt-toured')")


def test_who_has_no_comparison_is_offered_a_demo_by_the_page_and_the_tour(served, tmp_path):
    """Row 24: the button starts what `rt-twin demo` makes; the tour is offered when it is opened."""
    page = served(tmp_path)
    try:
        page.open("/compare", viewer=False)
        page.wait("return document.getElementById('demo-make')")
        page.click("[data-tour]")
        page.says("No comparison yet")
        page.click("#tour button")
        page.wait("return !document.getElementById('tour') && localStorage.getItem('rt-tour') === null")
        page.wait("return document.querySelector('.rt-job-running')?.innerText.includes('Make the demo')")
        page.click(".rt-job-running button")
        page.wait("return document.querySelector('.rt-job-cancelled')")
    finally:
        page.driver.get("about:blank")


def test_subgroups_stand_in_a_forest_plot(page, opened):
    """Row 22: every row of the study's table of subgroups, and the mean of all."""
    study = Library(opened).study("study")
    page.open("/cohort?study=study", viewer=False)
    page.wait("return document.querySelector('#tabs-cohort [role=tab]:nth-child(4)')")
    page.script(CLICK, "#tabs-cohort [role=tab]:nth-child(4)")
    page.wait("return document.querySelector('#forest .main-svg')")
    x, labels, everybody = page.script(
        "const d = document.getElementById('forest').data; return [d[0].x, d[0].y, d[1].x[0]]"
    )
    rows = study.benefit.filter(pl.col("plan") == "30-10", pl.col("outcome") == "overall_survival_2y")
    whole = study.contrasts.filter(pl.col("plan") == "30-10", pl.col("outcome") == "overall_survival_2y")
    assert x == pytest.approx((100 * rows["mean"]).to_list(), abs=0.001) and len(labels) == len(
        set(labels)
    ) == len(x)
    assert everybody == pytest.approx(100 * whole["mean"][0])
    assert page.script("return document.querySelector('a[href=\"/report?study=study\"]').title")


def test_the_clinical_record_is_changed_from_the_page(page, opened):
    """Row 23: an impossible value is refused in words, a possible one stands in the record, and its history says so."""
    page.open("/twin?twin=patient.twin", viewer=False)
    page.wait("return document.getElementById('record-change')")
    page.script("dash_clientside.set_props('record-entry', {value: 'ecog'})")
    page.wait("return document.getElementById('record-value').value !== ''")
    page.script("dash_clientside.set_props('record-value', {value: '2'})")
    page.script(CLICK, "#record-change")
    page.wait("return document.querySelector('.rt-job-done, .rt-job-failed')", seconds=240)
    page.says("done in")
    twin = PatientTwin.load(opened / "patient.twin")
    assert twin.clinical.ecog == 2 and "ecog" in twin.history[-1].words.lower()
    page.wait("return document.querySelector('.rt-facts-column details li')")


def test_a_run_is_renamed_and_deleted_and_both_are_undone(page, opened):
    """In the list, by the sheet, back by Undo and from the bin."""
    from selenium.webdriver.common.keys import Keys

    page.open("/patients", viewer=False)
    change = "[...document.querySelectorAll('[data-change]')].find((b) => b.dataset.change === arguments[0])"
    page.wait(f"return {change}", "adaptive")
    page.script(f"{change}.click()", "adaptive")
    page.wait("return document.querySelector('#change-name')?.value === 'adaptive'")
    page.find("#change-name").send_keys(Keys.CONTROL, "a")
    page.find("#change-name").send_keys("another name")
    page.find("#change-rename").click()
    page.says("adaptive is now called another-name.")
    assert (opened / "another-name" / "run.json").is_file() and not (opened / "adaptive").exists()
    page.click("#change-undo")
    page.says("adaptive has its name again.")
    page.wait(f"return {change}", "adaptive")
    page.script(f"{change}.click()", "adaptive")
    page.wait("return document.querySelector('#change-name')?.value === 'adaptive'")
    page.click("#change-delete")
    page.says("adaptive is in the bin.")
    assert not (opened / "adaptive").exists() and [d.key for d in Bin(opened).listed()] == ["adaptive"]
    page.open("/patients", viewer=False)  # as after a new start: the bin is there
    page.wait("return document.querySelector('#bin button')")
    page.script(CLICK, "#bin button")
    page.says("adaptive is back.")
    assert (opened / "adaptive" / "run.json").is_file() and Bin(opened).listed() == []


@pytest.mark.parametrize(
    "path, subject, words",
    [
        (
            "/report?run=demo",
            "insilico-7",
            ["Images of several days", "D95", "Credibility", "How it was made"],
        ),
        ("/report?study=study", "study", ["Overall survival", "Mean lung dose"]),
    ],
)
def test_comparisons_and_cohorts_are_saved_as_pdf_with_whose_they_are_on_every_page(
    page, path, subject, words
):
    """With figures drawn; the text is read back from what Chromium prints."""
    from pypdf import PdfReader

    page.open(path, viewer=False)
    page.wait(
        "const f = [...document.querySelectorAll('.rt-paper .rt-figure')];"
        "return f.length >= 2 && f.every((e) => e.querySelector('.main-svg'))"
    )
    page.script("window.print = () => (window.printed = true)")
    page.script(CLICK, "[data-print]")
    page.wait("return window.printed && document.title.includes(arguments[0])", subject)
    printed = page.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"]
    pages = [p.extract_text() for p in PdfReader(io.BytesIO(base64.b64decode(printed))).pages]
    assert len(pages) > 1 and all(f"{SIMULATED} \u00b7 {subject}" in p for p in pages)
    assert all(any(w in p for p in pages) for w in words) and "1024" not in pages[0]
    if subject != "study":
        pictures = page.script("return [...document.querySelectorAll('.rt-strip img')].map((i) => i.alt)")
        assert {"60/15, day 0", "60/15, day 30", "30/10, day 30"} <= set(pictures)
