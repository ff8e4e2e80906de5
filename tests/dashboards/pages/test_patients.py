"""Patients in a real browser."""

SEND = """
const zone = document.querySelector(`[data-store=${arguments[0]}]`);
rtTwin.send(zone, new File([Uint8Array.from(arguments[2])], arguments[1]));
"""


def test_patients_and_comparisons_are_listed_and_searched(page):
    page.open("/patients", viewer=False)
    page.says("patient.twin")
    page.says("60/15 v 30/10")
    page.says("40 sampled patients")
    page.find("#search").send_keys("30/10")
    page.wait(
        "return document.querySelectorAll('.ag-center-cols-container .ag-row').length === 2"
    )  # and the study
    page.click("#list-runs a.rt-who")
    page.settled()
    assert page.driver.current_url.endswith("/compare?run=demo") or "run=demo&" in page.driver.current_url


def test_opening_a_page_starts_no_job(page):
    for path, filled in (
        ("/patients", ".ag-row"),
        ("/new", "#new-foreseen > *"),
        ("/twin?twin=patient.twin", ".rt-figure .main-svg"),
    ):
        page.open(path, viewer=False)
        page.wait("return document.querySelector(arguments[0])", filled)
        assert page.script("return document.querySelectorAll('.rt-job').length") == 0
        assert (
            page.script(
                "return [...document.querySelectorAll('[role=alert]')].map((e) => e.innerText).join('')"
            )
            == ""
        )


def test_a_broken_file_is_refused_in_plain_words(page, opened):
    page.open("/patients", viewer=False)
    page.says("Import a patient")
    page.script(SEND, "upload-scan", "broken.zip", [1, 2, 3])
    page.says("1 file (0.0 MB)")
    page.find("#import").click()
    page.says("upload.zip is not a zip file")
    assert "Traceback" not in page.find(".rt-job-failed").text
    assert "broken" not in page.script("return document.documentElement.outerHTML")
    assert not list(opened.glob("patient-*.twin"))
    page.says("1 file (0.0 MB)")  # it is kept, to be tried again with what was missing
    page.click(".rt-job-failed button")
    page.wait("return !document.querySelector('.rt-job')")


def test_an_in_silico_patient_is_made_from_the_page(page, opened):
    page.open("/patients", viewer=False)
    page.says("Make an in-silico patient")
    page.find("#phantom-name").send_keys("made here")
    page.find("#phantom").click()
    page.wait("return document.querySelector('.rt-job-done a')", seconds=240)
    page.click(".rt-job-done a")
    page.settled()
    page.says("Clinical record")
    assert (opened / "made-here.twin").is_dir()


def test_a_folder_without_images_is_refused_in_plain_words(page, opened):
    page.open("/patients", viewer=False)
    page.says("Choose a folder")
    page.script(
        "const zone = document.querySelector('[data-store=upload-scan]');"
        "rtTwin.take(zone, [new File(['a'], 'IM1'), new File(['b'], 'IM2'), new File(['c'], '.hidden')]);"
    )
    page.says("2 files")
    page.find("#import").click()
    page.wait("return document.querySelector('.rt-job-failed')")
    assert "Traceback" not in page.find(".rt-job-failed").text
    page.script("[...document.querySelectorAll('.rt-job button')].forEach((b) => b.click())")
