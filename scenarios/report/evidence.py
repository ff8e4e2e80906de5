"""What speaks for a run's outcomes, in words and rows that terminal, report and pages share."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from html import escape
from typing import Any

import polars as pl

from scenarios.records.run import Run
from scenarios.records.schema import OUTCOMES

HEADS = ("plan", "what", "found", "n", "trial", "patients", "used to", "source")


def grade_of(credibility: pl.DataFrame, outcome: str) -> tuple[str, str]:
    """The grade of an outcome, of several plans where they differ, and what it rests on; empty where nothing is known.

    Args:
        credibility: the table; empty in runs of former formats.
        outcome: its name.
    """
    rows = credibility.filter(pl.col("outcome") == outcome)
    if rows.is_empty():
        return "", ""
    grades = rows["grade"].unique(maintain_order=True).to_list()
    return ", ".join(grades), str(rows["words"][0])


def credibility_in_words(credibility: pl.DataFrame, outcomes: Collection[str]) -> Iterator[str]:
    """A sentence for each outcome.

    Args:
        credibility: the table.
        outcomes: which.
    """
    for outcome in outcomes:
        grade, words = grade_of(credibility, outcome)
        if grade:
            yield f"Credibility of {OUTCOMES.get(outcome, outcome)}: {grade}; {words}."


def found_by_trials(trials: pl.DataFrame, labels: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """What trials found, a row as long as `HEADS` for each number, by plan, endpoint and time.

    Args:
        trials: the table.
        labels: slug -> label of the plans.
    """
    order = ["plan", "endpoint", "months", "trial", "arm"]
    for row in trials.sort(order, maintain_order=True).iter_rows(named=True):
        yield (
            labels.get(row["plan"], row["plan"]), *_number(row), str(row["n"]), f"{row['trial']}, {row['arm']}",
            f"stage {row['stages']}; drugs: {row['drugs']}", row["side"], row["source"],
        )  # fmt: skip


def _number(row: dict[str, Any]) -> tuple[str, str]:
    """What was looked at, and what was found."""
    endpoint = row["endpoint"].replace("_", " ").replace("progression free", "progression-free")
    endpoint = endpoint[0].upper() + endpoint[1:]
    if row["value"] == 0.5:
        return f"{endpoint}, median", f"{row['months']:g} months"
    found = f"{100 * row['value']:.1f} %"
    if row["low"] is not None:
        found += f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    return f"{endpoint}, {row['months']:g} months", found


def trial_section(run: Run) -> str:
    """The report's section of what trials with the run's schedules found."""
    labels = {p.slug: p.label for p in run.record.plans}
    silent = [label for slug, label in labels.items() if slug not in set(run.trials["plan"])]
    none = f"<p>No trial in the table had the schedule of {escape(', '.join(silent))}.</p>" if silent else ""
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in found_by_trials(run.trials, labels)
    )
    head = "".join(f"<th>{h}</th>" for h in HEADS)
    table = f"<table><tr>{head}</tr>{rows}</table>" if rows else ""
    return (
        "<h2>What trials found</h2><p>Arms with the same doses and patients of like stage (docs/evidence.md), with the "
        "printed 95 % interval; whether outcomes were fitted to a number or are tested on it. Who they were, and when, "
        f"differs from this patient.</p>{none}{table}"
    )
