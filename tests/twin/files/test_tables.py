import polars as pl
import pytest

from twin.errors import InputError
from twin.files.tables import read_table, scan_table

SCHEMA = {"day": pl.Float64, "plan": pl.String}


@pytest.fixture(params=["plain", "[ab]", "a*", "q?", "{x,y}", "plan=3"])
def folder(request, tmp_path):
    """A folder of an odd name, beside one whose files a pattern of that name would find."""
    for name in ("a", "ab", "aa", "qq", "x", request.param):
        (tmp_path / name).mkdir()
        pl.DataFrame({"day": [9], "plan": [name]}).write_parquet(tmp_path / name / "tab1.parquet")
    return tmp_path / request.param


def test_names_are_literal(folder):
    file = folder / "tab[1].parquet"
    pl.DataFrame({"day": [1, 2], "plan": ["p", "q"]}).write_parquet(file)
    table = read_table(file, SCHEMA)
    assert table.columns == ["day", "plan"] and table["day"].to_list() == [1.0, 2.0]
    assert table.schema["day"] == pl.Float64
    assert scan_table(file).collect()["plan"].to_list() == ["p", "q"]
    both = scan_table([folder / "tab1.parquet", file]).collect()
    assert both.columns == ["day", "plan"] and both["day"].to_list() == [9, 1, 2]


def test_a_missing_table_is_said_to_be_missing_though_a_pattern_would_find_another(folder):
    with pytest.raises(InputError, match=r"is missing$"):
        read_table(folder / "tab[12].parquet")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.drop("plan"), "has no column 'plan'"),
        (lambda t: t.with_columns(day=pl.lit([1.0])), "is damaged"),
        (lambda t: t.with_columns(day=pl.lit("monday")), "is damaged"),
    ],
)
def test_other_columns_are_damage(tmp_path, change, reason):
    change(pl.DataFrame({"day": [1.0], "plan": ["p"]})).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=reason):
        read_table(tmp_path / "t.parquet", SCHEMA)


def test_further_columns_are_kept(tmp_path):
    pl.DataFrame({"day": [1.0], "plan": ["p"], "more": [3]}).write_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", SCHEMA).columns == ["day", "plan", "more"]


def test_damage_of_every_byte_is_a_sentence_or_a_table(tmp_path):
    file = tmp_path / "t.parquet"
    pl.DataFrame({"day": [1.0, 2.0], "plan": ["p", "q"]}).write_parquet(file)
    whole = file.read_bytes()
    refused = 0
    for at in range(0, len(whole), 3):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] if at % 2 else whole[:at])
        try:
            read_table(file, SCHEMA)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > len(whole) // 6
