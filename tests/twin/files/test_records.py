import csv
import json

import pytest

from twin import ClinicalRecord, InputError
from twin.files.records import merged, read_clinical


def test_json_and_csv_say_the_same(tmp_path):
    entries = {
        "age_years": 67,
        "sex": "female",
        "histology": "squamous cell carcinoma",
        "t_stage": "T2a",
        "n_stage": "N1",
        "m_stage": "M0",
        "tnm_edition": 8,
        "ecog": 1,
        "fev1_percent": 71.5,
        "dlco_percent": 60,
        "interstitial_lung_disease": False,
        "comorbidity": True,
        "chemotherapy": "none",
    }
    (tmp_path / "c.json").write_text(json.dumps(entries))
    with (tmp_path / "c.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*entries, "smoking", "stage"])
        writer.writeheader()
        writer.writerow({**entries, "interstitial_lung_disease": "no", "comorbidity": "yes", "smoking": "NA"})
    one, two = read_clinical(tmp_path / "c.json"), read_clinical(tmp_path / "c.csv")
    assert one == two
    assert two.smoking is None and two.stage is None and two.chemotherapy == "none"
    assert two.interstitial_lung_disease is False and two.histology == "squamous"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("c.json", "[1, 2]", "not a JSON object"),
        ("c.json", "{", "not valid JSON"),
        ("c.json", "[" * 100_000, "not valid JSON"),
        ("c.json", '{"t_stage": "T9"}', "t_stage"),
        ("c.json", '{"name": "Zebra"}', "name"),
        ("c.csv", "age_years,sex\n", "0 rows"),
        ("c.csv", "age_years,sex\n60,male\n61,female\n", "2 rows"),
        ("c.csv", "age_years\n60,male\n", "differ in length"),
        ("c.csv", "n_stage,tnm_edition\nN4,8\n", "n_stage"),
    ],
)
def test_wrong_records_are_refused_by_what_is_wrong(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=says):
        read_clinical(tmp_path / name)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "c.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="not a text file"):
        read_clinical(tmp_path / "c.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*absent.json"):
        read_clinical(tmp_path / "absent.json")


def test_the_users_record_leads_and_the_images_fill_what_it_misses():
    got = merged(ClinicalRecord(age_years=70, sex="male"), ClinicalRecord(age_years=71, ecog=1))
    assert (got.age_years, got.sex, got.ecog, got.stage) == (71, "male", 1, None)


def test_records_that_contradict_each_other_are_refused_in_a_sentence():
    known = ClinicalRecord(t_stage="T3", n_stage="N0", m_stage="M0", tnm_edition=8, stage="IIB")
    with pytest.raises(InputError, match="known before: stage IIIA contradicts T3 N0 M0"):
        merged(known, ClinicalRecord(stage="IIIA"))
