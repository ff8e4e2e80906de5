"""Real DICOM dropped on the page, as a zip and as a folder, in a real browser."""

import zipfile

import pytest

SENT = "return document.querySelector('[data-store=upload-scan]').matches('.rt-sent, .rt-failed')"
ENDED = "return document.querySelector('.rt-job-done, .rt-job-failed')"
DISMISS = "[...document.querySelectorAll('.rt-job button')].forEach((b) => b.click())"


@pytest.fixture(scope="module")
def planning_ct(shared_data, tmp_path_factory):
    """The folder as it came from the clinic: a CT and its RTSTRUCT three folders down, with notes beside them."""
    folder = tmp_path_factory.mktemp("from-the-clinic")
    with zipfile.ZipFile(shared_data / "4dlung_113.zip") as packed:
        packed.extractall(folder)
    return folder / "4dlung_113"


def imported(page, source, *, gtv: str = "", name: str = "") -> str:
    """Drop, name and import; what the tray says at the end."""
    page.open("/patients", viewer=False)
    page.says("Import a patient")
    if gtv:
        page.find("#import-gtv").send_keys(gtv)
    if name:
        page.find("#import-name").send_keys(name)
    page.drop("[data-store=upload-scan]", source)
    page.wait(SENT, seconds=240)
    page.find("#import").click()
    page.wait(ENDED, seconds=240)
    return page.find(".rt-tray").text


def test_a_dropped_folder_of_dicom_becomes_a_patient(page, opened, planning_ct):
    from twin import PatientTwin

    assert "done" in imported(page, planning_ct, gtv="Tumor_c40", name="dropped folder")
    page.says("dropped-folder.twin")  # the list has it without a reload
    page.click(".rt-job-done a")
    page.settled()
    page.says("67.6 cm\u00b3")
    assert PatientTwin.load(opened / "dropped-folder.twin").gtv_cm3 == pytest.approx(67.6, abs=0.5)


@pytest.mark.slow
def test_a_dropped_zip_of_dicom_becomes_the_same_patient(page, opened, shared_data):
    from twin import PatientTwin

    said = imported(page, shared_data / "4dlung_113.zip", gtv="Tumor_c40", name="dropped zip")
    assert "done" in said, said
    page.script(DISMISS)
    assert PatientTwin.load(opened / "dropped-zip.twin").gtv_cm3 == pytest.approx(67.6, abs=0.5)


def test_a_zip_of_two_patients_is_refused_by_naming_the_files(page, opened, shared_data):
    said = imported(page, shared_data / "cancerdata_lung2.zip")
    assert "belongs to another patient than" in said and "Traceback" not in said
    assert not list(opened.glob("patient-*.twin"))
    page.script(DISMISS)


def test_a_structure_that_is_not_there_is_said_with_those_that_are(page, opened, planning_ct):
    said = imported(page, planning_ct, gtv="GTV-99")
    assert "GTV-99" in said and "Tumor_c40" in said
    page.script(DISMISS)
