"""What intervals are called: three words, and what each of them is of, the same in every table, page and report."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from scenarios.records.schema import KINDS, OUTCOMES

_MEANS = {
    "expected": "patients like this one, {level} over what is not known",
    "predictive": "this patient's own, {level} over samples",
    "monte-carlo": "\u00b1 standard error, only whether there are enough samples",
}
_SHOWN = {"probability": 5e-4, "fraction": 5e-4}  # what is less than is shown of a unit; 0.05 of others


def kinds_in_words(table: pl.DataFrame, level: float) -> Iterator[str]:
    """What the intervals of a table are of, a sentence for each kind that it has.

    Args:
        table: with the columns of `outcomes` or `contrasts`.
        level: of the intervals.

    Example:
        >>> next(kinds_in_words(pl.DataFrame({"kind": ["predictive"], "mean": [1.0]}), 0.8))
        "Predictive: this patient's own, 80 % over samples."
    """
    used = set(table.filter(pl.col("mean").is_not_null())["kind"].drop_nulls())
    for kind, name in KINDS.items():
        if kind in used:
            words = _MEANS[kind].format(level=f"{100 * level:g} %")
            yield f"{name[0].upper()}{name[1:]}: {words}."


def enough_samples(outcomes: pl.DataFrame) -> str:
    """Whether there are enough samples: the largest Monte Carlo error beside the interval that it belongs to.

    Args:
        outcomes: the table; one of a former format does not know, and gives nothing; neither does one whose errors
            or intervals are all too small to be shown.
    """
    width = pl.col("high") - pl.col("low")
    least = pl.col("unit").replace_strict(_SHOWN, default=0.05, return_dtype=pl.Float64)
    seen = pl.col("error") > least
    shown = width > least
    known = outcomes.filter((pl.col("kind") != "monte-carlo") & shown & seen)
    if known.is_empty():
        return ""
    worst = known.with_columns(share=pl.col("error") / width).sort("share").row(-1, named=True)
    name = OUTCOMES.get(worst["outcome"], worst["outcome"]).split(" (")[0]
    return (
        f"Enough samples? With {worst['n']} the error of a middle is at most {worst['share']:.0%} of its interval "
        f"({name})."
    ).replace("%", " %")
