import pytest

from twin import InputError
from twin.files.atomic import append, atomic_file, atomic_folder, growing_folder


def test_a_folder_appears_only_when_whole(tmp_path):
    target = tmp_path / "run"
    with atomic_folder(target) as part:
        (part / "a").write_text("1")
        assert not target.exists() and part.parent == tmp_path
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert (target / "a").read_text() == "1"


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), atomic_folder(tmp_path / "run") as part:
        (part / "a").write_text("1")
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_an_error_leaves_the_old_folder_as_it_was(tmp_path):
    with atomic_folder(tmp_path / "run") as part:
        (part / "a").write_text("old")
    with pytest.raises(KeyError), atomic_folder(tmp_path / "run", replace=True) as part:
        (part / "a").write_text("new")
        raise KeyError
    assert (tmp_path / "run" / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_an_existing_folder_is_kept_unless_replaced(tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    with atomic_folder(target) as part:  # an empty one holds nothing to lose
        (part / "a").write_text("old")
    with pytest.raises(InputError, match="already exists"), atomic_folder(target):
        pass
    with atomic_folder(target, replace=True) as part:
        (part / "b").write_text("new")
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_permissions_are_those_of_an_ordinary_file_and_folder(tmp_path):
    with atomic_folder(tmp_path / "made"):
        pass
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "made").stat().st_mode == (tmp_path / "plain").stat().st_mode
    with atomic_file(tmp_path / "f") as part:
        part.write_text("x")
    (tmp_path / "g").write_text("x")
    assert (tmp_path / "f").stat().st_mode == (tmp_path / "g").stat().st_mode


def test_a_file_is_exchanged_whole(tmp_path):
    target = tmp_path / "table"
    target.write_text("old")
    with pytest.raises(KeyError), atomic_file(target) as part:
        part.write_text("half")
        raise KeyError
    assert target.read_text() == "old"
    with atomic_file(target) as part:
        part.write_text("new")
    assert target.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["table"]


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot write"), atomic_folder(tmp_path / "file" / "run"):
        pass


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_full_disk_is_said_and_leaves_nothing(small_disk, kind):
    target = small_disk / "out"
    with (
        pytest.raises(InputError, match="disk is full"),
        atomic_folder(target) if kind == "folder" else atomic_file(target) as part,
    ):
        file = part / "big" if kind == "folder" else part
        file.write_bytes(bytes(2_000_000))
    assert not list(small_disk.iterdir())


def test_a_twin_does_not_fit_on_a_full_disk(small_disk, lung_twin):
    with pytest.raises(InputError, match="disk is full"):
        lung_twin.save(small_disk / "p.twin")
    assert not list(small_disk.iterdir())


def fill(folder, *files):
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("x")


def failing(folder, *files, error=ValueError):
    with pytest.raises(error), growing_folder(folder, worth="parts/*"):
        fill(folder, *files)
        raise error("no")


def test_nothing_is_left_where_there_is_nothing_to_go_on_from(tmp_path):
    failing(tmp_path / "above" / "new", "study.json", "parts.txt", "cache/x")
    assert list(tmp_path.iterdir()) == []


def test_what_is_worth_keeping_keeps_all(tmp_path):
    failing(tmp_path / "new", "study.json", "parts/0")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["parts", "study.json"]


def test_a_folder_that_was_there_stays(tmp_path):
    (tmp_path / "empty").mkdir()
    failing(tmp_path / "empty", "study.json")
    assert list((tmp_path / "empty").iterdir()) == []
    fill(tmp_path / "full", "mine")
    failing(tmp_path / "full", "study.json")
    assert (tmp_path / "full" / "mine").exists() and (tmp_path / "full" / "study.json").exists()


def test_after_an_interrupt_all_is_kept(tmp_path):
    failing(tmp_path / "new", "study.json", error=KeyboardInterrupt)
    assert (tmp_path / "new" / "study.json").exists()


def test_what_others_put_beside_it_stays(tmp_path):
    with pytest.raises(ValueError), growing_folder(tmp_path / "above" / "new", worth="parts/*"):
        fill(tmp_path / "above", "new/study.json", "other")
        raise ValueError
    assert [p.name for p in (tmp_path / "above").iterdir()] == ["other"]


def test_a_link_in_it_is_removed_and_not_what_it_leads_to(tmp_path):
    fill(tmp_path / "far", "mine")
    with pytest.raises(ValueError), growing_folder(tmp_path / "new", worth="parts/*"):
        fill(tmp_path / "new", "study.json")
        (tmp_path / "new" / "link").symlink_to(tmp_path / "far")
        raise ValueError
    assert (tmp_path / "far" / "mine").exists() and not (tmp_path / "new").exists()


def test_a_line_after_one_that_was_cut_short_stands_by_itself(tmp_path):
    file = tmp_path / "log.jsonl"
    append(file, "one")
    file.write_text("one\ntw")
    append(file, "three")
    assert file.read_text() == "one\ntw\nthree\n"
