"""The command `rt-twin sensitivity`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from scenarios.commands.arguments import JsonOption, TwinArg
from scenarios.plans.plan import TreatmentPlan
from scenarios.records.schema import OUTCOMES, SIMULATED
from scenarios.report.console import wide_console
from scenarios.sensitivity.drivers import sensitivity as indices_of
from scenarios.sensitivity.figure import check_picture, write_figure
from twin import PatientTwin
from twin.inputs.quantities import Seed


def sensitivity(
    twin: TwinArg,
    plan: Annotated[str, typer.Option(help="60/30, 54/36 tid, or a YAML file.")] = "60/30",
    figure: Annotated[
        Path | None, typer.Option(help="A picture to write: its name ends in .png or .svg.")
    ] = None,
    seed: Annotated[Seed, typer.Option(help="Root of all chance.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Say what drives control, survival and pneumonitis: Sobol indices of what is not known (docs/model.md)."""
    if figure is not None:
        check_picture(figure)
    patient, parsed = PatientTwin.load(twin), TreatmentPlan.parse(plan)
    table, coupling = indices_of(patient, parsed, seed=seed)
    if figure is not None:
        write_figure(table, f"{patient.id}, {parsed.label}", figure)
    if as_json:
        print(json.dumps({"indices": table.to_dicts(), "coupling": coupling}, indent=1))
        return
    print_indices(table, f"{patient.id}, {parsed.label}", coupling)


def print_indices(table: pl.DataFrame, title: str, coupling: float) -> None:
    """Groups as rows, the share of each outcome's variance that each explains alone and in all.

    Args:
        table: of `scenarios.sensitivity.sensitivity`.
        title: patient and plan.
        coupling: of `scenarios.sensitivity.sensitivity`.
    """
    outcomes = table["outcome"].unique(maintain_order=True).to_list()
    shown = Table(title=f"{SIMULATED}\n{title}: shares of variance, alone (in all)", box=SIMPLE_HEAD)
    shown.add_column("what is not known")
    for outcome in outcomes:
        sd = table.filter(pl.col("outcome") == outcome)["sd"][0]
        shown.add_column(f"{OUTCOMES.get(outcome, outcome)}\nSD {sd:.1f} points", justify="right")
    rows = {(r["group"], r["outcome"]): r for r in table.iter_rows(named=True)}
    for group in table["group"].unique(maintain_order=True):
        cells = [rows[group, outcome] for outcome in outcomes]
        shown.add_row(group, *(f"{round(c['first'], 2) + 0.0:.2f} ({c['total']:.2f})" for c in cells))
    console = wide_console()
    console.print(shown)
    worst = float(table["total_error"].max())  # type: ignore[arg-type]
    console.print(
        f"Enough rows? Standard errors are at most {worst:.2f}. Groups of parameters were made independent of each "
        f"other, which changes an outcome's SD by at most {coupling:.0%}.",
        highlight=False,
    )


COMMAND = sensitivity
