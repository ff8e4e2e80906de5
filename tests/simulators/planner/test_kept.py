"""Plans are kept on disk: the same to the bit, for whoever asks the same, in a private folder that keeps its bound."""

import numpy as np
import pytest

from simulators.dose.targets import targets
from simulators.planner import kept, kept_plan, plan_dose, template_for


@pytest.fixture(scope="module")
def rough():
    return template_for(2.0).model_copy(
        update={
            "directions": 5,
            "spacing_mm": 10.0,
            "pixel_mm": 10.0,
            "rounds": 0,
            "objectives": template_for(2.0).objectives[:3],
        }
    )


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.delenv("RT_TWIN_PLANS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "rt-twin" / "plans"


@pytest.fixture
def asked(thorax, rough):
    scan, contours = thorax()
    return scan, contours, targets(scan, contours, sbrt=False), rough


def plan(asked, gy=60.0, **more):
    scan, contours, target, template = asked
    planned = []
    made = kept_plan(scan, contours, gy, 30, targets=target, template=template, told=planned.append, **more)
    return made, bool(planned)


def same(one, other):
    for a, b in ((one.dose.volume.array, other.dose.volume.array), (one.beams.fluence, other.beams.fluence)):
        np.testing.assert_array_equal(a, b)
    assert one.dose.volume.geometry == other.dose.volume.geometry
    assert (one.dose.prescription_gy, one.dose.fractions, one.dose.method, one.notes) == (
        other.dose.prescription_gy, other.dose.fractions, other.dose.method, other.notes,
    )  # fmt: skip


def test_a_plan_that_was_kept_is_the_one_that_is_computed_to_the_bit(asked, place):
    scan, contours, target, template = asked
    first, planned = plan(asked)
    again, anew = plan(asked)
    assert planned and not anew
    same(first, again)
    same(again, plan_dose(scan, contours, 60.0, 30, targets=target, template=template))
    later, anew = plan(asked, start=again)  # a replan is another plan, whose own start is as good from disk
    assert anew and not plan(asked, start=first)[1]
    assert np.abs(later.dose.volume.array - again.dose.volume.array).max() > 0


def test_whatever_enters_makes_another_plan(asked, place, thorax, rough):
    scan, contours, target, template = asked
    plan(asked)
    assert plan(asked, gy=66.0)[1]
    assert plan((thorax(tumour_hu=-760)[0], *asked[1:]))[1]
    assert plan((*asked[:3], template.model_copy(update={"margin_mm": 12.0})))[1]
    cord = contours.mask("SpinalCord")
    moved = contours.with_mask("SpinalCord", "OAR", np.roll(cord, 1, axis=2))
    assert plan((scan, moved, target, template))[1]
    assert len(list(place.glob("*.npz"))) == 5


def test_a_damaged_file_is_planned_again_and_put_right(asked, place):
    first, _ = plan(asked)
    (file,) = place.glob("*.npz")
    whole = file.read_bytes()
    for broken in (b"", whole[:-40], whole[:200] + b"\0" * 400 + whole[600:]):
        file.write_bytes(broken)
        again, planned = plan(asked)
        assert planned
        same(first, again)
        assert not plan(asked)[1]


def test_the_folder_is_private_names_nobody_and_keeps_its_bound(asked, place, monkeypatch):
    plan(asked)
    (file,) = place.glob("*.npz")
    assert place.stat().st_mode & 0o077 == 0 and file.stat().st_mode & 0o077 == 0
    assert len(file.stem) == 40 and int(file.stem, 16)
    (place / "mine.npz").write_bytes(b"x" * 10**7)  # of others
    monkeypatch.setattr(kept, "MOST_BYTES", int(1.5 * file.stat().st_size))
    plan(asked, gy=66.0)
    left = {f.name for f in place.iterdir()} - {"mine.npz"}
    assert len(left) == 1 and file.name not in left, "what was used least recently goes first"
    assert (place / "mine.npz").exists()


def test_a_folder_that_cannot_be_written_costs_no_plan(asked, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RT_TWIN_PLANS", str(tmp_path / "file" / "plans"))
    made, planned = plan(asked)
    assert planned and made.dose.volume.array.max() > 50
