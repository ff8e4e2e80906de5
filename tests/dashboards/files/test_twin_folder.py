"""A twin's own scans: CTs in the place of the baseline, every other modality a layer of its own."""

import numpy as np
import pytest

from dashboards.files.library import Library
from dashboards.viewer.pack import unpack
from dashboards.viewer.shown import Shown
from twin import PatientTwin, Scan, Simulated, Volume
from twin.errors import InputError


@pytest.fixture(scope="module")
def scanned(phantom_twin, tmp_path_factory):
    """A patient with an MR and a PET of week 3, and a cone-beam CT of week 4."""
    grid = phantom_twin.baseline.volume.geometry.resampled(12.0)
    rng = np.random.default_rng(0)
    signal = rng.uniform(100, 900, grid.shape).astype(np.float32)
    uptake = rng.uniform(0, 5, grid.shape).astype(np.float32)
    hu = np.full(grid.shape, -700, np.int16)
    later = [
        Scan("mr-1", 21.0, Volume(grid, signal, "MR", "a.u.")),
        Scan("pet-1", 21.0, Volume(grid, uptake, "PT", "SUV")),
        Scan("cbct-1", 28.0, Volume(grid, hu, "CBCT", "HU")),
    ]
    folder = tmp_path_factory.mktemp("scanned")
    twin = PatientTwin(
        "p", scans=(*phantom_twin.scans, *later), structures=phantom_twin.structures, in_silico=True
    )
    twin.save(folder / "p.twin")
    return Library(folder).twin("p.twin")


def test_every_modality_is_a_layer_and_every_acquired_day_a_frame(scanned):
    assert [layer.name for layer in scanned.layers] == ["ct", "gtv", "dose", "mr", "pet"]
    assert [(f.day, f.files) for f in scanned.frames] == [
        (21.0, {"mr": "mr-1", "pet": "pet-1"}),
        (28.0, {"ct": "cbct-1"}),
    ]


def test_a_scan_without_a_scale_is_white_where_it_is_brightest(scanned):
    part = unpack(Shown(scanned).over(0, "mr"))[0]["parts"][0]
    mr = next(s for s in scanned.twin.scans if s.name == "mr-1")
    assert part["high"] == pytest.approx(np.quantile(mr.volume.array, 0.995))
    assert unpack(Shown(scanned).over(0, "pet"))[0]["parts"][0]["high"] == 10.0


def test_a_cone_beam_ct_is_shown_in_the_place_of_the_baseline(scanned):
    shown = Shown(scanned)
    _, arrays = unpack(shown.follow_up(1))
    assert list(arrays) == ["ct"] and arrays["ct"].shape == shown.grid.shape
    assert np.median(arrays["ct"]) == -700
    with pytest.raises(InputError, match="no mr on day 28"):
        shown.over(1, "mr")


def test_a_simulated_scan_is_a_layer_that_says_so(scanned, tmp_path):
    grid = scanned.twin.scans[-1].volume.geometry
    made = Volume(grid, np.zeros(grid.shape, np.int16), "CBCT", "HU")
    twin = scanned.twin.scanned(Scan("cbct-2", 35.0, made, simulated=Simulated("cbct", "CT", 0)))
    twin.save(tmp_path / "p.twin")
    subject = Library(tmp_path).twin("p.twin")
    assert subject.layers[-1].label == "SIMULATED CBCT, cbct-2"
    frame = subject.frames[-1]
    assert (frame.day, frame.files, frame.acquired) == (35.0, {"cbct-2": "cbct-2"}, False)
    assert subject.frames[0].acquired
