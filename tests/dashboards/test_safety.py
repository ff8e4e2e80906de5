"""Who may ask: only a browser that has opened the start link."""

import re

import pytest

from dashboards.app import create_app
from dashboards.safety import start_link
from twin.errors import InputError

TOKEN = "a-secret-of-this-test"
WORDS = "This dashboard opens with its start link"


@pytest.fixture(scope="module")
def app(opened):
    return create_app(opened, TOKEN)


@pytest.fixture
def stranger(app):
    return app.server.test_client()


def test_no_route_answers_a_stranger(app, stranger):
    asked = 0
    for rule in app.server.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        for method in rule.methods:
            answer = stranger.open(path, method=method, headers={"X-RT-Twin": "upload"})
            assert answer.status_code == 403, (method, path)
            assert method == "HEAD" or WORDS in answer.text
            asked += 1
    assert asked > 20
    for path in (
        "/",
        "/assets/app.css",
        "/_dash-layout",
        "/_dash-dependencies",
        "/data/table/outcomes.csv?key=demo",
    ):
        assert stranger.get(path).status_code == 403


@pytest.mark.parametrize(
    "given", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "%ED%A0%80", "%00", "\u00e9", "a" * 100_000]
)
def test_another_token_opens_nothing(stranger, given):
    answer = stranger.get(f"/?token={given}")
    assert answer.status_code == 403 and "Set-Cookie" not in answer.headers
    stranger.set_cookie("rt-twin-80", given[:1000].encode("ascii", "replace").decode())
    assert stranger.get("/").status_code == 403


def test_a_token_that_is_posted_or_of_another_port_opens_nothing(stranger):
    assert stranger.post(f"/_dash-update-component?token={TOKEN}", json={}).status_code == 403
    stranger.set_cookie("rt-twin-8051", TOKEN)
    assert stranger.get("/").status_code == 403


def test_the_start_link_lets_a_browser_in_and_keeps_the_token_from_scripts_and_other_sites(stranger):
    answer = stranger.get(f"/compare?run=a%26b&token={TOKEN}&day=3")
    kept = answer.headers["Set-Cookie"]
    assert kept.startswith(f"rt-twin-80={TOKEN};") and "HttpOnly" in kept and "SameSite=Strict" in kept
    assert "Expires" not in kept and "Max-Age" not in kept, "it ends with the browser"
    assert 'content="0; url=/compare?run=a%26b&amp;day=3"' in answer.text and TOKEN not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/x", "/%5Cevil.example", "/%22%3E%3Cscript%3E"])
def test_a_start_link_leads_nowhere_else(stranger, path):
    answer = stranger.get(f"{path}?token={TOKEN}", base_url="http://localhost")
    target = answer.text.partition("url=")[2].partition('">')[0]
    assert target.startswith("/") and target[1:2] not in ("/", "\\") and "<" not in target


def test_a_foreign_name_is_refused_before_any_token(stranger):
    answer = stranger.get(f"/?token={TOKEN}", headers={"Host": "evil.example"})
    assert answer.status_code == 403 and "Set-Cookie" not in answer.headers


def test_a_short_token_is_refused(opened):
    with pytest.raises(InputError, match="at least 16 characters"):
        create_app(opened, "short")


@pytest.mark.long
def test_a_page_that_the_server_does_not_know_any_more_says_how_to_get_in(page):
    page.open("/models", viewer=False)  # cookies are of the page that is open
    page.wait("return document.getElementById('link-patients')")
    token = page.driver.get_cookie(f"rt-twin-{page.address.rpartition(':')[2]}")["value"]
    page.driver.delete_all_cookies()  # as after a new start, whose token is another
    try:
        # Whatever the page asks next tells it: the click, where nothing has before.
        page.script("document.getElementById('link-patients')?.click()")
        page.wait("return document.querySelector('h1')?.innerText === arguments[0]", WORDS)
    finally:
        page.driver.get(start_link(f"{page.address}/models", token))
        page.wait("return document.getElementById('link-patients')")
        page.driver.get_log("browser")
