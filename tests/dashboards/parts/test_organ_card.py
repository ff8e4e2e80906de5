from pathlib import Path

import numpy as np
import pytest

from dashboards.files.library import Library
from dashboards.parts.organ_card import card, edit_arguments, organs_of
from twin import Geometry, InputError, PatientTwin, Scan, StructureSet, Volume

GRID = Geometry((4, 6, 6), (3.0, 2.0, 2.0))


@pytest.fixture
def folder(tmp_path):
    mask = np.zeros(GRID.shape, bool)
    mask[1:3, 2:4, 2:4] = True
    drawn = StructureSet(GRID, ()).with_mask("GTVp", "GTV", mask).with_mask("SpinalCord", "OAR", mask)
    drawn = (
        drawn.with_mask("Body", "EXTERNAL", mask, estimated=True)
        .with_mask("Heart", "OAR", mask, estimated=True)
        .with_mask("Esophagus", "OAR", mask, estimated=True)
    )
    ct = Volume(GRID, np.zeros(GRID.shape, np.int16), "CT", "HU")
    PatientTwin("P-1", scans=(Scan("CT", 0.0, ct),), structures=(drawn,)).organ_rejected("Esophagus").save(
        tmp_path / "p.twin"
    )
    return tmp_path


def test_the_card_names_what_is_estimated_and_what_was_set_aside(folder):
    subject = Library(folder).twin("p.twin")
    assert organs_of(subject.twin) == (["Heart"], ["Esophagus"])
    text = str(card(subject))
    assert "to be looked at: Heart." in text and "Set aside: Esophagus." in text and "SpinalCord" not in text


def test_buttons_become_the_command(folder):
    twin = folder / "p.twin"
    assert edit_arguments(twin, "organ-reject", "Heart", None) == ["edit", str(twin), "--reject=Heart"]
    assert edit_arguments(twin, "organ-replace", "Heart", Path("/m.nii")) == [
        "edit", str(twin), "--replace=Heart=/m.nii",
    ]  # fmt: skip
    assert edit_arguments(twin, "organ-undo", None, None) == ["edit", str(twin), "--undo"]


@pytest.mark.parametrize("button, organ", [("organ-reject", None), ("organ-replace", "Heart")])
def test_what_is_missing_is_said(folder, button, organ):
    with pytest.raises(InputError, match="first"):
        edit_arguments(folder / "p.twin", button, organ, None)
