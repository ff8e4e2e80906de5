"""Loading and label map of TotalSegmentator with a stand-in of the same interface: its weights could not be had."""

import sys
from types import ModuleType

import nibabel
import numpy as np
import pytest

from twin import Geometry, InputError, Scan, StructureSet, Volume
from twin.anatomy.organs import complete
from twin.anatomy.total_segmentator import CLASSES, segmented

GRID = Geometry((6, 20, 24), (3.0, 2.0, 2.0), (-10.0, -20.0, 40.0))
NAMES = sorted({c for classes in CLASSES.values() for c in classes})


@pytest.fixture
def asked(monkeypatch):
    """Puts a stand-in in the place of the package; what it was asked for. Class n fills column n of the image."""
    calls = []

    def totalsegmentator(input, output=None, ml=False, *, task="total", roi_subset=None, quiet=False):
        assert ml and task == "total" and output is None
        calls.append((input, roi_subset))
        labels = np.zeros(input.shape, np.uint8)
        for number, name in class_map["total"].items():
            if name in roi_subset:
                labels[number] = number
        return nibabel.Nifti1Image(labels, input.affine)

    class_map = {"total": {n: name for n, name in enumerate(NAMES, start=1)}}
    package, api, maps = (
        ModuleType(f"totalsegmentator{end}") for end in ("", ".python_api", ".map_to_binary")
    )
    api.totalsegmentator, maps.class_map = totalsegmentator, class_map
    package.__spec__ = type("Spec", (), {"name": "totalsegmentator"})()
    for module in (package, api, maps):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return calls


@pytest.fixture
def scan():
    hu = np.arange(np.prod(GRID.shape), dtype=np.int16).reshape(GRID.shape)
    return Scan("CT", 0.0, Volume(GRID, hu, "CT", "HU"))


def test_classes_become_organs_in_their_place(asked, scan):
    found = segmented(scan, StructureSet(GRID, ()))
    assert set(found.names) == set(CLASSES)
    for organ, classes in CLASSES.items():
        columns = np.flatnonzero(found.mask(organ).any(axis=(0, 1)))
        assert [NAMES[c - 1] for c in columns] == sorted(classes)
        assert found[organ].estimated and found[organ].source_name == "TotalSegmentator"
    image = asked[0][0]
    np.testing.assert_array_equal(np.asarray(image.dataobj)[5, 7], scan.volume.array[:, 7, 5])
    np.testing.assert_allclose(image.affine @ (0, 0, 0, 1), (10.0, 20.0, 40.0, 1.0))  # RAS


def test_what_is_drawn_or_was_rejected_is_not_asked_for_and_tumour_is_no_lung(asked, scan):
    tumour = np.zeros(GRID.shape, bool)
    tumour[:, :5] = True
    drawn = StructureSet(GRID, ()).with_mask("GTVp", "GTV", tumour).with_mask("SpinalCord", "OAR", tumour)
    drawn = drawn.with_mask("Heart", "OAR", tumour, estimated=True).without("Heart")
    found = complete(scan, drawn, "totalsegmentator")
    assert not found["SpinalCord"].estimated and "Heart" not in found
    assert not {"heart", "spinal_cord"} & set(asked[0][1])
    assert not (found.mask("Lung_L") & tumour).any()


def test_where_it_is_not_installed_that_is_said(scan):
    with pytest.raises(InputError, match="pip install TotalSegmentator"):
        segmented(scan, StructureSet(GRID, ()))
