"""What the browser gets is what the run holds, voxel by voxel."""

import numpy as np
import pytest

from dashboards.files.entry import Entry
from dashboards.files.twin_folder import TwinFolder
from dashboards.viewer.pack import unpack
from dashboards.viewer.shown import SLAB, Shown
from scenarios import load
from twin import Geometry, PatientTwin, Scan, Simulated, Volume
from twin.errors import InputError


@pytest.fixture(scope="module")
def shown(run):
    return Shown(run)


@pytest.fixture(scope="module")
def comparison(opened):
    return load(opened / "demo")


def test_slabs_put_together_are_the_acquired_ct(run, shown):
    slabs = -(-shown.grid.shape[0] // SLAB)
    whole = np.concatenate([unpack(shown.slab(i))[1]["ct"] for i in range(slabs)])
    np.testing.assert_array_equal(whole, run.twin.baseline.volume.array[shown.box])
    with pytest.raises(InputError):
        shown.slab(slabs)


def test_the_shown_region_holds_the_whole_body(run, shown):
    body = run.twin.contours.role("EXTERNAL")[0]
    start = shown.start_of(body.mask.geometry)
    assert min(start) >= 0
    assert all(s + n <= m for s, n, m in zip(start, body.mask.geometry.shape, shown.grid.shape, strict=True))


def test_a_follow_up_lies_where_its_file_says(run, shown, comparison):
    for index, frame in enumerate(run.frames):
        if "ct" not in frame.files:  # day 0, with scans alone
            continue
        header, arrays = unpack(shown.follow_up(index))
        volume = comparison.image(frame.plan, frame.day, "ct", frame.sample)
        np.testing.assert_array_equal(arrays["ct"], volume.array)
        placed = shown.grid.lps(header["parts"][0]["start"])
        np.testing.assert_allclose(placed, volume.geometry.origin_mm, atol=0.01)


def test_the_viewer_begins_in_the_tumour(run, shown):
    z, y, x = shown.focus
    gtv = run.twin.contours.gtv()[shown.box]
    assert gtv[z].any() and gtv[:, y].any() and gtv[:, :, x].any()


def test_dose_in_the_browser_is_dose_in_the_patient(run, shown, comparison):
    last = max((f for f in run.frames if f.plan == "60-15"), key=lambda f: f.day)
    index = run.frames.index(last)
    header, arrays = unpack(shown.over(index, "dose"))
    part = header["parts"][0]
    volume = comparison.image("60-15", last.day, "dose")
    at = np.array(part["zero"]) + np.array(part["step"]) * shown.focus
    np.testing.assert_allclose(at, volume.geometry.index(shown.grid.lps(shown.focus)), atol=1e-6)
    near = tuple(np.rint(at).astype(int))
    assert arrays["dose"][near] * part["scale"] == pytest.approx(volume.array[near], abs=0.01)
    assert 50 < volume.array[near] < 80


def test_structures_come_outermost_first_and_say_what_is_estimated(run, shown):
    header, arrays = unpack(shown.structures())
    roles = [p["role"] for p in header["parts"]]
    assert roles[0] == "EXTERNAL"
    assert roles.index("GTV") < roles.index("OAR")
    voxel_cm3 = run.twin.contours.geometry.voxel_cm3
    assert arrays["GTVp"].sum() * voxel_cm3 == pytest.approx(run.twin.gtv_cm3, rel=1e-6)


def test_frames_name_the_generator_of_every_image(run):
    assert run.frames
    for frame in run.frames:
        assert set(frame.generators) == set(frame.files)
        assert all(frame.generators.values())


def test_a_scan_in_the_browser_is_the_scan_of_the_run(run, shown, comparison):
    frame = run.frames[0]
    header, arrays = unpack(shown.over(0, "pet-scan"))
    part = header["parts"][0]
    volume = comparison.image(frame.plan, frame.day, "pet-scan", frame.sample)
    np.testing.assert_allclose(arrays["pet-scan"] * part["scale"] + part["base"], volume.array, atol=0.001)
    assert part["high"] == run.record.layer("pet-scan").high


def test_a_layer_that_a_day_lacks_is_refused(shown):
    with pytest.raises(InputError, match="no sonar on day"):
        shown.over(0, "sonar")


def test_a_radiograph_is_packed_as_the_picture_that_it_is(thorax, tmp_path):
    """On its own grid, which may reach beyond the CT: the browser tells its pixels from the CT's by the step."""
    ct, drawn = thorax()
    plane = Geometry((30, 1, 40), (10.0, 1.0, 8.0), (-160.0, 3.0, -150.0))
    grey = np.linspace(0, 1, 1200, dtype=np.float32).reshape(plane.shape)
    picture = Scan(
        "radiograph-1", 20.0, Volume(plane, grey, "DX", "a.u."), simulated=Simulated("radiograph", "CT", 0)
    )
    PatientTwin(id="p", scans=(ct, picture), structures=(drawn,)).save(tmp_path / "p.twin")
    twin = TwinFolder(Entry("p.twin", tmp_path / "p.twin", 0.0))
    n = next(n for n, frame in enumerate(twin.frames) if "radiograph-1" in frame.files)
    header, arrays = unpack(Shown(twin).over(n, "radiograph-1"))
    part = header["parts"][0]
    assert part["shape"] == [30, 1, 40] and part["zero"] == [0, 0, 0] and part["step"] == [0.5, 5.0, 0.625]
    np.testing.assert_allclose(arrays["radiograph-1"] * part["scale"] + part["base"], grey, atol=1e-4)
