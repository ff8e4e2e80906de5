import os

import pytest

from twin.errors import InputError
from twin.files.json_file import read_json


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"9" * 5000, b'{"a": 1} x'])
def test_what_is_no_json_is_said_to_be_none(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.json is broken: it is not valid JSON$"):
        read_json(tmp_path / "x.json")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    with pytest.raises(InputError, match="is missing"):
        read_json(tmp_path / "x.json")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="is no regular file"):
        read_json(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="is no regular file"):
        read_json(tmp_path)


def test_a_name_that_is_too_long_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        read_json(tmp_path / ("x" * 5000))


def test_json_is_read(tmp_path):
    (tmp_path / "[x].json").write_text('{"a": ["\u00e4"]}', encoding="utf-8")
    assert read_json(tmp_path / "[x].json") == {"a": ["\u00e4"]}
