import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dashboards.app import create_app, serve
from models.registry import Registry
from twin.errors import InputError
from twin.files.lock import held, hidden


def test_a_missing_folder_is_said_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        create_app(tmp_path / "nowhere", "a-token-of-this-test")


def test_a_port_in_use_is_said_in_a_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="in use"):
            serve(tmp_path, taken.getsockname()[1])


def test_a_port_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="between 0 and 65535"):
        serve(tmp_path, 70_000)


def test_serve_says_where_it_is_and_listens_on_loopback_only(tmp_path):
    code = f"from pathlib import Path; from dashboards.app import serve; serve(Path({str(tmp_path)!r}), 0)"
    process = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        assert "http://127.0.0.1:" in lines[0]
        assert re.search(r"/\?token=[\w-]{32} \(Ctrl\+C ends it\)", lines[0])
        port = int(lines[0].split("127.0.0.1:")[1].split("/")[0])
        assert f"ssh -L {port}:127.0.0.1:{port}" in lines[2]
        listening = [
            line.split()[1]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in Path(table).read_text().splitlines()[1:]
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
        ]
        assert listening == [f"0100007F:{port:04X}"]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()


SERVE = """
import signal, sys
from pathlib import Path
from dashboards.app import serve
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it starts in the background
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests themselves run under nohup
serve(Path(sys.argv[1]), 0)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_server_in_the_background_ends_itself_cleanly(tmp_path, number):
    (tmp_path / ".run.rt-twin-part").mkdir()  # of a killed command
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert "http://127.0.0.1:" in process.stdout.readline()
        assert not (tmp_path / ".run.rt-twin-part").exists()
        process.send_signal(number)
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert not list(tmp_path.iterdir())


def test_two_servers_of_one_folder_leave_a_live_writer_and_each_other_alone(tmp_path):
    servers = []
    try:
        with held(tmp_path / "run"):
            hidden(tmp_path / "run", "part").mkdir()
            for _ in range(2):
                command = [sys.executable, "-c", SERVE, str(tmp_path)]
                servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
                assert "http://127.0.0.1:" in servers[-1].stdout.readline()
            assert hidden(tmp_path / "run", "part").is_dir()
        servers[0].kill()
        servers[0].wait()
        servers[1].terminate()
        assert servers[1].wait(60) == 0
    finally:
        for server in servers:
            server.kill()


def test_the_first_answer_names_the_product(client):
    assert b"RT-Twin" in client.get("/").data


HELLO = """
from dash import html
from dashboards.parts.page import Page

def layout(library, query):
    return html.H1(f"{query.get('who', 'nobody')} and {len(library.runs())} runs"), None

PAGE = Page(TITLE, ORDER, layout)
"""


def titles_of(client):
    """The navigation's titles in order."""
    layout = client.get("/_dash-layout").text
    titles = ("Patients", "Twin", "Compare", "Hello", "Cohort", "Adaptive", "New", "Models", "Guest")
    places = {title: layout.find(f'"children":"{title}"') for title in titles}
    return [t for t in sorted(titles, key=places.get) if places[t] >= 0]


def test_a_page_is_one_new_file(opened, client_of, asked_page, tmp_path, monkeypatch):
    import dashboards.pages

    (tmp_path / "hello.py").write_text(HELLO.replace("TITLE", "'Hello'").replace("ORDER", "3.5"))
    monkeypatch.setattr("dashboards.app.PAGES", Registry("page", "pages", "dashboards.pages"))
    dashboards.pages.__path__.append(str(tmp_path))
    try:
        client = client_of(opened)
    finally:
        dashboards.pages.__path__.remove(str(tmp_path))
    assert titles_of(client) == [
        "Patients",
        "Twin",
        "Compare",
        "Hello",
        "Cohort",
        "Adaptive",
        "New",
        "Models",
    ]
    assert "you and 2 runs" in asked_page(client, "/hello", "?who=you").text
    assert "No such page" in asked_page(client, "/goodbye").text


def test_another_packages_page_stands_among_ours(opened, client_of, asked_page, tmp_path, monkeypatch):
    (tmp_path / "guest_pages.py").write_text(HELLO.replace("TITLE", "'Guest'").replace("ORDER", "9"))
    info = tmp_path / "guest-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guest\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rt_twin.pages]\nguest = guest_pages:PAGE\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("dashboards.app.PAGES", Registry("page", "pages", "dashboards.pages"))
    client = client_of(opened)
    assert titles_of(client)[-2:] == ["Models", "Guest"]
    assert "nobody and 2 runs" in asked_page(client, "/guest").text
