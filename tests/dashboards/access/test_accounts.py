"""Attacks on a shared dashboard: every one is refused."""

import re
import stat

import pytest

from dashboards.access.throttle import Throttle
from dashboards.access.users import Users, keep_user, new_user, remove_user
from dashboards.app import serve
from twin import InputError

PASSWORD = "a password of the tests"
ROUTER = "..page.children...header-page.children.."


def test_no_route_answers_who_has_not_logged_in(app, browser_of):
    stranger, asked = browser_of().client, 0
    for rule in app.server.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        if path in ("/login", "/login.css"):
            continue
        for method in rule.methods:
            answer = stranger.open(path, method=method)
            assert answer.status_code in (302, 403), (method, path)
            assert answer.headers.get("Location", "/login") == "/login"
            asked += 1
    assert asked > 20


def test_no_other_address_is_listened_on_without_users(tmp_path):
    for host in ("0.0.0.0", "::", "192.0.2.7", "example.org"):
        with pytest.raises(InputError, match="give --auth FILE"):
            serve(tmp_path, 0, host=host)


def test_a_request_without_the_sessions_own_token_is_refused(browser_of, noted):
    anna, boris = browser_of("anna"), browser_of("boris")
    for token in ("", "x", "\u00e9", boris.cookie("rt-twin-csrf")):
        answer = anna.client.post(
            "/_dash-update-component",
            json={"output": ROUTER},
            headers={"X-RT-Twin-CSRF": token.encode("latin-1")} if token else {},
        )
        assert answer.status_code == 403 and "token" in answer.text
        assert (
            anna.client.post("/upload?name=x.zip", data=b"1", headers={"X-RT-Twin": "upload"}).status_code
            == 403
        )
    assert anna.page("/patients").status_code == 200
    assert anna.client.post("/logout").status_code == 403, "nobody logs another out"
    assert noted()[-1]["event"] == "refused, no token"


def test_another_sites_request_is_refused_even_with_the_token(browser_of):
    anna = browser_of("anna")
    assert (
        anna.post("/_dash-update-component", json={}, headers={"Origin": "http://evil.example"}).status_code
        == 403
    )


def test_the_log_in_itself_needs_the_pages_token(browser_of):
    stranger = browser_of()
    given = {"name": "anna", "password": PASSWORD}
    assert stranger.client.post("/login", data=given).status_code == 403
    stranger.get("/login")
    assert stranger.client.post("/login", data={**given, "csrf": "0" * 64}).status_code == 403
    assert stranger.get("/patients").status_code == 302


@pytest.mark.parametrize(
    "where", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_no_address_leads_elsewhere_after_the_log_in(browser_of, where):
    stranger = browser_of()
    page = stranger.client.get(f"/login?next={where}").text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    given = {"name": "anna", "password": PASSWORD, "csrf": csrf, "next": where}
    answer = stranger.client.post(f"/login?next={where}", data=given, headers={"Origin": "http://localhost"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert browser_of().get(f"/{where}").headers["Location"] == "/login"


def test_a_session_that_was_planted_is_nobodys_after_the_victims_log_in(app, browser_of):
    attacker, victim = browser_of("boris"), browser_of()
    planted = attacker.cookie("rt-twin-session")
    victim.client.set_cookie("rt-twin-session", planted)
    assert victim.log_in("anna").status_code == 302
    assert victim.cookie("rt-twin-session") != planted
    assert "of-anna.twin" in victim.page("/patients").text
    assert "of-anna.twin" not in attacker.page("/patients").text, "his own session is still his alone"


def test_cookies_are_kept_from_scripts_other_sites_and_plain_http(browser_of):
    answer = browser_of().log_in("anna")
    kept = {c.partition("=")[0]: c for c in answer.headers.getlist("Set-Cookie")}
    assert all("SameSite=Strict" in c and "Secure" in c for c in kept.values())
    assert "HttpOnly" in kept["rt-twin-session"]
    assert "HttpOnly" not in kept["rt-twin-csrf"], "the page sends it back"


def test_a_session_ends_with_its_log_out_and_with_its_user(browser_of, group):
    anna = browser_of("anna")
    stolen = anna.cookie("rt-twin-session"), anna.cookie("rt-twin-csrf")
    assert anna.post("/logout").status_code == 302
    thief = browser_of()
    for name, value in zip(("rt-twin-session", "rt-twin-csrf"), stolen, strict=True):
        thief.client.set_cookie(name, value)
    assert thief.get("/").status_code == 302
    keep_user(group[1], new_user("short-lived", "run", PASSWORD))
    brief = browser_of("short-lived")
    assert brief.get("/").status_code == 200
    remove_user(group[1], "short-lived")
    assert brief.get("/").status_code == 302


def test_guessing_is_slowed_down_and_tells_no_names(browser_of, noted):
    stranger = browser_of()
    wrong = {stranger.log_in(name, "wrong").text.partition("alert")[2] for name in ("boris", "nobody")}
    assert len(wrong) == 1, "the same words, whether there is such a user or not"
    for _ in range(6):
        last = stranger.log_in("boris", "wrong")
    assert last.status_code == 429
    assert stranger.log_in("boris").status_code == 429, "the right password waits too"
    assert noted()[-1] == {**noted()[-1], "event": "log-in held up", "user": "boris"}


def test_waiting_doubles_up_to_five_minutes_and_ends_with_success():
    now = [0.0]
    throttle, waits = Throttle(lambda: now[0]), []
    for _ in range(16):
        throttle.failed("a")
        waits.append(throttle.wait_s("a", "b"))
    assert waits[:5] == [0.0] * 5 and waits[5:9] == [1.0, 2.0, 4.0, 8.0] and waits[-1] == 300.0
    now[0] = 301.0
    assert throttle.wait_s("a") == 0.0
    throttle.succeeded("a")
    throttle.failed("a")
    assert throttle.wait_s("a") == 0.0
    for n in range(20_000):
        throttle.failed(str(n))
    assert len(throttle._failures) == 10_000


def test_an_unknown_name_costs_the_same_check_as_a_known_one(app, browser_of, monkeypatch):
    import argon2

    checked = []
    verify = argon2.PasswordHasher.verify

    def watched(self, secret, given):
        checked.append(secret)
        return verify(self, secret, given)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", watched)
    stranger = browser_of()
    for name in ("anna", "nobody", "", "x" * 10_000):
        stranger.log_in(name, "wrong")
    assert len(checked) == 4
    assert len({re.match(r"\$argon2id\$v=\d+\$[^$]*", secret)[0] for secret in checked}) == 1


def test_one_users_files_and_jobs_are_not_anothers(browser_of, group, app):
    anna, boris = browser_of("anna"), browser_of("boris")
    assert "of-anna.twin" in anna.page("/patients").text and "of-boris" not in anna.page("/patients").text
    assert "of-anna" not in boris.page("/patients").text
    for key in (
        "anna/of-anna.twin",
        "../anna/of-anna.twin",
        "of-anna.twin",
        "%2e%2e/anna/of-anna.twin",
        str(group[0] / "anna/of-anna.twin"),
    ):
        assert "Clinical record" not in boris.page("/twin", f"?twin={key}").text
        assert boris.get(f"/data/version?of=twin&key={key}").text == ""
        for route in ("baseline", "structures"):
            assert boris.get(f"/data/{route}?of=twin&key={key}&slab=0").status_code == 404
    assert boris.get("/data/reader-study.csv?key=anna/study").status_code == 404
    assert boris.get("/data/baseline?of=reading&key=0&slab=0").status_code == 404


def test_a_folder_that_is_a_link_is_not_opened(group, browser_of):
    keep_user(group[1], new_user("linked", "run", PASSWORD))
    (group[0] / "linked").symlink_to(group[0] / "anna")
    assert "of-anna" not in browser_of("linked").page("/patients").text
    (group[0] / "linked").unlink()
    remove_user(group[1], "linked")


def test_who_looks_starts_and_changes_nothing_whatever_callback_is_called(browser_of, callbacks, app, group):
    before = sorted(group[0].rglob("*"))
    lena = browser_of("lena")
    assert "of-anna.twin" in lena.page("/patients").text
    starting = callbacks("job.data")
    assert len(starting) >= 4
    for output in starting:
        assert lena.call(output, changed="observe.n_clicks").status_code == 403, output
    for body in ({}, {"output": ""}, {"output": 3}, {"output": "jobs.data...job.data"}, []):
        answer = lena.post("/_dash-update-component", json=body)
        assert answer.status_code != 200, body
    assert lena.post("/upload?name=x.zip", data=b"1", headers={"X-RT-Twin": "upload"}).status_code == 403
    assert sorted(group[0].rglob("*")) == before


def test_what_is_done_holds_the_role_too(app, group):
    """Were a callback ever let through, a job, an upload or a written file would still be refused."""
    from flask import g

    from dashboards.access.visitor import Visitor
    from dashboards.files.bin import Bin
    from dashboards.files.library import Library
    from dashboards.files.uploads import Uploads
    from dashboards.jobs.child import Jobs

    library = Library(group[0] / "anna")
    (twin,) = library.twins()
    with app.server.test_request_context("/"):
        for visitor in (Visitor("lena", "read"), Visitor("rita", "reader"), None):
            if visitor is None:
                g.pop("visitor")
            else:
                g.visitor = visitor
            for act in (
                lambda: Jobs().start("bed", ["bed", "60/30"], opens="/"),
                lambda: Uploads().begin(),
                lambda: Uploads().write("a.yaml", "x"),
                lambda: Bin(library.root).delete(twin),
                lambda: Bin(library.root).give_name(twin, "other"),
                lambda: Bin(library.root).put_back("x"),
            ):
                with pytest.raises(InputError, match="you may look"):
                    act()


def test_another_users_job_and_upload_are_not_found(app):
    from flask import g

    from dashboards.access.visitor import Visitor
    from dashboards.files.uploads import Uploads
    from dashboards.jobs.child import Jobs

    jobs, uploads = Jobs(), Uploads()
    with app.server.test_request_context("/"):
        g.visitor = Visitor("anna", "run")
        job, token = jobs.start("bed", ["bed", "60/30"], opens="/"), uploads.write("a.yaml", "x")
        assert jobs.find(job.id) is job and uploads.path(token).exists()
        g.visitor = Visitor("boris", "run")
        assert jobs.find(job.id) is None
        with pytest.raises(InputError, match="no longer here"):
            uploads.path(token)
    job.process.wait(60)
    uploads.clear()


def test_the_file_of_users_is_its_owners_and_holds_no_password(group):
    assert stat.S_IMODE(group[1].stat().st_mode) == 0o600
    text = group[1].read_text()
    assert PASSWORD not in text and "$argon2id$" in text
    assert Users(group[1]).find("rita").visitor.study == "anna/study"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("../x", "run", PASSWORD), "name of a user"),
        (("x", "admin", PASSWORD), "role of a user"),
        (("x", "run", "short"), "12 characters"),
        (("x", "reader", PASSWORD), "needs --study"),
    ],
)
def test_a_user_that_cannot_be_is_refused(given, words):
    with pytest.raises(InputError, match=words):
        new_user(*given)


def test_a_password_is_asked_for_and_never_an_argument(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from dashboards.user import COMMAND

    typed = iter([PASSWORD, PASSWORD, PASSWORD, "another one"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    file = tmp_path / "users.json"
    assert CliRunner().invoke(COMMAND, ["add", str(file), "anna"]).exit_code == 0
    assert Users(file).find("anna").role == "run"
    assert isinstance(CliRunner().invoke(COMMAND, ["add", str(file), "boris"]).exception, InputError)
    assert CliRunner().invoke(COMMAND, ["add", str(file), "boris", "--password", "x"]).exit_code == 2
    assert CliRunner().invoke(COMMAND, ["remove", str(file), "anna"]).exit_code == 0
    assert Users(file).find("anna") is None
