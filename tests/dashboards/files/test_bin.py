"""What is deleted lies whole in the bin until it is put back, whoever else is at it."""

import threading

import pytest

from dashboards.files.bin import Bin
from dashboards.files.library import Library
from twin.errors import InputError
from twin.files.lock import held


@pytest.fixture
def folder(tmp_path):
    """Runs that cannot be read: to rename or delete one, nobody need understand it."""
    for name in ("a", "b", "group/c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text(name)
    (tmp_path / "p.twin").mkdir()
    (tmp_path / "p.twin" / "twin.json").write_text("{}")
    return tmp_path


def keys(folder):
    return sorted(entry.key for entry in Library(folder).runs())


def test_what_is_deleted_survives_a_restart_and_comes_back_as_it_was(folder):
    Bin(folder).delete(Library(folder).entry("runs", "group/c"))
    assert keys(folder) == ["a", "b"]
    (found,) = Bin(folder).listed()
    assert found.key == "group/c"
    assert Bin(folder).put_back(found.token) == "group/c"
    assert keys(folder) == ["a", "b", "group/c"] and (folder / "group/c/run.json").read_text() == "group/c"
    assert Bin(folder).listed() == []
    with pytest.raises(InputError, match="somebody has put it back"):
        Bin(folder).put_back(found.token)


def test_two_of_one_name_lie_side_by_side_and_none_is_overwritten(folder):
    Bin(folder).delete(Library(folder).entry("runs", "a"))
    Bin(folder).give_name(Library(folder).entry("runs", "b"), "a")
    newer, older = Bin(folder).listed()[0], None
    with pytest.raises(InputError, match="a is already there"):
        Bin(folder).put_back(newer.token)
    older = Bin(folder).delete(Library(folder).entry("runs", "a"))
    assert len(Bin(folder).listed()) == 2
    Bin(folder).put_back(newer.token)
    assert (folder / "a/run.json").read_text() == "a" and [d.token for d in Bin(folder).listed()] == [older]


def test_of_two_browsers_one_deletes_and_the_other_is_told(folder):
    entry, said = Library(folder).entry("runs", "a"), []

    def delete():
        try:
            said.append(Bin(folder).delete(entry))
        except InputError as error:
            said.append(str(error))

    browsers = [threading.Thread(target=delete) for _ in range(2)]
    for browser in browsers:
        browser.start()
    for browser in browsers:
        browser.join()
    assert sum("no longer there" in words for words in said) == 1 and len(Bin(folder).listed()) == 1


def test_names_stay_in_the_folder_and_a_twin_keeps_its_ending(folder):
    library = Library(folder)
    assert Bin(folder).give_name(library.entry("twins", "p.twin"), "../../other") == "other.twin"
    assert Bin(folder).give_name(library.entry("runs", "group/c"), "d") == "group/d"
    with pytest.raises(InputError, match="letters and digits"):
        Bin(folder).give_name(library.entry("runs", "a"), "..")
    with pytest.raises(InputError, match="b is already there"):
        Bin(folder).give_name(library.entry("runs", "a"), "b")
    with pytest.raises(InputError, match="the opened folder itself"):
        Bin(folder / "a").delete(Library(folder / "a").runs()[0])


def test_what_is_being_written_is_not_moved(folder, monkeypatch):
    monkeypatch.setattr("dashboards.files.bin.BRIEFLY_S", 0.1)
    entry, done = Library(folder).entry("runs", "a"), threading.Event()
    begun = threading.Event()

    def write():
        with held(entry.path):
            begun.set()
            done.wait(120)

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(120)
    try:
        with pytest.raises(InputError, match="is writing"):
            Bin(folder).delete(entry)
    finally:
        done.set()
        writer.join()
    assert keys(folder) == ["a", "b", "group/c"]


def test_a_note_that_leads_elsewhere_is_not_followed(folder):
    token = Bin(folder).delete(Library(folder).entry("runs", "a"))
    (folder / ".bin" / token / "deleted.json").write_text('{"key": "../../a"}')
    assert Bin(folder).listed() == []
