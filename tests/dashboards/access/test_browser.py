"""A simulated reader of known skill in a real browser: logs in, reads a study with its images, and logs out."""

import threading

import pytest

from scenarios.readers import given, load_reader_study

pytestmark = pytest.mark.long
READY = """
const v = window.rtTwin?.viewer;
return Boolean(v && v.manifest.key === arguments[0] && v.baseline.share === 1);
"""
HEAD = "return document.querySelector('h1')?.innerText"
TITLE = "return rtTwin.viewer.scene(rtTwin.viewer.panels[0]).title"
ANSWER = """
const radios = [...document.querySelectorAll('.rt-form input[type=radio]')];
for (const n of arguments[0]) radios[n].click();
"""
WRONG = 4  # every so many cases


def test_a_simulated_reader_of_known_skill_reads_a_study(browser, app, group, browser_of):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wait = WebDriverWait(browser, 30, poll_frequency=0.05)
    browser.get_log("browser")
    study = load_reader_study(group[0] / "anna" / "study")
    try:
        browser.get(f"http://127.0.0.1:{server.port}/twin")
        for name, text in (("name", "rita"), ("password", "a password of the tests")):
            browser.find_element(By.NAME, name).send_keys(text)
        browser.find_element(By.TAG_NAME, "button").click()
        for place, case in enumerate(study.order("rita")):
            wait.until(lambda b, n=place: b.execute_script(READY, str(n)))
            wait.until(lambda b, n=place: b.execute_script(HEAD) == f"Case {n + 1} of 12")
            assert browser.execute_script(TITLE) == [f"Case {place + 1}"]
            browser.execute_script("rtTwin.viewer.set({colours: 'hot'}); rtTwin.viewer.step(1)")
            said = study.key.cases[case].real ^ (place % WRONG == 0)
            browser.execute_script(ANSWER, [0 if said else 1, 5, 9])
            browser.find_element(By.ID, "reading-next").click()
            if place == 5:  # he stops, and comes back
                wait.until(lambda b: b.execute_script(READY, "6"))
                browser.get(f"http://127.0.0.1:{server.port}/readers")
        wait.until(lambda b: "All cases are read" in b.execute_script("return document.body.innerText"))
        assert {(a.confidence, a.quality) for a in given(study, "rita")} == {(4, 3)}
        results = browser_of("anna").page("/readers", "?readers=study").text
        assert "75 %" in results and "9 of 12" in results
        assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
        browser.execute_script("document.querySelector('[data-logout]').click()")
        wait.until(lambda b: b.current_url.endswith("/login"))
    finally:
        server.shutdown()
        (study.path / "answers" / "rita.jsonl").unlink(missing_ok=True)
