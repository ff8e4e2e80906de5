import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from twin.dicom.treatment.rtplan import FractionGroup, Plan
from twin.dicom.treatment.rtrecord import Delivery, sessions
from twin.importer import import_patient

DAY0 = datetime.date(2024, 3, 6)
PLAN = Plan("1", 60.0, True, (FractionGroup(1, 30, 2.0, {1: 100.0, 2: 100.0}),), 2)


def _beam(day, number, beam=1, clock=0.4, kind="TREATMENT", specified=100.0, delivered=100.0, **other):
    date = DAY0 + datetime.timedelta(days=day)
    return Delivery(
        "1", other.pop("group", 1), number, date, clock, beam, kind, specified, delivered, **other
    )


def _found(*beams, plan=PLAN):
    return [((s.date - DAY0).days, round(s.share, 3)) for s in sessions(beams, {"1": plan})]


def _both(day, number, **fields):
    return [_beam(day, number, beam, **fields) for beam in (1, 2)]


def test_beams_of_a_session_are_one_fraction():
    assert _found(*_both(1, 1), *_both(2, 2)) == [(1, 1.0), (2, 1.0)]


@pytest.mark.parametrize(
    "rest",
    [
        _beam(5, 2, specified=100.0, delivered=60.0),
        _beam(5, 2, specified=60.0, delivered=60.0, kind="CONTINUATION"),
        _beam(5, 2, specified=100.0, delivered=60.0, clock=0.9),
    ],
)
def test_a_fraction_that_was_finished_on_another_day_is_one(rest):
    one = Plan("1", 60.0, True, (FractionGroup(1, 30, 2.0, {1: 100.0}),), 1)
    broken = _beam(4, 2, delivered=40.0, broken_off=True)
    (found,) = sessions([broken, rest], {"1": one})
    assert (found.share, found.days, (found.date - DAY0).days) == (1.0, 2, 5)


def test_a_fraction_that_was_never_finished_gives_what_it_gave():
    assert _found(*_both(1, 1), _beam(2, 2, 1), _beam(2, 2, 2, delivered=20.0)) == [(1, 1.0), (2, 0.6)]


def test_a_beam_that_was_given_the_next_day_belongs_to_its_fraction():
    assert _found(_beam(1, 1, 1), _beam(2, 1, 2)) == [(1, 1.0)]


def test_an_interruption_without_metersets_is_no_second_fraction():
    one = Plan("1", 60.0, True, (FractionGroup(1, 30, 2.0, {1: 100.0}),), 1)
    broken = _beam(4, 2, specified=None, delivered=None, broken_off=True)
    assert _found(broken, _beam(5, 2, specified=None, delivered=None), plan=one) == [(4, 1.0)]


def test_records_told_twice_count_once():
    assert _found(*_both(1, 1), *_both(1, 1)) == [(1, 1.0)]


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), unique=True, min_size=1), st.sampled_from(["right", "always 1", "none"]))
def test_whatever_the_numbering_each_day_is_a_fraction(days, numbering):
    number = {"right": lambda n: n + 1, "always 1": lambda n: 1, "none": lambda n: 0}[numbering]
    beams = [b for n, day in enumerate(sorted(days)) for b in _both(day, number(n))]
    assert _found(*beams) == [(day, 1.0) for day in sorted(days)]


@settings(deadline=None)
@given(st.permutations(range(8)))
def test_the_order_of_records_changes_nothing(order):
    beams = [
        *_both(1, 1),
        *_both(1, 2, clock=0.8),
        _beam(2, 3, 1),
        _beam(2, 3, 2, delivered=30.0),
        *_both(3, 4),
    ]
    assert _found(*[beams[n] for n in order]) == _found(*beams)


def test_two_fractions_a_day():
    assert _found(*_both(1, 1), *_both(1, 2, clock=0.7)) == [(1, 1.0), (1, 1.0)]
    assert _found(*_both(1, 0), *_both(1, 0, clock=0.7)) == [(1, 1.0), (1, 1.0)]


def test_a_group_has_its_own_numbers():
    assert _found(*_both(1, 1), *_both(2, 1, group=2)) == [(1, 1.0), (2, 1.0)]


def _record(make, day, number, **fields):
    data = make.record_file(f"202403{6 + day:02d}", "100000", number)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.{day}.{number}"
    for keyword, value in fields.items():
        setattr(data.TreatmentSessionBeamSequence[0], keyword, value)
    return data


def test_setup_images_and_empty_metersets_deliver_nothing(dicom_set, make, add):
    folder = dicom_set()
    add(
        folder,
        make.plan_file(60.0, 30),
        _record(make, 1, 1, TreatmentDeliveryType="TREATMENT", DeliveredPrimaryMeterset=100),
        _record(make, 2, 2, TreatmentDeliveryType="SETUP", DeliveredPrimaryMeterset=2),
        _record(make, 3, 2, TreatmentDeliveryType="OPEN_PORTFILM", DeliveredPrimaryMeterset=2),
        _record(make, 4, 2, TreatmentDeliveryType="TREATMENT", DeliveredPrimaryMeterset=0),
    )
    twin = import_patient(folder)
    assert [f.dose_gy for f in twin.fractions] == [2.0]
    assert "left out: RTRECORD, 3 files: setup, imaging or no meterset" in " ".join(twin.notes)


def test_a_record_of_an_unknown_plan_is_left_out_and_said(dicom_set, make, add):
    folder = dicom_set()
    record = make.record_file("20240307", "100000", 1)
    record.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = "1.2.3"
    add(folder, make.plan_file(), record)
    twin = import_patient(folder)
    assert not twin.fractions and "names an RTPLAN that is not in the set" in " ".join(twin.notes)


def test_a_fraction_in_parts_is_given_in_its_share_of_the_dose(dicom_set, make, add):
    folder = dicom_set()
    fields = {
        "TreatmentDeliveryType": "TREATMENT",
        "SpecifiedPrimaryMeterset": 100,
        "DeliveredPrimaryMeterset": 40,
    }
    add(folder, make.plan_file(60.0, 30), _record(make, 1, 1, **fields))
    twin = import_patient(folder)
    assert [f.dose_gy for f in twin.fractions] == pytest.approx([0.8])
    assert "was given to 40 %" in " ".join(twin.notes)


def _group(number, fractions, beam_gy):
    group, beam = Dataset(), Dataset()
    group.FractionGroupNumber, group.NumberOfFractionsPlanned = number, fractions
    beam.ReferencedBeamNumber, beam.BeamDose = number, beam_gy
    group.ReferencedBeamSequence = [beam]
    return group


@pytest.mark.parametrize(
    ("target_gy", "groups", "doses"),
    [
        (66.0, [(25, 2.0), (8, 2.0)], [2.0] * 33),
        (55.0, [(20, 2.0), (10, 1.5)], [2.0] * 20 + [1.5] * 10),
        (60.0, [(20, None), (10, None)], [2.0] * 30),
        (None, [(5, 2.0), (2, 3.0)], [2.0] * 5 + [3.0] * 2),
    ],
)
def test_fraction_groups_add_up(dicom_set, make, add, target_gy, groups, doses):
    folder = dicom_set()
    plan = make.plan_file(target_gy)
    plan.FractionGroupSequence = [_group(n, *group) for n, group in enumerate(groups, start=1)]
    add(folder, plan)
    twin = import_patient(folder, delivered_from=1)
    assert [f.dose_gy for f in twin.fractions] == pytest.approx(doses)


def _plan(make, number, gy, fractions, **fields):
    plan = make.plan_file(gy, fractions)
    plan.SOPInstanceUID = plan.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.99.5.{number}"
    for keyword, value in fields.items():
        setattr(plan, keyword, value)
    return plan


@pytest.mark.parametrize(
    ("plans", "fractions", "total_gy"),
    [
        ([(60, 30, {"ApprovalStatus": "REJECTED"}), (60, 30, {"ApprovalStatus": "APPROVED"})], 30, 60),
        ([(60, 30, {"PlanIntent": "VERIFICATION"}), (66, 33, {})], 33, 66),
        ([(66, 33, {"ApprovalStatus": "UNAPPROVED"}), (60, 30, {"ApprovalStatus": "APPROVED"})], 30, 60),
        ([(46, 23, {"RTPlanDate": "20240301"}), (20, 10, {"RTPlanDate": "20240302"})], 33, 66),
        ([(60, 30, {"RTPlanDate": "20240301"}), (60, 30, {"RTPlanDate": "20240302"})], 30, 60),
        ([(60, 30, {"RTPlanDate": "20240301"}), (66, 33, {"RTPlanDate": "20240302"})], 33, 66),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_only_plans_that_treat_count(dicom_set, make, add, plans, fractions, total_gy, turned):
    folder = dicom_set()
    files = [_plan(make, n, gy, number, **fields) for n, (gy, number, fields) in enumerate(plans)]
    add(folder, *(files[::-1] if turned else files))
    twin = import_patient(folder, delivered_from=1)
    assert len(twin.fractions) == fractions
    assert sum(f.dose_gy for f in twin.fractions) == pytest.approx(total_gy)


def test_a_plan_without_prescription_is_left_out_and_said(dicom_set, make, add):
    folder = dicom_set()
    plan = make.plan_file(None)
    del plan.FractionGroupSequence[0].ReferencedBeamSequence
    add(folder, plan)
    twin = import_patient(folder)
    assert twin.gtv_cm3 > 0
    assert "left out: RTPLAN, 1 file: the RTPLAN states no prescribed dose" in " ".join(twin.notes)
