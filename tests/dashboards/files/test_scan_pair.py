"""A virtual scan beside what it was made of and what it is held against."""

from dataclasses import replace

import numpy as np
import pytest

from dashboards.files.library import Library
from dashboards.files.scan_pair import truth_of
from dashboards.viewer.pack import unpack
from dashboards.viewer.shown import Shown
from scenarios import scan
from twin import InputError, PatientTwin, Scan


@pytest.fixture(scope="module")
def folder(thorax, tmp_path_factory):
    """A patient with a CT, a noisy one made of it, one made of that, a PET and an acquired CT of another day."""
    ct, drawn = thorax()
    twin = scan(PatientTwin("p", scans=(ct,), structures=(drawn,)), "ct")
    twin = scan(scan(twin, "ct", source="ct-1"), "pet", day=7.0)
    later = Scan("CT 2", 7.0, ct.volume)
    folder = tmp_path_factory.mktemp("pairs")
    twin.fork(scans=(*twin.scans, later)).save(folder / "p.twin")
    return folder


def test_what_a_scan_is_held_against_is_what_its_source_was_made_of_else_a_real_one_of_the_day(folder):
    twin = Library(folder).twin("p.twin").twin
    made = {s.name: s for s in twin.scans}
    assert truth_of(twin, made["ct-2"]) == "CT"
    assert truth_of(twin, made["ct-1"]) == "", "its own source says nothing of how it should look"
    assert truth_of(twin, made["pet-1"]) == ""
    later = replace(made["ct-1"], time_days=7.0)
    assert truth_of(twin.fork(scans=(*twin.scans, later)), later) == "CT 2"


def test_all_of_them_are_shown_on_the_sources_grid_in_their_own_values(folder):
    shown = Shown(Library(folder).scan_pair("p.twin::pet-1::"))
    assert [layer["name"] for layer in shown.describe()["layers"]] == ["source", "made"]
    pet = shown.subject.scans["made"].volume
    found = unpack(shown.over(0, "made"))[1]["made"]
    header = unpack(shown.over(0, "made"))[0]["parts"][0]
    assert np.allclose(found * header["scale"] + header["base"], pet.array, atol=header["scale"])


@pytest.mark.parametrize(
    "key", ["p.twin", "p.twin::CT::", "p.twin::none::", "p.twin::pet-1::none", "../p.twin::pet-1::", "::", ""]
)
def test_a_key_of_none_is_refused(folder, key):
    with pytest.raises(InputError):
        Library(folder).scan_pair(key)
