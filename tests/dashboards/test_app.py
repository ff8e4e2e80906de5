import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dashboards.app import create_app, serve
from twin.errors import InputError


def test_a_missing_folder_is_said_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        create_app(tmp_path / "nowhere")


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
        assert process.wait(10) == 0
    finally:
        process.kill()


def test_the_first_answer_names_the_product(client):
    assert b"RT-Twin" in client.get("/").data
