import pytest

from twin import ClinicalRecord
from twin.clinical.staging import stage_group

# Rows of the published table (Goldstraw 2016, table 6): N0, N1, N2, N3.
TABLE = {
    "T1a": ("IA1", "IIB", "IIIA", "IIIB"),
    "T1b": ("IA2", "IIB", "IIIA", "IIIB"),
    "T1c": ("IA3", "IIB", "IIIA", "IIIB"),
    "T2a": ("IB", "IIB", "IIIA", "IIIB"),
    "T2b": ("IIA", "IIB", "IIIA", "IIIB"),
    "T3": ("IIB", "IIIA", "IIIB", "IIIC"),
    "T4": ("IIIA", "IIIA", "IIIB", "IIIC"),
}


@pytest.mark.parametrize(("t", "n"), [(t, n) for t in TABLE for n in range(4)])
def test_groups_are_those_of_the_eighth_edition(t, n):
    assert stage_group(t, f"N{n}", "M0") == TABLE[t][n]


def test_distant_disease_and_what_cannot_be_settled():
    assert [stage_group("T1a", "N0", m) for m in ("M1", "M1a", "M1b", "M1c")] == ["IV", "IVA", "IVA", "IVB"]
    assert stage_group("T2", "N0", "M0") is None
    assert stage_group("T3", "NX", "M0") is None
    assert stage_group(None, "N0", "M0") is None
    assert stage_group("Tis", "N0", "M0") == "0"


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"n_stage": "N4", "tnm_edition": 8}, "n_stage"),
        ({"m_stage": "M3", "tnm_edition": 8}, "m_stage"),
        ({"t_stage": "T5"}, "t_stage"),
        ({"t_stage": "T1c", "tnm_edition": 7}, "T1c is no category of TNM 7"),
        ({"m_stage": "M1c", "tnm_edition": 7}, "M1c is no category of TNM 7"),
        ({"n_stage": "N2a", "tnm_edition": 8}, "N2a is no category of TNM 8"),
        (
            {"t_stage": "T4", "n_stage": "N3", "m_stage": "M0", "stage": "IIB", "tnm_edition": 8},
            "stage IIB contradicts T4 N3 M0, which is IIIC",
        ),
        ({"m_stage": "M1b", "stage": "IIIA", "tnm_edition": 8}, "stage IIIA contradicts M1b"),
        ({"stage": "V"}, "stage"),
        ({"smoking": "never", "pack_years": 30}, "30 pack_years contradict"),
        ({"ecog": 7}, "ecog"),
    ],
)
def test_impossible_and_contradictory_entries_are_refused_by_name(entries, says):
    with pytest.raises(ValueError, match=says):
        ClinicalRecord(**entries)


def test_what_is_consistent_is_taken():
    record = ClinicalRecord(t_stage="T4", n_stage="N3", m_stage="M0", stage="IIIc", tnm_edition=8)
    assert record.stage == "IIIC"
    assert ClinicalRecord(t_stage="T1b", n_stage="N0", m_stage="M0", stage="IA", tnm_edition=8).stage == "IA"
    assert ClinicalRecord(n_stage="N2b", tnm_edition=9).n_stage == "N2b"
    assert (
        ClinicalRecord(t_stage="T3", n_stage="N3", stage="IIIa").stage == "IIIA"
    )  # no edition, no contradiction


def test_pathologists_words_are_understood():
    assert ClinicalRecord(histology="Squamous cell carcinoma").histology == "squamous"
    assert ClinicalRecord(histology="Adenocarcinoma").histology == "adenocarcinoma"
    assert ClinicalRecord(sex="F").sex == "female"
