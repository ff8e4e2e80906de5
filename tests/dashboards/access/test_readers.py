"""A reader sees his study and nothing else, and no label of it."""

import io
import re

import pytest
from PIL import Image

from dashboards.app import create_app
from scenarios.readers import given, load_reader_study

TOKEN = "of-the-tests-start-link"


@pytest.fixture
def study(group):
    return load_reader_study(group[0] / "anna" / "study")


def begin(reader, callbacks):
    (output,) = callbacks("reading-page.children@")
    return reader.call(output, [("reading-begun", "data", True)], changed="reading-begun.data")


def keep(reader, callbacks, key, verdict="real", confidence="3", quality="4"):
    (output,) = (o for o in callbacks("reading-page.children", "reading-error"))
    state = [
        ("reading-verdict", "value", verdict), ("reading-confidence", "value", confidence),
        ("reading-quality", "value", quality), ("reading-manifest", "data", {"key": key}),
    ]  # fmt: skip
    return reader.call(output, [("reading-next", "n_clicks", 1)], state, changed="reading-next.n_clicks")


def test_cases_are_read_one_after_the_other_and_reading_goes_on_after_a_pause(browser_of, callbacks, study):
    rita = browser_of("rita")
    order = study.order("rita")
    assert "Case 1 of 12" in begin(rita, callbacks).text
    assert "say real or simulated" in keep(rita, callbacks, "0", verdict=None).text
    assert "Case 2 of 12" in keep(rita, callbacks, "0").text
    assert "has been answered" in keep(rita, callbacks, "0", verdict="simulated").text, "not answered twice"
    assert "has been answered" in keep(rita, callbacks, "7").text, "nor out of order"
    assert "no answer" in keep(rita, callbacks, "1", confidence="9").text
    assert [(a.case, a.real) for a in given(study, "rita")] == [(order[0], True)]
    again = browser_of("rita")
    assert "Case 2 of 12" in begin(again, callbacks).text
    for place in range(1, 12):
        assert keep(again, callbacks, str(place), verdict="simulated").status_code == 200
    assert "All cases are read" in begin(again, callbacks).text
    (study.path / "answers" / "rita.jsonl").unlink()


def test_no_response_to_a_reader_holds_a_label(browser_of, callbacks, study):
    rita = browser_of("rita")
    texts = [rita.get(path).text for path in ("/", "/readers", "/_dash-layout", "/_dash-dependencies")]
    texts += [begin(rita, callbacks).text, rita.page("/readers").text]
    heads, sizes = set(), set()
    for place in range(12):
        answer = rita.get(f"/data/baseline?of=reading&key={place}&slab=0")
        assert answer.status_code == 200
        heads.add(re.sub(rb'"bytes": \d+', b"", answer.data[: 4 + int.from_bytes(answer.data[:4], "little")]))
        sizes.add(len(answer.data))
        texts.append(str(answer.headers))
    assert len(heads) == 1 and len(sizes) == 1, "messages differ in voxels alone"
    told = {case.patient for case in study.key.cases} | {case.source for case in study.key.cases}
    for text in texts:
        assert not [word for word in (*told, "key.json", str(study.path)) if word in text]
    assert rita.get("/data/baseline?of=reading&key=12&slab=0").status_code == 404


def test_every_other_route_page_callback_and_study_is_refused(app, browser_of, callbacks):
    rita = browser_of("rita")
    allowed = ("/", "/readers", "/logout", "/login", "/_dash-layout", "/_dash-dependencies", "/_favicon.ico")
    allowed += ("/login.css", "/_dash-update-component")
    for rule in app.server.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        if path in (*allowed, "/login.css", "/_dash-update-component") or path.startswith(
            ("/assets", "/_dash-component")
        ):
            continue
        assert rita.get(f"{path}?of=twin&key=of-anna.twin&slab=0&frame=0").status_code in (403, 405), path
    for path in (
        "/data/table/outcomes.csv?of=reading&key=demo", "/data/reader-study.csv?key=anna/study&of=reading",
        "/data/baseline?of=twin&of=reading&key=of-anna.twin&slab=0", "/data/version?of=reading&key=0",
        "/data/baseline?of=READING&key=0&slab=0", "/data//baseline?of=reading&key=0",
    ):  # fmt: skip
        assert rita.get(path).status_code in (403, 308), path
    for page in (
        "/patients",
        "/twin",
        "/compare",
        "/cohort",
        "/new",
        "/adaptive",
        "/models",
        "/readers/../twin",
    ):
        text = rita.page(page, "?twin=of-anna.twin").text
        assert "No such page" in text and "of-anna" not in text
    assert "study" not in rita.page("/readers", "?readers=anna/other").text.replace("reading", "")
    for output in app.callback_map:
        if (
            "." not in output.strip(".")
            or output.lstrip(".").startswith("reading")
            or output.startswith("..page.children")
        ):
            continue
        assert rita.call(output).status_code == 403, output
    mixed = "..reading-page.children...job.data.."
    assert rita.call(mixed).status_code == 403


def test_who_is_no_reader_of_the_study_reads_nothing(browser_of, callbacks, group):
    from dashboards.access.users import keep_user, new_user, remove_user

    keep_user(group[1], new_user("ruth", "reader", "a password of the tests", study="anna/study"))
    answer = begin(browser_of("ruth"), callbacks)
    assert "Case" not in answer.text and "has no reader" in answer.text
    remove_user(group[1], "ruth")
    for name in ("anna", "lena"):
        assert "only a reader" in begin(browser_of(name), callbacks).text


def test_a_readers_link_opens_his_study_and_nothing_else_on_a_dashboard_of_one_user(group, study):
    server = create_app(group[0], TOKEN).server
    code = study.record.readers[0].code
    client = server.test_client()
    assert client.get(f"/readers?reader={code[:-1]}x").status_code == 403
    welcome = client.get(f"/readers?reader={code}")
    assert "url=/readers" in welcome.text and code not in welcome.text
    assert client.get("/data/baseline?of=reading&key=0&slab=0").status_code == 200
    assert client.get("/data/structures?of=twin&key=anna/of-anna.twin").status_code == 403
    assert client.get("/data/reader-study.csv?key=anna/study").status_code == 403
    owner = server.test_client()
    owner.get(f"/?token={TOKEN}")
    assert owner.get("/data/version?of=twin&key=anna/of-anna.twin").status_code == 200


def test_who_made_a_study_sees_results_and_its_links_and_who_looks_sees_no_links(group, browser_of, study):
    from scenarios.readers import Answer, give

    for case in study.order("rita"):
        give(study, "rita", Answer(case=case, real=True, confidence=2, quality=3))
    try:
        text = browser_of("anna").page("/readers", "?readers=study").text
        assert "50 %" in text and "21 to 79 %" not in text and "25 to 75 %" in text
        code = study.record.readers[0].code
        assert code not in text and code not in browser_of("lena").page("/readers", "?readers=study").text
        csv = browser_of("lena").get("/data/reader-study.csv?key=study")
        assert csv.status_code == 200 and csv.text.count("\n") == 14
        client = create_app(group[0], TOKEN).server.test_client()
        client.get(f"/?token={TOKEN}")
    finally:
        (study.path / "answers" / "rita.jsonl").unlink()


def test_who_looks_may_save_a_film_and_a_reader_may_not(browser_of, noted):
    """A film changes nothing in the folder; a reader is sent nothing that he could take with him."""
    picture = io.BytesIO()
    Image.new("RGB", (8, 4)).save(picture, "PNG")

    def film(browser):
        sent = {"frame": (io.BytesIO(picture.getvalue()), "0.png"), "ms": "250"}
        return browser.post("/film", data=sent, headers={"X-RT-Twin": "film"})

    for name in ("anna", "lena"):
        assert film(browser_of(name)).data[:6] == b"GIF89a"
    before = len(noted())
    rita = browser_of("rita")
    refused = film(rita)
    assert refused.status_code == 403 and b"GIF" not in refused.data
    assert [line["user"] for line in noted()[before:] if line["event"] == "refused"] == ["rita"]
    assert film(browser_of()).status_code == 403
