"""Three words, one meaning each."""

import polars as pl

from scenarios.report.intervals import enough_samples, kinds_in_words

ROWS = pl.DataFrame(
    {
        "plan": ["p"] * 3,
        "outcome": ["gtv_3_months", "pneumonitis", "tumour_control"],
        "kind": ["predictive", "expected", "monte-carlo"],
        "mean": [10.0, 0.1, None],
        "low": [5.0, 0.05, None],
        "high": [15.0, 0.15, None],
        "error": [1.0, 0.001, None],
        "n": [200] * 3,
        "unit": ["cm3", "probability", "probability"],
    }
)


def test_only_kinds_with_a_value_are_explained():
    assert [words.split(":")[0] for words in kinds_in_words(ROWS, 0.8)] == ["Expected value", "Predictive"]
    assert all("80 %" in words for words in kinds_in_words(ROWS, 0.8))


def test_the_largest_monte_carlo_error_is_said_beside_its_interval():
    words = enough_samples(ROWS)
    assert words.startswith("Enough samples? With 200") and "10 %" in words
    assert words.endswith("(Tumour volume, 3 months).")


def test_errors_that_nobody_sees_are_no_reason_to_worry():
    tiny = ROWS.with_columns(error=pl.lit(1e-6), low=pl.lit(0.0), high=pl.lit(1e-7))
    assert enough_samples(tiny) == ""


def test_a_table_of_a_former_format_does_not_know():
    assert enough_samples(ROWS.with_columns(error=pl.lit(None, pl.Float64))) == ""
