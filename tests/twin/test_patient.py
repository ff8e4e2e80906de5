import numpy as np
import pytest

from twin import (
    Belief,
    ClinicalRecord,
    DoseGrid,
    Fraction,
    Geometry,
    InputError,
    Observation,
    PatientTwin,
    Scan,
    StructureSet,
    Volume,
)

GEOMETRY = Geometry((4, 5, 6), (3.0, 1.0, 1.0))


@pytest.fixture
def arrays():
    ct = np.zeros(GEOMETRY.shape, np.int16)
    drawn = np.zeros(GEOMETRY.shape, bool)
    drawn[1:3, 1:3, 1:3] = True
    return ct, drawn


@pytest.fixture
def twin(arrays):
    ct, drawn = arrays
    structures = StructureSet(GEOMETRY, ()).with_mask("GTVp", "GTV", drawn)
    return PatientTwin(
        "P", scans=(Scan("CT", 0.0, Volume(GEOMETRY, ct, "CT", "HU")),), structures=(structures,)
    )


def _dose():
    return DoseGrid("60/30", Volume(GEOMETRY, np.ones(GEOMETRY.shape, np.float32), "DOSE", "Gy"), 60.0)


def test_nothing_changes_the_callers_twin_or_arrays(twin, arrays):
    ct, drawn = arrays[0].copy(), arrays[1].copy()
    before = vars(twin).copy()
    later = twin.deliver([Fraction(0.375, 2.0, "60/30", 1 / 30)], [_dose()])
    later = later.observe(Observation(3.0, "gtv_cm3", 0.01), Scan("CBCT", 3.0, twin.baseline.volume))
    later.fork(id="Q", now_days=9.0)
    assert vars(twin) == before
    np.testing.assert_array_equal(arrays[0], ct)
    np.testing.assert_array_equal(arrays[1], drawn)
    assert later.baseline.volume is twin.baseline.volume
    with pytest.raises(TypeError):
        twin.doses["x"] = _dose()
    with pytest.raises(AttributeError):
        twin.now_days = 3.0


def test_fractions_are_kept_in_order_and_move_now(twin):
    later = twin.deliver([Fraction(1.375, 2.0), Fraction(0.375, 2.0)])
    assert [f.time_days for f in later.fractions] == [0.375, 1.375]
    assert later.now_days == 1.375
    with pytest.raises(InputError, match="before the last delivered"):
        later.deliver([Fraction(1.0, 2.0)])


def test_a_fraction_of_an_unknown_grid_is_refused(twin):
    with pytest.raises(InputError, match="lacks: 60/30"):
        twin.deliver([Fraction(0.375, 2.0, "60/30", 1 / 30)])


def test_observations_are_sorted_and_move_now(twin):
    later = twin.observe(Observation(9.0, "gtv_cm3", 2.0)).observe(Observation(4.0, "gtv_cm3", 3.0))
    assert [o.time_days for o in later.observations] == [4.0, 9.0]
    assert later.now_days == 9.0 and later.belief is None


@pytest.mark.parametrize(
    ("day", "value"), [(-1.0, 3.0), (float("nan"), 3.0), (1.0, -2.0), (1.0, float("inf"))]
)
def test_impossible_observations_are_refused(twin, day, value):
    with pytest.raises(InputError):
        twin.observe(Observation(day, "gtv_cm3", value))


def test_the_gtv_is_the_union_and_is_asked_for_when_missing(twin):
    assert twin.gtv_cm3 == pytest.approx(8 * 3.0 / 1000)
    overlapping = np.zeros(GEOMETRY.shape, bool)
    overlapping[2:4, 1:3, 1:3] = True
    both = twin.fork(structures=(twin.contours.with_mask("GTVn", "GTV", overlapping),))
    assert both.gtv_cm3 == pytest.approx(12 * 3.0 / 1000)
    with pytest.raises(InputError, match="no GTV"):
        _ = twin.fork(structures=(StructureSet(GEOMETRY, ()),)).gtv_cm3


def test_a_mask_on_another_grid_or_empty_is_refused(twin):
    with pytest.raises(InputError, match=r"mask of X is \(2, 2, 2\)"):
        twin.contours.with_mask("X", "OAR", np.ones((2, 2, 2), bool))
    with pytest.raises(InputError, match="mask of X is empty"):
        twin.contours.with_mask("X", "OAR", np.zeros(GEOMETRY.shape, bool))


def test_an_unknown_structure_lists_those_that_are_there(twin):
    with pytest.raises(InputError, match="no structure 'Heart'; there are: GTVp"):
        _ = twin.contours["Heart"]


def test_structures_that_are_found_later_are_found_once_and_when_asked_for():
    asked = []

    def found():
        asked.append(1)
        drawn = StructureSet(GEOMETRY, ()).with_mask("GTVp", "GTV", np.ones(GEOMETRY.shape, bool))
        return drawn.structures

    later = StructureSet(GEOMETRY, found, 3.0)
    assert (later.time_days, asked) == (3.0, [])
    assert later.names == later.at(5.0).names == ("GTVp",)
    assert asked == [1]


def test_what_was_added_last_is_taken_back_and_the_history_keeps_it(twin):
    scan = Scan("CT-2", 9.0, Volume(GEOMETRY, np.ones(GEOMETRY.shape, np.int16), "CT", "HU"))
    given = twin.deliver(
        [Fraction(0.375, 2.0, "60/30", 1 / 30), Fraction(1.375, 2.0, "60/30", 1 / 30)], [_dose()]
    )
    seen = given.observe(Observation(9.0, "gtv_cm3", 2.0, "CT-2"), scan, twin.contours.at(9.0))
    once = seen.undone()
    assert once.observations == () and once.scans == twin.scans and once.structures == twin.structures
    assert len(once.fractions) == 2 and once.now_days == 1.375
    twice = once.undone()
    assert twice.fractions == () and dict(twice.doses) == {} and twice.now_days == 0.0
    assert [c.kind for c in twice.history] == ["deliver", "observe", "undo", "undo"]
    assert [c.undone for c in twice.history] == [True, True, False, False]
    with pytest.raises(InputError, match="nothing to undo"):
        twice.undone()
    again = twice.observe(Observation(3.0, "gtv_cm3", 1.0)).undone()
    assert again.observations == () and again.now_days == 0.0


def test_of_observations_in_any_order_the_one_added_last_is_taken_back(twin):
    later = twin.observe(Observation(9.0, "gtv_cm3", 2.0)).observe(Observation(4.0, "gtv_cm3", 3.0))
    assert [o.time_days for o in later.undone().observations] == [9.0]
    assert later.undone().now_days == 9.0


def test_an_edited_record_keeps_the_old_entries_and_drops_the_belief(twin):
    known = twin.fork(clinical=ClinicalRecord(age_years=67, ecog=1), belief=Belief({"a": np.ones(3)}))
    changed = known.edited(ClinicalRecord(age_years=71, sex="male"))
    assert changed.clinical.age_years == 71 and changed.belief is None
    assert changed.history[-1].words == "age_years 67 -> 71, sex missing -> male, ecog 1 -> missing"
    with pytest.raises(InputError, match="nothing changes"):
        changed.edited(ClinicalRecord(age_years=71, sex="male"))


def test_a_twin_says_in_a_line_what_it_holds_and_looks_for_nothing(twin):
    assert repr(twin) == "<PatientTwin P on day 0: 1 scans, 0 fractions, 0 observations>"
    assert repr(twin.contours) == "<StructureSet of day 0: GTVp>"
    assert repr(twin.contours.role("GTV")[0]) == "<Structure GTVp, GTV>"

    def look():
        raise AssertionError("nobody asked for the structures")

    assert "not looked for yet" in repr(StructureSet(GEOMETRY, look))
