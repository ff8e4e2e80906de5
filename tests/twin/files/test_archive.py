import os
import struct
import zipfile

import pytest

from twin import InputError
from twin.files import archive
from twin.files.archive import unpacked


def _zip(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return path


def test_a_folder_is_itself(tmp_path):
    with unpacked(tmp_path) as (folder, names):
        assert folder == tmp_path and names == {}


def test_members_are_unpacked_and_removed_afterwards(tmp_path):
    src = _zip(tmp_path / "a.zip", [("x/1.dcm", b"one"), ("y/1.dcm", b"two")])
    with unpacked(src) as (folder, names):
        assert {names[p.name]: p.read_bytes() for p in folder.iterdir()} == {
            "x/1.dcm": b"one",
            "y/1.dcm": b"two",
        }
    assert not folder.exists()


@pytest.mark.parametrize(
    "name",
    ["../../evil.dcm", "/etc/evil.dcm", "a/../../../evil.dcm", "C:\\evil.dcm", "..\\evil.dcm", "nul\x00.dcm"],
)
def test_no_path_leaves_the_target(tmp_path, name):
    with unpacked(_zip(tmp_path / "a.zip", [(name, b"x")])) as (folder, _):
        files = list(folder.rglob("*"))
        assert len(files) == 1 and files[0].parent == folder
    assert sorted(os.listdir(tmp_path)) == ["a.zip"]


def test_a_link_is_unpacked_as_plain_bytes(tmp_path):
    link = zipfile.ZipInfo("link.dcm")
    link.external_attr = 0o120777 << 16
    with unpacked(_zip(tmp_path / "a.zip", [(link, b"/etc/passwd")])) as (folder, _):
        file = next(folder.iterdir())
        assert not file.is_symlink() and file.read_bytes() == b"/etc/passwd"


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_FILES", 5)
    src = _zip(tmp_path / "a.zip", [(f"{n}.dcm", b"") for n in range(6)])
    with pytest.raises(InputError, match="6 files"), unpacked(src):
        pass


def test_too_many_bytes_are_refused_before_unpacking(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 10_000)
    src = _zip(tmp_path / "a.zip", [("a.dcm", bytes(20_000))], compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="at most"), unpacked(src):
        pass


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path):
    src = _zip(tmp_path / "a.zip", [("a.dcm", bytes(5_000_000))], compression=zipfile.ZIP_DEFLATED)
    raw = bytearray(src.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = raw.find(signature) + offset
        raw[at : at + 4] = struct.pack("<I", 100)
    src.write_bytes(raw)
    with pytest.raises(InputError, match="damaged"), unpacked(src):
        pass


def test_an_encrypted_zip_is_said_to_be(tmp_path):
    src = _zip(tmp_path / "a.zip", [("a.dcm", b"x")])
    raw = bytearray(src.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        raw[raw.find(signature) + offset] |= 1
    src.write_bytes(raw)
    with pytest.raises(InputError, match="encrypted"), unpacked(src):
        pass


@pytest.mark.parametrize("cut", [0, 10, 60, -30])
def test_what_is_not_a_whole_zip_is_refused(tmp_path, cut):
    src = _zip(tmp_path / "a.zip", [("a.dcm", os.urandom(400))])
    src.write_bytes(src.read_bytes()[:cut])
    with pytest.raises(InputError, match="not a zip file or is damaged"), unpacked(src):
        pass


def test_a_zip_of_zeros_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_ALWAYS_BYTES", 1 << 16)
    src = _zip(tmp_path / "a.zip", [("a.dcm", bytes(5_000_000))], compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="times its size"), unpacked(src):
        pass
