"""A virtual scan is added to the twin, marked, and can be made again."""

import numpy as np
import pytest

from scenarios import scan
from twin import InputError, PatientTwin


@pytest.fixture(scope="module")
def patient(thorax):
    ct, drawn = thorax()
    return PatientTwin("p", scans=(ct,), structures=(drawn,))


@pytest.fixture(scope="module")
def scanned(patient):
    return scan(patient, "pet", day=3.0, seed=5)


def test_it_is_marked_and_keeps_what_made_it(scanned, patient, tmp_path):
    scanned.save(tmp_path / "p.twin")
    read = PatientTwin.load(tmp_path / "p.twin")
    made = read.scans[-1]
    assert (made.name, made.time_days, made.volume.modality) == ("pet-1", 3.0, "PT")
    how = made.simulated
    assert (how.scanner, how.source, how.seed, how.options["noise"]) == ("pet", "CT", 5, 0.1)
    assert how.version.startswith("rt-twin ")
    assert read.acquired == tuple(s for s in read.scans if s.name == "CT")
    again = scan(
        patient, how.scanner, source=how.source, day=made.time_days, options=how.options, seed=how.seed
    )
    assert (again.scans[-1].volume.array == made.volume.array).all()
    other = scan(patient, "pet", day=3.0, seed=6).scans[-1].volume.array
    assert np.abs(other - made.volume.array).max() > 0.1


def test_a_second_one_has_a_name_of_its_own_and_both_can_be_taken_back(scanned, patient):
    twice = scan(scanned, "pet", day=4.0)
    assert [s.name for s in twice.scans] == ["CT", "pet-1", "pet-2"]
    assert twice.baseline is patient.baseline and twice.belief is patient.belief
    assert [s.name for s in twice.undone().scans] == ["CT", "pet-1"]
    assert twice.undone().undone().scans == patient.scans


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"scanner": "sonar"}, "unknown scanner 'sonar'"),
        ({"scanner": "pet", "source": "MR"}, "no scan 'MR'; there are: CT, pet-1"),
        ({"scanner": "pet", "source": "pet-1"}, "pet-1 is PT; virtual scanners scan a CT"),
        (
            {"scanner": "pet", "options": {"dose": "1"}},
            "pet has no option 'dose'; its options are: reconstruction",
        ),
        ({"scanner": "pet", "seed": -1}, "seed must lie between"),
    ],
)
def test_what_cannot_be_scanned_is_a_sentence(scanned, asked, words):
    with pytest.raises(InputError, match=words):
        scan(scanned, **asked)
