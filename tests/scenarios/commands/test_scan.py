"""`rt-twin scan`: into the twin, or of a CT alone into a folder."""

import json

import nibabel
import pytest
from typer.testing import CliRunner

from scenarios.commands.main import app
from twin import InputError, PatientTwin
from twin.files.nifti import write


@pytest.fixture
def twin(thorax, tmp_path):
    ct, drawn = thorax()
    PatientTwin("p", scans=(ct,), structures=(drawn,)).save(tmp_path / "p.twin")
    return tmp_path / "p.twin"


def said(*arguments):
    done = CliRunner().invoke(app, ["scan", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_it_adds_a_scan_to_the_twin(twin):
    assert "pet-1 (PT), day 2" in said(twin, "--scanner", "pet", "--day", "2", "--seed", "3")
    made = PatientTwin.load(twin).scans[-1]
    assert (made.name, made.simulated.seed) == ("pet-1", 3)


def test_a_ct_alone_needs_no_twin(twin, thorax, tmp_path):
    write(tmp_path / "ct.nii.gz", thorax()[0].volume)
    with pytest.raises(InputError, match=r"say where to write: --out"):
        said(tmp_path / "ct.nii.gz", "--scanner", "pet")
    out = tmp_path / "out"
    said(tmp_path / "ct.nii.gz", "--scanner", "pet", "--out", out)
    facts = json.loads((out / "scan.json").read_text())
    assert (facts["scanner"], facts["unit"], facts["source"], facts["options"]["noise"]) == (
        "pet",
        "SUV",
        "CT",
        0.1,
    )
    assert "SIMULATED" in facts["simulated"]
    assert nibabel.load(out / facts["file"]).shape[2] == 50
    with pytest.raises(InputError, match="already exists"):
        said(tmp_path / "ct.nii.gz", "--scanner", "pet", "--out", out)


def test_a_failure_leaves_nothing(twin, tmp_path):
    before = (twin / "twin.json").read_bytes()
    for options, words in ((("--option", "foo"), "takes NAME=VALUE"), (("--scan", "MR"), "no scan 'MR'")):
        with pytest.raises(InputError, match=words):
            said(twin, "--scanner", "pet", *options, "--out", tmp_path / "out")
    assert (twin / "twin.json").read_bytes() == before and not (tmp_path / "out").exists()
