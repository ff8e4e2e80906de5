"""Bundles as mCODE's published examples are built; ids and persons are invented, names are planted to be lost."""

import json

import pytest

from twin import InputError
from twin.clinical import codes
from twin.clinical.fhir import MAX_RESOURCES
from twin.files.records import read_clinical

SCT, LOINC = codes.SCT, codes.LOINC
WHO = {"reference": "Patient/p-7f3a"}
AJCC_8 = (SCT, "897275008")


def concept(*coded, **more):
    return {"coding": [{"system": s, "code": c} for s, c in coded], **more}


def patient(**changes):
    names = [{"family": "Zebra", "given": ["Quentin"]}]
    return {
        "resourceType": "Patient",
        "id": "p-7f3a",
        "gender": "female",
        "birthDate": "1951-01-20",
        "name": names,
        **changes,
    }


def condition(code=(SCT, "254637007"), morphology=None, **changes):
    found = {
        "resourceType": "Condition",
        "id": "c-1",
        "clinicalStatus": concept(("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")),
        "verificationStatus": concept(
            ("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed")
        ),
        "code": concept(code, text="cancer of Quentin Zebra"),
        "subject": WHO,
        "onsetDateTime": "2019-04-01",
        **changes,
    }
    if morphology:
        url = codes.MCODE + "mcode-histology-morphology-behavior"
        found["extension"] = [{"url": url, "valueCodeableConcept": concept(morphology)}]
    return found


def observation(code, value=None, method=None, when="2019-04-01", status="final", **changes):
    found = {
        "resourceType": "Observation", "id": "o-1", "status": status, "code": concept(code), "subject": WHO,
        "effectiveDateTime": when, "note": [{"text": "seen by Zebra"}], **changes,
    }  # fmt: skip
    if value is not None:
        found["valueCodeableConcept"] = concept(value)
    if method is not None:
        found["method"] = concept(method)
    return found


def staging(t="1228938002", n="1229984001", m="1229901006", group="1222806003", method=AJCC_8):
    kinds = ((SCT, "399504009"), (SCT, "399534004"), (SCT, "399387003"), (SCT, "399537006"))
    return [observation(k, (SCT, v), method) for k, v in zip(kinds, (t, n, m, group), strict=True) if v]


def course(start="2019-05-06", end="2019-06-14", fractions=30, dose=6000, unit="cGy", **changes):
    volume = {
        "url": codes.MCODE + "mcode-radiotherapy-dose-delivered-to-volume",
        "extension": [
            {
                "url": "totalDoseDelivered",
                "valueQuantity": {"value": dose, "code": unit, "system": "http://unitsofmeasure.org"},
            },
            {"url": "fractionsDelivered", "valueUnsignedInt": fractions},
        ],
    }
    return {
        "resourceType": "Procedure", "id": "r-1", "status": "completed", "code": concept((SCT, "1217123003")),
        "subject": WHO, "performedPeriod": {"start": start, "end": end}, "extension": [volume], **changes,
    }  # fmt: skip


def drugs(start, end):
    return {
        "resourceType": "Procedure", "id": "d-1", "status": "completed", "code": concept((SCT, "367336001")),
        "subject": WHO, "performedPeriod": {"start": start, "end": end},
    }  # fmt: skip


def bundle(*resources):
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}


@pytest.fixture
def read(tmp_path):
    def from_file(*resources, valid=True):
        whole = resources[0] if resources and "entry" in resources[0] else bundle(*resources)
        if valid:
            r4 = pytest.importorskip(
                "fhir.resources.R4B.bundle", reason="fhir.resources checks the bundles of these tests"
            )
            r4.Bundle.model_validate(whole)
        path = tmp_path / "bundle.json"
        path.write_text(json.dumps(whole))
        notes: list[str] = []
        record = read_clinical(path, notes)
        assert "Zebra" not in str(notes) + str(record) and "2019" not in str(notes)
        return {k: v for k, v in record.model_dump().items() if v is not None}, notes

    return from_file


def test_a_whole_bundle(read):
    found, notes = read(
        patient(),
        condition(morphology=(SCT, "35917007")),
        *staging(),
        observation((LOINC, "89247-1"), valueInteger=1),
        observation((LOINC, "72166-2"), (SCT, "8517006")),
        observation((LOINC, "8664-5"), valueQuantity={"value": 40, "code": "{pack-years}"}),
        observation((LOINC, "20152-5"), valueQuantity={"value": 71, "unit": "%", "code": "%"}),
        condition((codes.ICD_10[0], "J84.1")),
        drugs("2019-05-06", "2019-06-01"),
        course(),
    )
    assert found == {
        "age_years": 68, "sex": "female", "histology": "adenocarcinoma", "t_stage": "T3", "n_stage": "N3",
        "m_stage": "M0",
        "tnm_edition": 8, "stage": "IIIC", "ecog": 1, "smoking": "former", "pack_years": 40, "fev1_percent": 71,
        "interstitial_lung_disease": True, "chemotherapy": "concurrent",
    }  # fmt: skip
    assert notes == [
        "the bundle tells of radiotherapy: 60 Gy in 30 fractions; what was delivered is read from treatment records"
    ]


def test_codes_that_are_not_known_are_said_and_stand_for_nothing(read):
    found, notes = read(
        condition((SCT, "353431000119107")),
        condition(morphology=(SCT, "413448000")),
        observation((SCT, "399504009"), (SCT, "1228885007"), AJCC_8),
        observation((LOINC, "72166-2"), (SCT, "365981007")),
        observation((LOINC, "718-7"), valueQuantity={"value": 9}),
        observation((LOINC, "89247-1"), (LOINC, "LA9627-6")),
    )
    assert found == {"histology": "nos", "tnm_edition": 8}
    (said,) = notes
    for words in (
        "Condition 353431000119107",
        "morphology 413448000",
        "T category 1228885007",
        "Observation 718-7",
    ):
        assert f"1 {words}" in said
    assert "and 1 more kinds" in said


@pytest.mark.parametrize(
    ("system", "code", "kind", "category"),
    [
        ("http://cancerstaging.org", "cT2a", "t_stage", "T2a"),
        ("http://cancerstaging.org", "3C", "stage", "IIIC"),
        ("http://cancerstaging.org", "1A2", "stage", "IA2"),
        ("https://www.uicc.org/resources/tnm", "N2", "n_stage", "N2"),
        ("http://cancerstaging.org", "ycT2a", "t_stage", None),
        ("http://cancerstaging.org", "cT9", "t_stage", "refused"),
        (SCT, "1229967007", "t_stage", None),  # cN0 is no T
        ("urn:oid:1.2.3", "T2", "t_stage", None),
    ],
)
def test_categories_as_ajcc_and_uicc_write_them(system, code, kind, category, read):
    asked = next(c for c, (entry, by) in codes.STAGING.items() if entry == kind and by == "c")
    if category == "refused":
        with pytest.raises(InputError, match="t_stage"):
            read(observation(asked, (system, code)))
    else:
        assert read(observation(asked, (system, code)))[0].get(kind) == category


def test_clinical_staging_comes_before_pathological_and_the_latest_of_each(read):
    found, notes = read(
        observation((LOINC, "21899-0"), (SCT, "1229859000"), AJCC_8, when="2019-06-01"),
        observation((LOINC, "21905-5"), (SCT, "1228929004"), AJCC_8, when="2019-03-01"),
        observation((LOINC, "21905-5"), (SCT, "1228931008"), AJCC_8, when="2019-03-09"),
        observation(
            (LOINC, "21905-5"), (SCT, "1228944003"), AJCC_8, when="2019-08-09", status="entered-in-error"
        ),
    )
    assert found == {"t_stage": "T2a", "tnm_edition": 8}
    assert "the clinical stage of the bundle is used, not the pathological one" in notes
    assert "an observation of the bundle is not final and was not read" in notes


def test_editions_that_differ_or_are_not_said_are_missing(read):
    for methods in ((AJCC_8, (SCT, "443830009")), (None, None)):
        t, n, *_ = staging()
        for o, method in zip((t, n), methods, strict=True):
            o["method"] = concept(method) if method else {"text": "?"}
        found, notes = read(t, n)
        assert "tnm_edition" not in found and "--set tnm_edition=8" in notes[-1]


def test_categories_that_contradict_the_stage_are_refused(read):
    with pytest.raises(InputError, match="stage IIB contradicts T3 N3 M0"):
        read(*staging(group="1222769001"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("2019-01-01", "2019-04-01"), "sequential"),
        (("2019-05-10", "2019-06-01"), "concurrent"),
        ((None, None), None),
    ],
)
def test_chemotherapy_by_its_days(given, said, read):
    dated = drugs(*given)
    if given[0] is None:
        dated.pop("performedPeriod")
    found, notes = read(course(), dated)
    assert found.get("chemotherapy") == said
    assert any("--set chemotherapy" in n for n in notes) == (said is None)


@pytest.mark.parametrize(
    ("born", "said"), [("1951-05-06", 68), ("1951-05-07", 67), ("1951", None), ("1951-05", None)]
)
def test_an_age_needs_whole_dates(born, said, read):
    found, notes = read(patient(birthDate=born), course())
    assert found.get("age_years") == said and any("birth date" in n for n in notes) == (said is None)


def test_several_patients_are_refused(read):
    other = {**condition(), "subject": {"reference": "Patient/p-0000"}}
    for resources in ((patient(), other), (condition(), other), (patient(), patient(id="p-0000"))):
        with pytest.raises(InputError, match="the bundle holds resources of several patients"):
            read(*resources)
    whole = bundle(patient(), condition(subject={"reference": "urn:uuid:0-1"}))
    whole["entry"][0]["fullUrl"] = "urn:uuid:0-1"
    assert read(whole)[0]["sex"] == "female"


@pytest.mark.parametrize(
    "broken",
    [
        {"resourceType": "Patient"},
        {"resourceType": "Bundle", "entry": [{}] * (MAX_RESOURCES + 1)},
    ],
)
def test_what_is_no_bundle_or_too_large_is_refused(broken, read):
    with pytest.raises(InputError, match=r"(?i)bundle"):
        read({"entry": [], **broken}, valid=False)


@pytest.mark.parametrize(
    "odd", [None, 3, "text", [], [7], {}, {"coding": 3}, {"coding": [None, {"code": 7}]}]
)
def test_odd_shapes_are_missing_and_raise_nothing(odd, read):
    resources = [
        {"resourceType": "Patient", "gender": odd, "birthDate": odd, "id": "p-7f3a"},
        {"resourceType": "Condition", "code": odd, "extension": odd, "subject": odd},
        {
            "resourceType": "Observation",
            "status": "final",
            "code": concept((LOINC, "89247-1")),
            "valueInteger": odd,
        },
        {
            "resourceType": "Observation",
            "status": "final",
            "code": odd,
            "valueCodeableConcept": odd,
            "method": odd,
        },
        {**course(), "extension": odd, "performedPeriod": odd},
        odd,
    ]
    found, _ = read(bundle(*resources), valid=False)
    assert found == ({"ecog": 3} if odd == 3 else {})


def _verhoeff(code: str) -> bool:
    """The check digit of SNOMED CT identifiers (release file specification 5.5)."""
    permuted = [list(range(10))]
    for _ in range(7):
        permuted.append([permuted[-1][d] for d in (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)])
    check = 0
    for n, digit in enumerate(map(int, reversed(code))):
        check = _dihedral(check, permuted[n % 8][digit])
    return check == 0


def _dihedral(a: int, b: int) -> int:
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
    return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5


def test_no_code_of_the_tables_is_misspelt():
    tables = (
        codes.CATEGORIES,
        codes.EDITIONS,
        codes.LUNG_CANCER,
        codes.MORPHOLOGY,
        codes.INTERSTITIAL_LUNG_DISEASE,
    )
    snomed = [c for t in tables for c in t] + [c for s, c in (*codes.STAGING, *codes.MEASURED) if s == SCT]
    snomed += [c for c in codes.SMOKING if c.isdigit()] + [codes.RADIOTHERAPY_COURSE, codes.CHEMOTHERAPY]
    assert [c for c in snomed if not _verhoeff(c)] == []
    assert not _verhoeff("1229951005")  # of pN0 in some public examples
    loinc = [c for s, c in (*codes.STAGING, *codes.MEASURED) if s == LOINC]
    for code in loinc:
        digits = [int(d) for d in code.replace("-", "")]
        doubled = [d if n % 2 else sum(divmod(2 * d, 10)) for n, d in enumerate(reversed(digits[:-1]))]
        assert (10 - sum(doubled)) % 10 == digits[-1], code  # mod 10, LOINC users' guide
