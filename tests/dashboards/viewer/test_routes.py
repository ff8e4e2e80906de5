"""Only loopback names, only own pages, only the opened folder."""

import gzip

import pytest

from dashboards.viewer.pack import unpack


@pytest.mark.parametrize("host", ["127.0.0.1:8050", "localhost:8050", "localhost", "[::1]:8050", "127.0.0.1"])
def test_own_names_are_answered(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8050", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.0.2"],
)
def test_foreign_names_are_refused_so_that_dns_cannot_be_rebound(client, host):
    for path in ("/", "/_dash-layout", "/data/baseline?of=run&key=demo&slab=0"):
        assert client.get(path, headers={"Host": host}).status_code in (400, 403)


def test_other_pages_cannot_call(client):
    headers = {"Host": "127.0.0.1:8050", "Origin": "http://evil.example"}
    assert client.post("/_dash-update-component", json={}, headers=headers).status_code == 403
    assert client.get("/", headers={"Host": "127.0.0.1:8050", "Origin": "null"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/data/baseline?of=run&key=../demo&slab=0",
        "/data/baseline?of=twin&key=/etc&slab=0",
        "/data/baseline?of=twin&key=demo/baseline.twin&slab=0",
        "/data/structures?of=run&key=%2e%2e%2fdemo",
        "/data/follow-up?of=run&key=demo&frame=999",
        "/data/layer/..%2f..%2frun.json?of=run&key=demo&frame=0",
        "/data/layer/files?of=run&key=demo&frame=0",
        "/data/../../etc/passwd",
        "/assets/../app.py",
        "/assets/%2e%2e/app.py",
        "/assets/..%2f..%2fpyproject.toml",
    ],
)
def test_nothing_outside_the_folder_is_served(client, path):
    answer = client.get(path)
    empty_page = (
        answer.status_code == 200 and b"_dash-config" in answer.data
    )  # Dash answers unknown paths with it
    assert answer.status_code == 404 or empty_page
    assert b"root:" not in answer.data and b"rt-twin-run" not in answer.data


@pytest.mark.parametrize("number", ["-1", "1.5", "x", "", "99999999999", "\u0663"])
def test_numbers_that_are_none_are_refused(client, number):
    assert client.get(f"/data/baseline?of=run&key=demo&slab={number}").status_code == 400


def test_voxels_come_compressed_and_may_be_kept_by_the_browser(client):
    answer = client.get("/data/baseline?of=run&key=demo&slab=0&v=1", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    plain = client.get("/data/baseline?of=run&key=demo&slab=0", headers={"Accept-Encoding": "identity"})
    assert gzip.decompress(answer.data) == plain.data
    assert unpack(answer.data)[1]["ct"].ndim == 3


def test_a_missing_run_is_said_in_a_sentence(client):
    answer = client.get("/data/structures?of=run&key=nowhere")
    assert answer.status_code == 404
    assert answer.text == "there is no run 'nowhere' in the opened folder"


def test_the_page_may_load_nothing_from_elsewhere(client):
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http:" not in policy and "https:" not in policy and "unsafe-eval" not in policy
    assert client.get("/").headers["X-Frame-Options"] == "DENY"


def test_uploads_need_the_pages_own_header(client):
    assert client.post("/upload?name=x.zip", data=b"1").status_code == 403
    foreign = {"X-RT-Twin": "upload", "Origin": "http://evil.example"}
    assert client.post("/upload?name=x.zip", data=b"1", headers=foreign).status_code == 403


def test_a_file_that_cannot_be_imported_is_refused_in_a_sentence(client):
    answer = client.post("/upload?name=virus.exe", data=b"1", headers={"X-RT-Twin": "upload"})
    assert answer.status_code == 400
    assert "cannot be imported" in answer.json["error"]


def test_tables_are_saved_as_csv_that_says_it_is_simulated(client, run):
    import io

    import polars as pl

    answer = client.get("/data/table/outcomes.csv?key=demo")
    assert "simulated_demo_outcomes.csv" in answer.headers["Content-Disposition"]
    first, _, rest = answer.text.partition("\n")
    assert first.startswith("# SIMULATED - research use only")
    saved = pl.read_csv(io.StringIO(rest))
    assert saved["mean"].to_list() == pytest.approx(run.table("outcomes")["mean"].to_list())
    assert client.get("/data/table/run.csv?key=demo").status_code == 404
