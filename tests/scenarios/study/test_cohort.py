"""Cohorts: sampled covariates, tables with their mistakes, folders of twins."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from scenarios.study.cohort import FolderCohort, SampledCohort, TableCohort, cohort_from
from scenarios.study.covariates import ECOG, HISTOLOGY, LOG_GTV_CM3, NODES, SMOKING, sample
from twin import InputError


def write(tmp_path, text, name="patients.csv"):
    file = tmp_path / name
    file.write_text(text)
    return file


def test_a_sampled_patient_depends_on_the_seed_and_his_number_only():
    few, many = SampledCohort(5, seed=3).members(2, 5), SampledCohort(1000, seed=3).members(0, 10)[2:5]
    assert [(m.id, m.clinical, m.gtv_cm3, m.site) for m in few] == [
        (m.id, m.clinical, m.gtv_cm3, m.site) for m in many
    ]
    assert SampledCohort(5, seed=4).members(2, 3)[0].gtv_cm3 != few[0].gtv_cm3


def test_sampled_covariates_have_the_published_distributions():
    table = sample(0, 0, 20_000)
    error = 4 * np.sqrt(0.25 / 20_000)
    for column, shares in (
        ("histology", HISTOLOGY),
        ("n_stage", NODES),
        ("ecog", ECOG),
        ("smoking", SMOKING),
    ):
        for value, share in shares.items():
            assert abs(float((table[column] == value).mean()) - share) < error, (column, value)
    log_gtv = np.log(table["gtv_cm3"].to_numpy())
    assert abs(np.median(log_gtv) - LOG_GTV_CM3[0]) < 0.15  # the largest are cut
    men, women = (table.filter(pl.col("sex") == s)["age_years"].mean() for s in ("male", "female"))
    assert 3.0 < men - women < 7.5  # Lung1: 5.7 years


def test_sampled_volumes_and_ages_look_like_lung1(shared_data):
    table = sample(0, 0, 5_000)
    ages = pl.read_csv(shared_data / "lung1_clinical.csv", null_values=["NA", ""])["age"].drop_nulls()
    shapes = pl.read_csv(shared_data / "lung1_gtv_shape.csv")["original_shape_VoxelVolume"] / 1000
    for ours, theirs in ((table["age_years"], ages), (table["gtv_cm3"].log(), shapes.log())):
        error = float(theirs.std()) / np.sqrt(len(theirs))
        assert abs(float(ours.mean()) - float(theirs.mean())) < 3 * error
        assert 0.75 < float(ours.std()) / float(theirs.std()) < 1.25


def test_stage_is_that_of_the_categories_and_chemotherapy_goes_to_the_fit():
    members = SampledCohort(3000).members(0, 3000)  # a contradiction would be a fault
    assert not [m.fault for m in members if m.fault]
    concurrent = [m.clinical for m in members if m.clinical.chemotherapy == "concurrent"]
    third = [c for c in concurrent if c.stage.startswith("III")]
    fit = np.mean([c.ecog <= 1 for c in concurrent])
    assert len(third) > 0.9 * len(concurrent)
    assert fit > 0.85


def test_missing_entries_of_a_table_stay_missing(tmp_path):
    file = write(tmp_path, "id,age_years,sex,ecog,gtv_cm3\na,70,male,NA,30\nb,,f,1,5.5\n")
    one, other = TableCohort.read(file).members(0, 2)
    assert (one.clinical.ecog, one.clinical.smoking, one.site) == (None, None, None)
    assert (other.clinical.age_years, other.clinical.sex, other.gtv_cm3) == (None, "female", 5.5)


def test_a_parquet_table_gives_the_same_patients(tmp_path):
    csv = write(tmp_path, "id,age_years,stage,gtv_cm3\na,70.5,IIIA,30\n")
    pl.DataFrame({"id": ["a"], "age_years": [70.5], "stage": ["IIIA"], "gtv_cm3": [30.0]}).write_parquet(
        tmp_path / "p.parquet"
    )
    one, other = (TableCohort.read(f).members(0, 1)[0] for f in (csv, tmp_path / "p.parquet"))
    assert (one.id, one.clinical, one.gtv_cm3) == (other.id, other.clinical, other.gtv_cm3)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,200,30,male", "age_years"),
        ("a,70,,male", "gtv_cm3 is missing"),
        ("a,70,-3,male", "gtv_cm3 must be above 0"),
        ("a,70,large,male", "gtv_cm3 must be above 0"),
        ("a,70,nan,male", "gtv_cm3 is missing"),
    ],
)
def test_a_bad_row_is_a_fault_of_that_patient_only(tmp_path, row, words):
    file = write(tmp_path, f"id,age_years,gtv_cm3,sex\n{row}\nb,70,30,male\n")
    bad, good = TableCohort.read(file).members(0, 2)
    assert words in bad.fault
    assert good.fault is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,gtv_mm3\na,30000\n", "unknown unit: give 'gtv_mm3' in cm3 as 'gtv_cm3'"),
        ("id,age_months,gtv_cm3\na,800,30\n", "give 'age_months' in years as 'age_years'"),
        (
            "id,shoe_size,gtv_cm3,hat\na,44,30,7\n",
            "unknown: 'shoe_size', 'hat'; .* columns are id, age_years",
        ),
        ("id,age_years\na,70\n", "has no column 'gtv_cm3'"),
        ("id,gtv_cm3\n", "has no rows"),
        ("id,gtv_cm3\na,3\na,4\n", "has the id 'a' more than once"),
    ],
)
def test_a_bad_table_is_refused_in_a_sentence(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        TableCohort.read(write(tmp_path, text))


def test_a_file_that_is_no_table_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match="there is no table"):
        TableCohort.read(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"\.csv or a \.parquet"):
        TableCohort.read(write(tmp_path, "x", "x.xlsx"))
    with pytest.raises(InputError, match="cannot be read"):
        TableCohort.read(write(tmp_path, "not parquet at all", "x.parquet"))


def test_a_folder_without_twins_and_a_cohort_of_nobody_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no NAME\.twin"):
        FolderCohort.read(tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        FolderCohort.read(tmp_path / "none")
    with pytest.raises(InputError, match="n must lie between 1 and 10000000, not 0"):
        SampledCohort(0)
    with pytest.raises(InputError, match=r"one of --n, --table and --twins"):
        cohort_from(3, tmp_path, None)


def test_a_broken_twin_in_a_folder_is_a_fault(tmp_path):
    (tmp_path / "broken.twin").mkdir()
    (tmp_path / "broken.twin" / "twin.json").write_text("{")
    (member,) = FolderCohort.read(tmp_path).members(0, 1)
    assert member.id == "broken"
    assert member.fault


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id,gtv_cm3\na,1\nb,2,3\n", "line 3 of .* has 3 cells, its head 2"),
        ("id,gtv_cm3\na,1\nb\n", "line 3 of .* has 1 cells, its head 2"),
        ('id,gtv_cm3\n"a,1\nb,2\n', "cannot be read: unexpected end of data"),
        ("id,gtv_cm3\na,\xff\n", "cannot be read: 'utf-8' codec"),
        ("", "cannot be read"),
    ],
)
def test_a_ragged_table_is_refused_before_anything_is_done(tmp_path, text, reason):
    file = tmp_path / "t.csv"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=reason):
        TableCohort.read(file)


def test_blank_lines_are_no_patients(tmp_path):
    cohort = TableCohort.read(write(tmp_path, "id,gtv_cm3\na,1\n\nb,2\n\n"))
    assert [m.id for m in cohort.members(0, cohort.n)] == ["a", "b"]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("gtv_cm3", [[1.0], [2.0]]),
        ("age_years", [[60], []]),
        ("gtv_cm3", [date(2020, 1, 1), None]),
        ("sex", [{"a": 1}, None]),
        ("id", [[1], [2]]),
        ("id", [b"a", b"b"]),
    ],
)
def test_columns_of_lists_and_dates_are_refused(tmp_path, column, values):
    table = pl.DataFrame({"id": ["a", "b"], "gtv_cm3": [1.0, 2.0]}).with_columns(pl.Series(column, values))
    table.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=f"the column '{column}' of .* holds .*; give one number, word"):
        TableCohort.read(tmp_path / "t.parquet")


def test_names_of_tables_are_no_patterns(tmp_path):
    write(tmp_path, "id,gtv_cm3\nwrong,1\n", "tab1.csv")
    assert (
        TableCohort.read(write(tmp_path, "id,gtv_cm3\nright,1\n", "tab[1].csv")).members(0, 1)[0].id
        == "right"
    )
    with pytest.raises(InputError, match="there is no table"):
        TableCohort.read(tmp_path / "tab*.csv")


def test_a_damaged_table_is_a_sentence(tmp_path):
    pl.DataFrame({"id": ["a"], "gtv_cm3": [1.0]}).write_parquet(tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    for content in (b"", b"PAR1", whole[:-9], whole[:20] + b"\xff" * 30 + whole[50:]):
        (tmp_path / "t.parquet").write_bytes(content)
        with pytest.raises(InputError, match=r"the table .* cannot be read"):
            TableCohort.read(tmp_path / "t.parquet")


def test_a_twin_that_cannot_be_read_is_one_patients_fault(tmp_path):
    for name in ("a.twin", "b\udcff.twin"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "twin.json").write_text("{")
    (tmp_path / "a.twin" / "truth.json").write_text("[1]")
    cohort = FolderCohort.read(tmp_path)
    assert [m.id for m in cohort.members(0, 2)] == ["a", "b?"]
    assert all("twin.json" in m.fault for m in cohort.members(0, 2))
