import json

import numpy as np
import pytest
from typer.testing import CliRunner

from scenarios.commands.main import app
from twin import Geometry, InputError, PatientTwin, Scan, StructureSet, Volume
from twin.files import nifti

GRID = Geometry((6, 12, 10), (3.0, 2.0, 2.0), (-8.0, -12.0, 30.0))


def _box(z, y, x):
    mask = np.zeros(GRID.shape, bool)
    mask[z[0] : z[1], y[0] : y[1], x[0] : x[1]] = True
    return mask


@pytest.fixture
def folder(tmp_path):
    """A saved twin with an estimated heart and a cord that was drawn."""
    drawn = StructureSet(GRID, ()).with_mask("GTVp", "GTV", _box((2, 4), (2, 4), (2, 4)))
    drawn = drawn.with_mask("SpinalCord", "OAR", _box((0, 6), (9, 11), (4, 6)))
    whole = drawn.with_mask("Heart", "OAR", _box((1, 3), (4, 8), (3, 7)), estimated=True)
    ct = Volume(GRID, np.zeros(GRID.shape, np.int16), "CT", "HU")
    PatientTwin("P-1", scans=(Scan("CT", 0.0, ct),), structures=(whole,)).save(tmp_path / "p.twin")
    return tmp_path / "p.twin"


def _edit(folder, *arguments):
    return CliRunner().invoke(app, ["edit", str(folder), *map(str, arguments)])


def _refused(folder, *arguments):
    """What the user is told."""
    error = _edit(folder, *arguments).exception
    assert isinstance(error, InputError)
    return str(error)


def test_a_rejected_estimate_counts_nowhere_and_comes_back(folder):
    before = PatientTwin.load(folder).contours["Heart"].mask.array
    done = _edit(folder, "--reject", "heart")
    assert done.exit_code == 0 and "no dose figures" in done.output
    twin = PatientTwin.load(folder)
    with pytest.raises(InputError, match="estimate of Heart was rejected"):
        twin.contours["Heart"]
    assert "Heart" not in twin.contours and [s.name for s in twin.contours.set_aside] == ["Heart"]
    assert _edit(folder, "--undo").exit_code == 0
    again = PatientTwin.load(folder).contours
    assert again["Heart"].estimated and not again.set_aside
    np.testing.assert_array_equal(again["Heart"].mask.array, before)
    assert "nothing to undo" in _refused(folder, "--undo")


def test_a_mask_replaces_an_estimate_and_is_marked_as_given(folder, tmp_path):
    mask = _box((2, 5), (4, 9), (2, 8))
    nifti.write(tmp_path / "heart.nii.gz", Volume(GRID, mask.astype(np.uint8), "MASK", "1"))
    assert _edit(folder, "--replace", f"Heart={tmp_path / 'heart.nii.gz'}").exit_code == 0
    heart = PatientTwin.load(folder).contours["Heart"]
    assert not heart.estimated and heart.source_name == "mask"
    np.testing.assert_array_equal(PatientTwin.load(folder).contours.mask("Heart"), mask)
    assert "not estimated" in _refused(folder, "--reject", "Heart")
    assert _edit(folder, "--undo").exit_code == 0
    assert PatientTwin.load(folder).contours["Heart"].estimated


def test_an_organ_that_was_rejected_and_then_given_is_rejected_again_after_one_undo(folder, tmp_path):
    nifti.write(
        tmp_path / "h.nii.gz", Volume(GRID, _box((2, 5), (4, 9), (2, 8)).astype(np.uint8), "MASK", "1")
    )
    assert _edit(folder, "--reject", "Heart").exit_code == 0
    assert _edit(folder, "--replace", f"Heart={tmp_path / 'h.nii.gz'}").exit_code == 0
    assert _edit(folder, "--undo").exit_code == 0
    assert "Heart" not in PatientTwin.load(folder).contours
    assert _edit(folder, "--undo").exit_code == 0
    assert PatientTwin.load(folder).contours["Heart"].estimated


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--reject", "SpinalCord"), "not estimated"),
        (("--reject", "Esophagus"), "no structure"),
        (("--reject", "GTVp"), "no organ"),
        (("--replace", "Heart=nowhere.nii.gz"), "no such file"),
        (("--replace", "Heart=nowhere.dcm"), "no such file"),
        (("--replace", "GTVp=a.nii.gz"), "organ of TG-263"),
        (("--replace", "Heart"), "ORGAN=FILE"),
        (("--undo", "--reject", "Heart"), "no other option"),
        ((), "nothing to change"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(folder, arguments, said):
    before = (folder / "twin.json").read_bytes()
    assert said in _refused(folder, *arguments)
    assert (folder / "twin.json").read_bytes() == before


def test_a_twin_of_the_former_format_is_read(folder):
    stored = json.loads((folder / "twin.json").read_text())
    for one in stored["structures"]:
        del one["set_aside"]
    stored["format"] = "rt-twin/3"
    (folder / "twin.json").write_text(json.dumps(stored))
    assert PatientTwin.load(folder).contours["Heart"].estimated
