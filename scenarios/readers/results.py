"""What came of a reader study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from scenarios.readers.answers import given
from scenarios.readers.folder import ReaderStudy
from scenarios.readers.mixed import Effect, mixed_logistic
from scenarios.readers.statistics import Roc, fleiss_kappa, roc, wilson
from twin import InputError

_SHARES: dict[str, pl.DataType | type[pl.DataType]] = {
    "group": pl.String, "name": pl.String, "measure": pl.String, "right": pl.Int64, "n": pl.Int64,
    "share": pl.Float64, "low": pl.Float64, "high": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Results:
    """What came of a reader study.

    Args:
        answers: a row each: reader, experience, case, patient, source, truth and judged (real or simulated), right,
            confidence, quality.
        shares: accuracy, and the shares of simulated and of real volumes that were told, with Wilson's 95 % intervals
            as if answers were independent: of all, by experience, and by reader.
        quality: mean quality of real and of simulated volumes by reader.
        curves: reader, or "all", to the characteristic over confidence; None where only one kind was read. That of all
            has no interval: its answers are about the same cases.
        kappa: Fleiss' kappa over the cases that all readers with answers have judged.
        kappa_cases: how many these are.
        effects: of the mixed logistic model; empty where it cannot be fitted, and why stands in `notes`.
        notes: what is lacking.
    """

    answers: pl.DataFrame
    shares: pl.DataFrame
    quality: pl.DataFrame
    curves: dict[str, Roc | None]
    kappa: float
    kappa_cases: int
    effects: Sequence[Effect]
    notes: Sequence[str]


def results_of(study: ReaderStudy) -> Results:
    """The results of the answers so far.

    Args:
        study: the study.

    Raises:
        InputError: there are no answers yet, or a file is broken.
    """
    answers = _table(study)
    if answers.is_empty():
        raise InputError("no reader has answered yet")
    notes = []
    left = {r.name: study.record.cases - len(given(study, r.name)) for r in study.record.readers}
    if any(left.values()):
        missing = ", ".join(f"{name} {n}" for name, n in left.items() if n)
        notes.append(f"not complete: cases left: {missing}")
    kappa, kappa_cases = _agreement(answers)
    try:
        effects: Sequence[Effect] = mixed_logistic(
            answers["right"].to_numpy(),
            answers["simulated"].to_numpy(),
            answers["experience"].to_list(),
            answers["reader"].to_list(),
            answers["case"].to_list(),
        )
    except InputError as error:
        effects = ()
        notes.append(str(error))
    readers = answers["reader"].unique(maintain_order=True).to_list()
    groups = {name: answers.filter(pl.col("reader") == name) for name in readers}
    curves = {name: _roc(rows) for name, rows in ({"all": answers} | groups).items()}
    quality = answers.group_by("reader", "truth", maintain_order=True).agg(
        pl.col("quality").mean(), n=pl.len()
    )
    return Results(answers, _shares(answers), quality, curves, kappa, kappa_cases, effects, notes)


def _table(study: ReaderStudy) -> pl.DataFrame:
    rows = []
    for reader in study.record.readers:
        for answer in given(study, reader.name):
            case = study.key.cases[answer.case]
            rows.append(
                {
                    "reader": reader.name, "experience": reader.experience, "case": answer.case,
                    "patient": case.patient, "source": case.source, "truth": _kind(case.real),
                    "judged": _kind(answer.real), "right": answer.real == case.real, "simulated": not case.real,
                    "confidence": answer.confidence, "quality": answer.quality,
                }
            )  # fmt: skip
    return pl.DataFrame(rows)


def _kind(real: bool) -> str:
    return "real" if real else "simulated"


def _shares(answers: pl.DataFrame) -> pl.DataFrame:
    groups: list[tuple[str, str, pl.DataFrame]] = [("all", "all", answers)]
    for group in ("experience", "reader"):
        for name in answers[group].unique().sort():
            groups.append((group, name, answers.filter(pl.col(group) == name)))
    measures: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
        "accuracy": lambda rows: rows,
        "simulated told": lambda rows: rows.filter(pl.col("simulated")),
        "real told": lambda rows: rows.filter(~pl.col("simulated")),
    }
    found = []
    for group, name, rows in groups:
        for measure, part in measures.items():
            right, n = int(part(rows)["right"].sum()), len(part(rows))
            low, high = wilson(right, n)
            found.append((group, name, measure, right, n, right / n if n else float("nan"), low, high))
    return pl.DataFrame(found, schema=_SHARES, orient="row")


def _roc(rows: pl.DataFrame) -> Roc | None:
    """Over confidence: from certainly real to certainly simulated."""
    sign = np.where(rows["judged"].to_numpy() == "simulated", 1, -1)
    return roc(sign * rows["confidence"].to_numpy(), rows["simulated"].to_numpy())


def _agreement(answers: pl.DataFrame) -> tuple[float, int]:
    readers = answers["reader"].n_unique()
    by_case = answers.group_by("case", maintain_order=True).agg(
        n=pl.len(), simulated=(pl.col("judged") == "simulated").sum()
    )
    whole = by_case.filter(pl.col("n") == readers)
    counts = np.column_stack([whole["n"] - whole["simulated"], whole["simulated"]])
    return fleiss_kappa(counts), len(whole)
