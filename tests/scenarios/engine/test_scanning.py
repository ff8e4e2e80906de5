"""A virtual scan is added to the twin, marked, and can be made again."""

import numpy as np
import pytest

from scenarios import scan
from scenarios.engine.scanning import part_of, previewed
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
        ({"scanner": "pet", "source": "pet-1"}, "pet-1 is PT; this scanner reads a CT"),
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


def test_a_preview_is_made_of_less_and_shows_the_same(patient, scanned):
    part = part_of(patient, "CT", "pet")
    assert part.scan.array.size <= patient.baseline.volume.array.size
    assert np.allclose(part.centre, (75.0, -10.0, 0.0), atol=3.0), "the tumour's"
    made = previewed(part, "pet")
    at = tuple(np.rint(made.geometry.index(part.centre)).astype(int))
    assert made.unit == "SUV" and made.array[at] > 2 * np.median(made.array[made.array > 0.1])
    with pytest.raises(InputError, match="the option noise"):
        previewed(part, "pet", {"noise": -1})


def test_a_learned_scanner_is_looked_at_in_a_few_slices_around_the_tumour(patient):
    part = part_of(patient, "CT", "denoise")
    assert part.scan.geometry.shape == (3, 46, 64) and part.structures is None
    inside = part.scan.geometry.index(part.centre)
    assert (inside >= 0).all() and (inside < part.scan.geometry.shape).all()
