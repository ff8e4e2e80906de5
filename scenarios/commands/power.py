"""The command `rt-twin power`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from scenarios.commands.arguments import JsonOption
from scenarios.records.schema import SIMULATED
from scenarios.report.console import wide_console
from scenarios.study.parts import Study, load_study
from scenarios.study.trial import power as found_by_size
from scenarios.study.trial import sample_size
from twin import InputError
from twin.inputs.quantities import Seed

_YEAR_D = 365.25


def power(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The folder of a study.")],
    arm: Annotated[
        list[str] | None,
        typer.Option(help="Two plans of the study, the control first; its first two by default."),
    ] = None,
    size: Annotated[list[int] | None, typer.Option(help="Patients in both arms; may be repeated.")] = None,
    target: Annotated[float, typer.Option(help="Without --size: the power whose size is looked for.")] = 0.8,
    endpoint: Annotated[
        str, typer.Option(help="overall_survival, progression_free_survival, local_control, ...")
    ] = "overall_survival",
    accrual_years: Annotated[float, typer.Option(help="Over which patients enter.")] = 2.0,
    follow_up_years: Annotated[float, typer.Option(help="Of the last patient to enter.")] = 5.0,
    significance: Annotated[float, typer.Option(help="Level of the two-sided log-rank test.")] = 0.05,
    trials: Annotated[int, typer.Option(help="Simulated trials of each size.")] = 500,
    seed: Annotated[Seed, typer.Option(help="Root of all chance.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Say how often a randomised trial of two of a study's plans would find a difference, or how large it must be."""
    found = load_study(study)
    arms = _arms(found, arm)
    design: dict[str, Any] = {
        "endpoint": endpoint,
        "accrual_days": accrual_years * _YEAR_D,
        "follow_up_days": follow_up_years * _YEAR_D,
        "significance": significance,
        "trials": trials,
        "seed": seed,
    }
    if size:
        rows = found_by_size(found.lives, arms=arms, sizes=size, **design)
    else:
        rows = sample_size(found.lives, arms=arms, target=target, **design)
    if as_json:
        print(rows.write_json())
        return
    _print(
        rows, f"{SIMULATED}\n{found.record.cohort}; {arms[1]} against {arms[0]}, {endpoint.replace('_', ' ')}"
    )


def _arms(study: Study, asked: list[str] | None) -> tuple[str, str]:
    """Slugs of the two plans, which may be named by their labels."""
    labels = {
        str(s.get("label") or slug): slug
        for s, slug in zip(study.record.scenarios, study.record.plans, strict=True)
    }
    labels |= {slug.replace("-", "/", 1): slug for slug in study.record.plans}
    named = [labels.get(a, a) for a in asked] if asked else [*study.record.plans[:2]]
    if len(named) != 2:
        raise InputError(f"a trial has two arms; the study's plans are {', '.join(study.record.plans)}")
    return named[0], named[1]


def _print(rows: pl.DataFrame, title: str) -> None:
    shown = Table(title=title, box=SIMPLE_HEAD)
    for heading in ("patients", "power", "95 %", "finds the second better", "events", "hazard ratio"):
        shown.add_column(heading, justify="right")
    for r in rows.iter_rows(named=True):
        interval = f"{r['low']:.0%} to {r['high']:.0%}"
        cells = (
            f"{r['power']:.0%}",
            interval,
            f"{r['favours']:.0%}",
            f"{r['events']:.0f}",
            f"{r['hazard_ratio']:.2f}",
        )
        shown.add_row(str(r["size"]), *cells)
    wide_console().print(shown)


COMMAND = power
