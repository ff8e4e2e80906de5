import json
import os
import shutil

import pytest

from dashboards.files.library import Library
from twin.errors import InputError


def test_finds_runs_and_twins_but_not_a_runs_own_baseline(opened):
    library = Library(opened)
    assert [e.key for e in library.runs()] == ["demo", "adaptive"]
    twins = [e.key for e in library.twins()]
    assert "patient.twin" in twins and not any("baseline" in key for key in twins)
    assert [e.key for e in library.studies()] == ["study"]


def test_a_run_may_itself_be_opened(opened):
    assert [e.key for e in Library(opened / "demo").runs()] == ["demo"]


def test_the_newest_comes_first(opened, tmp_path):
    for n, name in enumerate(("old", "new")):
        (tmp_path / name).mkdir()
        shutil.copy(opened / "demo" / "run.json", tmp_path / name)
        os.utime(tmp_path / name / "run.json", (n, n))
    assert [e.key for e in Library(tmp_path).runs()] == ["new", "old"]


@pytest.mark.parametrize(
    "key", ["..", "../opened/demo", "/etc", "demo/../demo", "demo/baseline.twin", "", "demo/"]
)
def test_a_key_that_was_not_found_is_refused(opened, key):
    with pytest.raises(InputError, match="no run"):
        Library(opened).run(key)


def test_links_that_lead_out_are_not_followed(opened, tmp_path):
    (tmp_path / "out").symlink_to(opened)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "run.json").symlink_to(opened / "demo" / "run.json")
    assert Library(tmp_path).runs() == []


def test_a_run_that_names_files_outside_itself_is_refused(opened, tmp_path):
    shutil.copytree(opened / "demo", tmp_path / "evil")
    record = json.loads((tmp_path / "evil" / "run.json").read_text())
    for image in record["images"]:
        image["file"] = "../../../etc/passwd"
    (tmp_path / "evil" / "run.json").write_text(json.dumps(record))
    run = Library(tmp_path).run("evil")
    with pytest.raises(InputError, match="outside the run"):
        run.read(run.frame(0), run.layers_on(run.frame(0))[0])


def test_a_changed_run_is_read_again(opened, tmp_path):
    shutil.copytree(opened / "demo", tmp_path / "demo")
    library = Library(tmp_path)
    before = library.run("demo")
    assert library.run("demo") is before
    os.utime(tmp_path / "demo" / "run.json", (1, 1))
    assert library.run("demo") is not before
