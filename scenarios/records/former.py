"""Tables as former formats wrote them, in the words of today.

Runs up to rt-twin-run/2 and studies of rt-twin-study/1 called the ends of some intervals lower and upper, said of an
interval how it was made rather than what it is of, and named two outcomes otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import polars as pl

Table = TypeVar("Table", "pl.DataFrame", "pl.LazyFrame")

_COLUMNS = {
    "lower": "low",
    "upper": "high",
    "prior_lower": "prior_low",
    "prior_upper": "prior_high",
    "drawn_lower": "drawn_low",
    "drawn_upper": "drawn_high",
    "interval": "kind",
}
_WORDS = {
    "kind": {"samples": "predictive", "mean": "monte-carlo"},
    "outcome": {
        "survival_2y": "overall_survival_2y",
        "progression_free_2y": "progression_free_survival_2y",
    },
}
_ESTIMATE = ("kind", "error")
_METHOD = "dose_method"
_LATE = {  # columns that a table once lacked
    "trajectory": ("field_gtv_cm3",),
    "moved": ("control", "moved_control"),
    "outcomes": ("error", _METHOD),
    "contrasts": (*_ESTIMATE, _METHOD),
    "effects": (*_ESTIMATE, _METHOD),
    "scorecard": (_METHOD,),
    "dvh": (_METHOD,),
}


def modern(name: str, frame: Table, schema: Mapping[str, Any]) -> Table:
    """A table whose columns, kinds and outcomes have their names of today; what it lacked is null.

    Args:
        name: of the table.
        frame: of any format, this one included.
        schema: of today.
    """
    import polars as pl

    frame = frame.select(pl.all().name.map(lambda name: _COLUMNS.get(name, name)))
    columns = frame.collect_schema().names()
    late = [pl.lit(None, schema[c]).alias(c) for c in _LATE.get(name, ()) if c in schema and c not in columns]
    words = [pl.col(c).replace_strict(new, default=pl.col(c)) for c, new in _WORDS.items() if c in columns]
    return frame.with_columns(*late, *words)
