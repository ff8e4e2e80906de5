import json
from dataclasses import replace

import numpy as np
import pytest

from twin import (
    Belief,
    ClinicalRecord,
    DoseGrid,
    Field,
    Fraction,
    Geometry,
    InputError,
    Observation,
    PatientTwin,
    Registration,
    Scan,
    Simulated,
    StructureSet,
    Volume,
)
from twin.check import Check
from twin.files.lock import hidden

GEOMETRY = Geometry((6, 8, 10), (3.0, 1.1, 1.3), (-12.3456789, 7.7, 1e3 / 3))


@pytest.fixture
def twin():
    rng = np.random.default_rng(5)
    ct = Volume(GEOMETRY, rng.integers(-1000, 1500, GEOMETRY.shape).astype(np.int16), "CT", "HU")
    drawn = np.zeros(GEOMETRY.shape, bool)
    drawn[2:4, 3:6, 2:7] = True
    structures = StructureSet(GEOMETRY, ()).with_mask(
        "GTVp", "GTV", drawn, source_name="Tumor/1", colour=(1, 2, 3)
    )
    structures = structures.with_mask("Heart", "OAR", ~drawn, estimated=True)
    coarse = GEOMETRY.resampled(4.0)
    dose = DoseGrid(
        "60/30", Volume(coarse, rng.random(coarse.shape, np.float32), "DOSE", "Gy"), 60.0, "approximate", 30
    )
    belief = Belief(
        {"alpha_per_gy": rng.normal(0.36, 0.1, 7), "erosion": rng.random(7)}, rng.random(7), "posterior"
    )
    return PatientTwin(
        "P-0123",
        clinical=ClinicalRecord(age_years=66.5, t_stage="T2a"),
        scans=(Scan("CT", 0.0, ct),),
        structures=(structures,),
        doses={"60/30": dose},
        fractions=(Fraction(0.375, 2.0, "60/30", 1 / 30), Fraction(1.375, 2.0)),
        observations=(Observation(2.0, "gtv_cm3", 61.2, "CBCT"),),
        belief=belief,
        day0_weekday=3,
        now_days=2.0,
    )


def test_a_twin_comes_back_bit_for_bit(twin, tmp_path):
    twin.save(tmp_path / "p.twin")
    again = PatientTwin.load(tmp_path / "p.twin")
    for name in ("id", "clinical", "fractions", "observations", "day0_weekday", "now_days", "in_silico"):
        assert getattr(again, name) == getattr(twin, name)
    assert again.baseline.volume.geometry == GEOMETRY
    np.testing.assert_array_equal(again.baseline.volume.array, twin.baseline.volume.array)
    assert again.baseline.volume.array.dtype == np.int16
    for mine, theirs in zip(again.contours, twin.contours, strict=True):
        for name in ("name", "role", "estimated", "source_name", "colour"):
            assert getattr(mine, name) == getattr(theirs, name)
        assert mine.mask.geometry == theirs.mask.geometry
        np.testing.assert_array_equal(mine.mask.array, theirs.mask.array)
    grid, stored = twin.doses["60/30"], again.doses["60/30"]
    assert (stored.prescription_gy, stored.approximate) == (60.0, True)
    np.testing.assert_array_equal(stored.volume.array, grid.volume.array)
    assert stored.volume.array.dtype == np.float32
    assert again.belief.kind == "posterior"
    np.testing.assert_array_equal(again.belief.weights, twin.belief.weights)
    for name, values in twin.belief.samples.items():
        np.testing.assert_array_equal(again.belief.samples[name], values)


def test_checks_and_history_come_back_and_a_first_format_reads_without(twin, tmp_path):
    checked = twin.fork(check_source=lambda: (Check("lungs", False, "the lungs hold 0.4 l; check them"),))
    checked = checked.observe(Observation(9.0, "gtv_cm3", 44.0)).edited(ClinicalRecord(age_years=67))
    checked.save(tmp_path / "p.twin")
    again = PatientTwin.load(tmp_path / "p.twin")
    assert again.checks == checked.checks and again.history == checked.history
    file = tmp_path / "p.twin" / "twin.json"
    first = json.loads(file.read_text())
    assert first.pop("format") == "rt-twin/6"
    for name in ("checks", "history", "names_kept", "reference"):
        first.pop(name)
    for scan in first["scans"]:
        scan.pop("acquired")
    file.write_text(json.dumps({"format": "rt-twin/1", **first}))
    old = PatientTwin.load(tmp_path / "p.twin")
    assert (old.checks, old.history, old.scans[0].acquired) == ((), (), None)
    assert old.observations == again.observations


@pytest.mark.parametrize(("label", "kept"), [("Tumor_c40", False), ("Ring Zebra", True)])
def test_of_a_second_format_it_is_said_where_a_name_would_not_be_kept_now(twin, tmp_path, label, kept):
    named = twin.contours.with_mask("GTVp", "GTV", twin.contours.gtv(), source_name=label)
    twin.fork(structures=(named,)).save(tmp_path / "p.twin")
    file = tmp_path / "p.twin" / "twin.json"
    second = json.loads(file.read_text())
    second.pop("names_kept")
    file.write_text(json.dumps(second | {"format": "rt-twin/2"}))
    assert PatientTwin.load(tmp_path / "p.twin").names_kept is kept


def test_how_a_scan_was_simulated_comes_back_and_a_third_format_has_none(twin, tmp_path):
    how = Simulated(
        "cbct", "CT", 7, {"mas": 100.0, "system": "elekta", "kernel": None, "views": 360}, "rt-twin 1"
    )
    made = twin.scanned(Scan("cbct-1", 3.0, twin.baseline.volume, simulated=how))
    made.save(tmp_path / "p.twin")
    again = PatientTwin.load(tmp_path / "p.twin")
    assert again.scans[-1].simulated == how and again.history[-1].scan == "cbct-1"
    file = tmp_path / "p.twin" / "twin.json"
    third = json.loads(file.read_text())
    for scan in third["scans"]:
        scan.pop("simulated")
    for change in third["history"]:
        change.pop("scan")
    file.write_text(json.dumps(third | {"format": "rt-twin/3"}))
    old = PatientTwin.load(tmp_path / "p.twin")
    assert [s.simulated for s in old.scans] == [None] * len(made.scans)


def test_how_a_scan_lies_on_the_baseline_comes_back_and_a_fourth_format_has_none(twin, tmp_path):
    coarse = GEOMETRY.resampled(3.0)
    mm = np.random.default_rng(3).normal(0, 4, (3, *coarse.shape)).astype(np.float32)
    fits = Registration(1.3, 4.0, 1.0, False, (0.6, 1.4), {"lungs": 1.1})
    later = Scan("CT day 9", 9.0, twin.baseline.volume, fits, deformation=Field(coarse, mm, "day"))
    carried = twin.contours.at(9.0)
    carried = replace(carried, source=tuple(replace(s, carried_from="CT") for s in carried))
    seen = twin.observe(Observation(9.0, "gtv_cm3", 40.0, later.name, 0.15), later, carried)
    seen.save(tmp_path / "p.twin")
    PatientTwin.load(tmp_path / "p.twin").save(tmp_path / "again.twin")
    again = PatientTwin.load(tmp_path / "again.twin")
    moved = again.scans[-1].deformation
    assert moved.towards == "day" and moved.geometry.same_grid(coarse)
    np.testing.assert_allclose(moved.mm, mm, atol=0.0051)
    assert again.scans[-1].registration == fits and again.observations[-1].error == 0.15
    assert [s.carried_from for s in again.structures[-1]] == ["CT", "CT"]
    links = [
        next((tmp_path / p / "scans").glob("*displacement-z*")).stat().st_ino
        for p in ("p.twin", "again.twin")
    ]
    assert links[0] == links[1], "the field's files are linked, not written again"
    file = tmp_path / "p.twin" / "twin.json"
    fourth = json.loads(file.read_text())
    for scan in fourth["scans"]:
        scan.pop("deformation")
        for name in ("jacobian", "surface_mm") if scan["registration"] else ():
            scan["registration"].pop(name)
    for drawn in (s for some in fourth["structures"] for s in some["structures"]):
        drawn.pop("carried_from")
    for observation in fourth["observations"]:
        observation.pop("error")
    file.write_text(json.dumps(fourth | {"format": "rt-twin/4"}))
    old = PatientTwin.load(tmp_path / "p.twin")
    assert old.scans[-1].deformation is None and old.observations[-1].error == 0.0
    assert [s.carried_from for s in old.structures[-1]] == [None, None]


def test_a_scan_that_was_changed_on_import_comes_back_beside_the_acquired_one(twin, tmp_path):
    ct = twin.baseline
    kept = replace(ct, name="CT, as acquired")
    how = Simulated("denoise", kept.name, 0, {}, "denoise/regression 1a2b3c4d")
    softer = Volume(ct.volume.geometry, ct.volume.array // 2, "CT", "HU")
    made = twin.fork(scans=(replace(ct, volume=softer, changed=how), kept))
    made.save(tmp_path / "p.twin")
    again = PatientTwin.load(tmp_path / "p.twin")
    assert again.baseline.changed == how and [s.name for s in again.acquired] == [ct.name]
    assert again.baseline.origin == "acquired, CHANGED by denoise/regression 1a2b3c4d"
    np.testing.assert_array_equal(again.baseline.volume.array, softer.array)
    np.testing.assert_array_equal(again.scans[1].volume.array, ct.volume.array)
    file = tmp_path / "p.twin" / "twin.json"
    fifth = json.loads(file.read_text())
    for scan in fifth["scans"]:
        scan.pop("changed")
    file.write_text(json.dumps(fifth | {"format": "rt-twin/5"}))
    assert len(PatientTwin.load(tmp_path / "p.twin").acquired) == 2


def with_contours(twin):
    """The twin with contours on its GTV."""
    corners = np.array([(0.1, 8.2, 340.0), (3.3, 8.2, 340.0), (3.3, 12.7, 340.0)], dtype=np.float32)
    gtv = replace(twin.contours["GTVp"], contours=(corners, corners + np.float32([0, 0, 3]), corners[::-1]))
    return twin.fork(structures=(StructureSet(GEOMETRY, (gtv, twin.contours["Heart"])),))


def test_contours_come_back_bit_for_bit(twin, tmp_path):
    drawn = with_contours(twin)
    drawn.save(tmp_path / "p.twin")
    again = PatientTwin.load(tmp_path / "p.twin").contours
    assert again["Heart"].contours == ()
    for mine, theirs in zip(again["GTVp"].contours, drawn.contours["GTVp"].contours, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", None, [1, {}], np.zeros((3, 3), np.float32)])
def test_damaged_contours_are_refused_and_nothing_is_unpickled(twin, tmp_path, content):
    with_contours(twin).save(tmp_path / "p.twin")
    (file,) = (tmp_path / "p.twin" / "structures").glob("*.npy")
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is None:
        file.unlink()
    else:
        np.save(
            file, np.asarray(content, dtype=object if isinstance(content, list) else None), allow_pickle=True
        )
    with pytest.raises(InputError, match="the contours cannot be read"):
        PatientTwin.load(tmp_path / "p.twin")


def test_saving_twice_gives_the_same_bytes(twin, tmp_path):
    twin.save(tmp_path / "a.twin")
    PatientTwin.load(tmp_path / "a.twin").save(tmp_path / "b.twin")
    names = sorted(
        p.relative_to(tmp_path / "a.twin") for p in (tmp_path / "a.twin").rglob("*") if p.is_file()
    )
    for name in names:
        assert (tmp_path / "a.twin" / name).read_bytes() == (tmp_path / "b.twin" / name).read_bytes()


def test_structures_lie_where_they_were_drawn(twin, tmp_path):
    import SimpleITK

    twin.save(tmp_path / "p.twin")
    ct = SimpleITK.ReadImage(str(next((tmp_path / "p.twin" / "scans").iterdir())))
    gtv = SimpleITK.ReadImage(str(next((tmp_path / "p.twin" / "structures").glob("*GTVp*"))))
    whole = SimpleITK.Resample(gtv, ct, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(whole) > 0, twin.contours.gtv())


def test_a_later_state_of_the_same_patient_takes_the_folders_place(twin, tmp_path):
    path = tmp_path / "p.twin"
    twin.save(path)
    loaded = PatientTwin.load(path)  # its arrays still lie in the folder that is exchanged
    loaded.deliver([Fraction(2.375, 2.0)]).save(path)
    again = PatientTwin.load(path)
    assert len(again.fractions) == 3
    np.testing.assert_array_equal(again.baseline.volume.array, twin.baseline.volume.array)
    assert [p.name for p in tmp_path.iterdir()] == ["p.twin"]


def test_other_content_is_never_overwritten(twin, tmp_path):
    other = tmp_path / "letters"
    other.mkdir()
    (other / "a.txt").write_text("dear")
    file = tmp_path / "file.twin"
    file.write_text("x")
    twin.save(tmp_path / "p.twin")
    for path, patient in ((other, twin), (file, twin), (tmp_path / "p.twin", twin.fork(id="P-9"))):
        with pytest.raises(InputError, match="already exists"):
            patient.save(path)
    assert (other / "a.txt").read_text() == "dear" and file.read_text() == "x"


def test_an_empty_folder_may_be_filled(twin, tmp_path):
    (tmp_path / "p.twin").mkdir()
    twin.save(tmp_path / "p.twin")
    assert PatientTwin.load(tmp_path / "p.twin").id == "P-0123"


def test_loading_reads_no_voxels(twin, tmp_path):
    twin.save(tmp_path / "p.twin")
    again = PatientTwin.load(tmp_path / "p.twin")
    assert "array" not in vars(again.baseline.volume)


def _edited(path, **changes):
    content = json.loads((path / "twin.json").read_text())
    content.update(changes)
    (path / "twin.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda p: _edited(p, format="rt-twin/9"), "newer format rt-twin/9"),
        (lambda p: _edited(p, format="hearts"), "not a twin folder"),
        (lambda p: (p / "twin.json").unlink(), "twin.json is missing"),
        (lambda p: (p / "twin.json").write_text("{"), "twin.json is broken"),
        (lambda p: _edited(p, now_days="soon"), "broken at now_days"),
        (lambda p: _edited(p, colour="red"), "broken at colour"),
        (lambda p: (p / "belief.json").write_bytes(b"\xff\xfe"), "belief.json is broken"),
        (lambda p: next((p / "scans").iterdir()).unlink(), "no such file"),
        (lambda p: next((p / "scans").iterdir()).write_bytes(b"x"), "not a readable NIfTI"),
    ],
)
def test_a_broken_folder_says_what_is_broken(twin, tmp_path, damage, says):
    path = tmp_path / "p.twin"
    twin.save(path)
    damage(path)
    with pytest.raises(InputError, match=says):
        PatientTwin.load(path)


def test_a_cut_image_is_found_when_it_is_read(twin, tmp_path):
    path = tmp_path / "p.twin"
    twin.save(path)
    scan = next((path / "scans").iterdir())
    scan.write_bytes(scan.read_bytes()[:-200])
    with pytest.raises(InputError, match="damaged or cut short"):
        _ = PatientTwin.load(path).baseline.volume.array


def test_files_outside_the_folder_are_not_read(twin, tmp_path):
    path = tmp_path / "p.twin"
    twin.save(path)
    scan = next((path / "scans").iterdir())
    scan.rename(tmp_path / "outside.nii.gz")
    content = (path / "twin.json").read_text().replace(f"scans/{scan.name}", "../outside.nii.gz")
    (path / "twin.json").write_text(content)
    with pytest.raises(InputError, match="outside the folder"):
        PatientTwin.load(path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no such twin folder: .*absent"):
        PatientTwin.load(tmp_path / "absent.twin")
    with (
        pytest.raises(InputError, match=r"no such twin folder: .*absent"),
        PatientTwin.changing(tmp_path / "far" / "absent.twin"),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_a_twin_that_was_moved_aside_when_the_power_went_is_read(twin, tmp_path):
    twin.save(tmp_path / "p.twin")
    (tmp_path / "p.twin").rename(hidden(tmp_path / "p.twin", "old"))
    assert PatientTwin.load(tmp_path / "p.twin").id == twin.id
    assert [p.name for p in tmp_path.iterdir()] == ["p.twin"]
