import io

import pytest

from dashboards.files.uploads import Uploads, new_path
from twin.errors import InputError


def test_an_upload_is_kept_until_it_is_forgotten(tmp_path):
    uploads = Uploads(tmp_path)
    token = uploads.receive("scan.nii.gz", io.BytesIO(b"12345"), 5)
    assert uploads.path(token).read_bytes() == b"12345"
    uploads.forget(token)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="send it again"):
        uploads.path(token)


@pytest.mark.parametrize("name", ["../../x.zip", "..\\..\\x.zip", "/etc/x.zip", ".x.zip", "a/../../x.zip"])
def test_an_upload_cannot_choose_where_it_goes(tmp_path, name):
    uploads = Uploads(tmp_path / "opened")
    (tmp_path / "opened").mkdir()
    path = uploads.path(uploads.receive(name, io.BytesIO(b"1"), 1))
    assert path.is_relative_to(tmp_path / "opened" / ".uploads") and path.name == "x.zip"


def test_uploads_are_bounded(tmp_path):
    uploads = Uploads(tmp_path)
    with pytest.raises(InputError, match="larger than"):
        uploads.receive("x.zip", io.BytesIO(b""), uploads.largest + 1)
    with pytest.raises(InputError, match="cannot be imported"):
        uploads.receive("x.exe", io.BytesIO(b"1"), 1)
    with pytest.raises(InputError, match="incompletely"):
        uploads.receive("x.zip", io.BytesIO(b"1"), 2)
    assert not any(tmp_path.rglob("x.zip"))


@pytest.mark.parametrize("name", ["", "..", "///", ". .", "\u2026"])
def test_a_name_without_letters_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="letters and digits"):
        new_path(tmp_path, name, ".twin")


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "p.twin").mkdir()
    with pytest.raises(InputError, match="already there"):
        new_path(tmp_path, "p", ".twin")


def test_a_folder_is_kept_file_by_file_under_numbers_and_forgotten_whole(tmp_path):
    uploads = Uploads(tmp_path)
    token = uploads.begin("../../CT thorax")
    for name, body in (("../IM 1.dcm", b"one"), ("..", b"two")):
        uploads.add(token, name, io.BytesIO(body), 3)
    folder = uploads.path(token)
    assert folder.name == "CT-thorax" and folder.is_relative_to(tmp_path / ".uploads")
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"00001-IM-1.dcm": b"one", "00002": b"two"}
    uploads.forget(token)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="send it again"):
        uploads.add(token, "IM1", io.BytesIO(b"x"), 1)


def test_a_folder_is_bounded_in_files_and_bytes(tmp_path):
    uploads = Uploads(tmp_path)
    uploads.most_files, uploads.largest = 2, 10
    token = uploads.begin("ct")
    uploads.add(token, "IM1", io.BytesIO(b"123456"), 6)
    with pytest.raises(InputError, match="more than"):
        uploads.add(token, "IM1", io.BytesIO(b"12345"), 5)
    uploads.add(token, "IM1", io.BytesIO(b"1"), 1)
    with pytest.raises(InputError, match="more than 2 files"):
        uploads.add(token, "IM1", io.BytesIO(b"1"), 1)
    single = uploads.receive("x.zip", io.BytesIO(b"1"), 1)
    with pytest.raises(InputError, match="belongs to no folder"):
        uploads.add(single, "IM1", io.BytesIO(b"1"), 1)
