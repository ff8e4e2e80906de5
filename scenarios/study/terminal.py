"""What a study found, in a terminal."""

from __future__ import annotations

import polars as pl

from scenarios.records.schema import OUTCOMES, SIMULATED
from scenarios.report.console import wide_console
from scenarios.report.intervals import kinds_in_words
from scenarios.study.parts import Study

_SHOWN = (
    "gtv_12_months", "tumour_control", "local_control_2y", "overall_survival_2y",
    "mean_lung_dose", "mean_heart_dose", "pneumonitis", "oesophagitis",
)  # fmt: skip


def print_study(study: Study) -> None:
    """Mean outcomes of each plan, differences from the first, and how many patients failed."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    first, *others = study.record.plans
    about = f"mean over patients; difference from {first}"
    title = f"{SIMULATED}\n{study.record.cohort}: {about}"
    shown = Table(title=title, box=SIMPLE_HEAD)
    for heading in ("outcome", first, *(f"{p} - {first}" for p in others)):
        shown.add_column(heading, justify="left" if heading == "outcome" else "right")
    chosen = (pl.col("plan") == first) & pl.col("outcome").is_in(_SHOWN)
    means = (
        study.scan("outcomes").filter(chosen).group_by("outcome", "unit").agg(pl.col("mean").mean()).collect()
    )
    by_name = {row["outcome"]: row for row in means.iter_rows(named=True)}
    contrasts = study.contrasts
    for name in _SHOWN:
        if name not in by_name or by_name[name]["mean"] is None:
            continue
        percent = by_name[name]["unit"] in ("probability", "fraction")
        rows = [contrasts.filter((pl.col("plan") == p) & (pl.col("outcome") == name)) for p in others]
        cells = [_cell(row, percent) for row in rows]
        shown.add_row(OUTCOMES.get(name, name), _number(by_name[name]["mean"], percent), *cells)
    console = wide_console()
    console.print(shown)
    for words in kinds_in_words(contrasts.filter(pl.col("outcome").is_in(_SHOWN)), study.record.level):
        console.print(words, highlight=False, soft_wrap=True)
    dosed = sorted(
        study.scan("outcomes").select(pl.col("dose_method").drop_nulls().unique()).collect()["dose_method"]
    )
    if dosed:
        console.print(f"Organ doses by {'; '.join(dosed)}.", highlight=False)
    if study.record.reused:
        console.print(
            f"Taken from the earlier study: {study.record.reused}.", highlight=False, soft_wrap=True
        )
    failed = study.failed
    if len(failed):
        console.print(
            f"{len(failed)} of {study.record.patients} patients failed, the first:", highlight=False
        )
        for row in failed.head(3).iter_rows(named=True):
            console.print(f"  {row['patient']}: {row['fault']}", highlight=False)


def _cell(row: pl.DataFrame, percent: bool) -> str:
    if row.is_empty():
        return "unknown"
    mean, low, high = (_number(row[c][0], percent, sign=True) for c in ("mean", "low", "high"))
    if row["kind"][0] != "monte-carlo":
        return f"{mean} [{low}, {high}]"
    error = row["error"][0]
    return mean if error is None else f"{mean} ± {_number(error, percent)}"


def _number(value: float, percent: bool, sign: bool = False) -> str:
    form = ("+" if sign else "") + (".1%" if percent else ".1f")
    return format(value, form)
