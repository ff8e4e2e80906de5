"""What intervals are called: three words, and what each of them is of, the same in every table, page and report."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from scenarios.records.schema import KINDS, OUTCOMES

_MEANS = {
    "expected": (
        "the mean of patients like this one, with its {level} interval over what is not known: population, trial, dose"
    ),
    "predictive": "this patient's own volume, dose or time, with its {level} interval over samples",
    "monte-carlo": (
        "a mean without an interval of what is not known; \u00b1 is its standard error and says only whether there are "
        "enough samples"
    ),
}


def kinds_in_words(table: pl.DataFrame, level: float) -> Iterator[str]:
    """What the intervals of a table are of, a sentence for each kind that it has.

    Args:
        table: with the columns of `outcomes` or `contrasts`.
        level: of the intervals.

    Example:
        >>> next(kinds_in_words(pl.DataFrame({"kind": ["predictive"], "mean": [1.0]}), 0.8))
        "Predictive: this patient's own volume, dose or time, with its 80 % interval over samples."
    """
    used = set(table.filter(pl.col("mean").is_not_null())["kind"].drop_nulls())
    for kind, name in KINDS.items():
        if kind in used:
            words = _MEANS[kind].format(level=f"{100 * level:g} %")
            yield f"{name[0].upper()}{name[1:]}: {words}."


def enough_samples(outcomes: pl.DataFrame) -> str:
    """Whether there are enough samples: the largest Monte Carlo error beside the interval that it belongs to.

    Args:
        outcomes: the table; one of a former format does not know, and gives nothing.
    """
    width = pl.col("high") - pl.col("low")
    known = outcomes.filter((pl.col("kind") != "monte-carlo") & (width > 0) & pl.col("error").is_not_null())
    if known.is_empty():
        return ""
    worst = known.with_columns(share=pl.col("error") / width).sort("share").row(-1, named=True)
    name = OUTCOMES.get(worst["outcome"], worst["outcome"])
    return (
        f"Enough samples? With {worst['n']} the Monte Carlo error of a middle is at most {worst['share']:.0%} of its "
        f"interval's width ({name}, {worst['plan']})."
    ).replace("%", " %")
