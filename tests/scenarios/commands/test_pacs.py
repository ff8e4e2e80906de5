"""Archives on the command line; against a real one in tests/twin/pacs."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from scenarios.commands.main import app
from twin import InputError


def rt_twin(*words):
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def nobody(tmp_path, monkeypatch):
    (tmp_path / "pacs.yaml").write_text("ward: {dimse: '127.0.0.1:1', tries: 1, timeout_s: 2}")
    monkeypatch.setenv("RT_TWIN_PACS", str(tmp_path / "pacs.yaml"))


@pytest.mark.parametrize(
    "words",
    [
        ("pacs", "echo", "ward"),
        ("pacs", "list", "pacs://ward?PatientID=4711"),
        ("import", "pacs://ward?PatientID=4711", "OUT"),
    ],
)
def test_an_archive_that_is_not_there_is_said_and_nothing_written(words, nobody, tmp_path):
    out = tmp_path / "p.twin"
    done = rt_twin(*(str(out) if w == "OUT" else w for w in words))
    assert isinstance(done.exception, InputError) and "cannot be reached" in str(done.exception)
    assert "4711" not in str(done.exception) + done.output and not out.exists()


def test_an_export_says_where_to(nobody, tmp_path):
    run = Path(__file__).parents[2] / "fixtures" / "formats" / "v1" / "run"
    for words, said in (
        ((), "say where to"),
        (("--dicom", str(tmp_path / "x"), "--as", "f"), "--as belongs to --to"),
    ):
        assert said in str(rt_twin("export", str(run), *words).exception)
    assert "cannot be reached" in str(rt_twin("export", str(run), "--to", "ward").exception)
    assert "no archive 'west'" in str(rt_twin("export", str(run), "--to", "west").exception)
