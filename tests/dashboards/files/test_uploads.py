import io
import os

import pytest

from dashboards.files.uploads import Uploads, free_name, new_path
from twin.errors import InputError


@pytest.fixture
def uploads():
    made = Uploads()
    yield made
    made.clear()


def test_an_upload_is_kept_until_it_is_forgotten(uploads):
    token = uploads.receive("scan.nii.gz", io.BytesIO(b"12345"), 5)
    path = uploads.path(token)
    assert path.read_bytes() == b"12345"
    uploads.forget(token)
    assert not path.parent.exists()
    with pytest.raises(InputError, match="send it again"):
        uploads.path(token)


@pytest.mark.parametrize(
    "name", ["../../x.zip", "..\\..\\x.zip", "/etc/x.zip", ".x.zip", "MUELLER_ANNA_19470203.ZIP"]
)
def test_of_a_files_name_only_the_ending_is_kept(uploads, name):
    path = uploads.path(uploads.receive(name, io.BytesIO(b"1"), 1))
    home = path.parents[2]
    assert (path.name, home.name) == ("upload.zip", f"rt-twin-{os.getuid()}")
    assert home.stat().st_mode & 0o777 == path.parent.stat().st_mode & 0o777 == 0o700


def test_two_servers_keep_apart_what_they_were_sent(uploads):
    other = Uploads()
    ours, theirs = (u.path(u.receive("x.zip", io.BytesIO(b"1"), 1)) for u in (uploads, other))
    other.clear()
    assert ours.is_file() and not theirs.exists()


def test_uploads_are_bounded(uploads):
    with pytest.raises(InputError, match="larger than"):
        uploads.receive("x.zip", io.BytesIO(b""), uploads.largest + 1)
    with pytest.raises(InputError, match="cannot be imported"):
        uploads.receive("x.exe", io.BytesIO(b"1"), 1)
    with pytest.raises(InputError, match="incompletely"):
        uploads.receive("x.zip", io.BytesIO(b"1"), 2)
    assert not any(uploads._private.path.iterdir())


@pytest.mark.parametrize("name", ["", "..", "///", ". .", "\u2026"])
def test_a_name_without_letters_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="letters and digits"):
        new_path(tmp_path, name, ".twin")


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "p.twin").mkdir()
    with pytest.raises(InputError, match="already there"):
        new_path(tmp_path, "p", ".twin")


def test_a_folder_is_kept_file_by_file_under_numbers_and_forgotten_whole(uploads):
    token = uploads.begin()
    for body in (b"one", b"two"):
        uploads.add(token, io.BytesIO(body), 3)
    folder = uploads.path(token)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"00001": b"one", "00002": b"two"}
    uploads.forget(token)
    assert not folder.parent.exists()
    with pytest.raises(InputError, match="send it again"):
        uploads.add(token, io.BytesIO(b"x"), 1)


def test_a_folder_is_bounded_in_files_and_bytes(uploads):
    uploads.most_files, uploads.largest = 2, 10
    token = uploads.begin()
    uploads.add(token, io.BytesIO(b"123456"), 6)
    with pytest.raises(InputError, match="more than"):
        uploads.add(token, io.BytesIO(b"12345"), 5)
    uploads.add(token, io.BytesIO(b"1"), 1)
    with pytest.raises(InputError, match="more than 2 files"):
        uploads.add(token, io.BytesIO(b"1"), 1)
    single = uploads.receive("x.zip", io.BytesIO(b"1"), 1)
    with pytest.raises(InputError, match="belongs to no folder"):
        uploads.add(single, io.BytesIO(b"1"), 1)


def test_a_patient_whom_nobody_named_is_numbered(tmp_path):
    (tmp_path / "patient-1.twin").mkdir()
    assert free_name(tmp_path) == "patient-2"
