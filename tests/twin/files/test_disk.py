import errno

import numpy as np
import polars as pl
import pytest

from twin import InputError
from twin.files.atomic import atomic_file, atomic_folder
from twin.files.disk import exchange, flush_all, refusals_explained
from twin.files.lock import hidden

NOISE = np.random.default_rng(0).random(100_000)


def test_two_folders_change_places_in_one_step(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "was").write_text(name)
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("no exchange on this file system")
    assert [(tmp_path / n / "was").read_text() for n in ("a", "b")] == ["b", "a"]
    with pytest.raises(OSError, match="No such file"):
        exchange(tmp_path / "a", tmp_path / "none")


def test_without_an_exchange_the_old_folder_steps_aside(tmp_path, monkeypatch):
    monkeypatch.setattr("twin.files.disk._renameat2", lambda: None)
    for content in ("old", "new"):
        with atomic_folder(tmp_path / "run", replace=True) as part:
            (part / "a").write_text(content)
    assert [p.name for p in tmp_path.iterdir()] == ["run"] and (tmp_path / "run" / "a").read_text() == "new"
    (tmp_path / "run").rename(hidden(tmp_path / "run", "old"))  # as a kill between the two renames leaves it
    with pytest.raises(InputError, match="already exists"), atomic_folder(tmp_path / "run"):
        pass
    assert (tmp_path / "run" / "a").read_text() == "new"


def test_every_file_and_folder_is_waited_for(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr("twin.files.disk.flush", waited.append)
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("x", "a/y", "a/b/z"):
        (tmp_path / name).touch()
    flush_all(tmp_path)
    assert sorted(waited) == sorted([tmp_path, *tmp_path.rglob("*")])
    assert waited.index(tmp_path / "a" / "b" / "z") < waited.index(tmp_path / "a" / "b")


def _torch(part):
    torch = pytest.importorskip("torch")
    with part.open("wb") as file:
        torch.save({"a": torch.from_numpy(NOISE)}, file)


def _safetensors(part):
    torch, safetensors = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    safetensors.save_file({"a": torch.from_numpy(NOISE)}, part)


def _numpy(part):
    with part.open("wb") as file:
        np.save(file, NOISE)


@pytest.mark.parametrize(
    "write",
    [
        lambda part: part.write_bytes(bytes(800_000)),
        lambda part: pl.DataFrame({"a": NOISE}).write_parquet(part),
        lambda part: pl.DataFrame({"a": NOISE}).lazy().sink_parquet(part),
        lambda part: pl.DataFrame({"a": NOISE}).write_csv(part),
        _numpy,
        _torch,
        _safetensors,
    ],
    ids=["bytes", "parquet", "sink", "csv", "numpy", "torch", "safetensors"],
)
def test_a_full_disk_is_a_sentence_whoever_writes(small_disk, write):
    target = small_disk / "out"
    target.write_text("before")
    with pytest.raises(InputError, match="the disk is full"), atomic_file(target) as part:
        write(part)
    assert [p.name for p in small_disk.iterdir()] == ["out"] and target.read_text() == "before"


def test_what_the_block_cannot_read_is_not_said_of_what_it_writes(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*source"), atomic_file(tmp_path / "out"):
        (tmp_path / "source").read_bytes()
    assert not list(tmp_path.iterdir())


def test_an_error_of_its_own_passes(tmp_path):
    with pytest.raises(ZeroDivisionError), refusals_explained(tmp_path):
        _ = 1 / 0
    with pytest.raises(InputError, match=r"cannot write .*: Permission denied"), refusals_explained(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))
