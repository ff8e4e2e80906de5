"""The command `rt-twin compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from scenarios.commands.arguments import AssumeOption, TwinArg, assumed_by
from scenarios.commands.progress import progress_bar
from scenarios.comparison.clock import Progress
from scenarios.comparison.result import Comparison
from scenarios.comparison.steps import compare as run
from scenarios.comparison.steps import requested
from scenarios.engine.planned_dose import DOSE_BY_DEFAULT
from scenarios.plans.scenario import Scenario
from scenarios.records.run import may_write
from scenarios.records.schema import SIMULATED
from scenarios.report import methods
from scenarios.report.console import wide_console
from scenarios.report.evidence import HEADS, credibility_in_words, found_by_trials
from scenarios.report.intervals import enough_samples, kinds_in_words
from twin import PatientTwin
from twin.files.lock import BRIEFLY_S, held
from twin.inputs.quantities import Horizon, Samples, Seed, SomeSamples

_HINT = (
    "Plans are optimised on the CT, half a minute each, and kept for the next time; --dose approximate paints doses in "
    "seconds."
)


def compare(
    twin: TwinArg,
    plan: Annotated[
        list[str], typer.Option(help="60/30, 54/36 tid, +20/8, none, or a YAML file; may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    days: Annotated[Horizon, typer.Option(help="How far to look, days from day 0.")] = 365,
    samples: Annotated[Samples, typer.Option(help="Samples of the belief.")] = 200,
    image_samples: Annotated[
        SomeSamples,
        typer.Option(help="Samples with follow-up images: 1 the median one, 3 with a low and a high one."),
    ] = 1,
    seed: Annotated[Seed, typer.Option(help="Root of all chance.")] = 0,
    generator: Annotated[
        str, typer.Option(help="Of the follow-up CT: auto, mechanistic, or weights by name or folder.")
    ] = "auto",
    scanner: Annotated[
        list[str] | None, typer.Option(help="Virtual scanner: cbct, pet, ...; may be repeated.")
    ] = None,
    kinetics: Annotated[
        str | None, typer.Option(help="Tumour model: standard (by default), published.")
    ] = None,
    outcomes: Annotated[
        str | None, typer.Option(help="Outcome model: calibrated (by default), standard.")
    ] = None,
    dose: Annotated[
        str,
        typer.Option(
            help="Of plans whose dose the twin does not hold: fluence (half a minute a technique), or approximate."
        ),
    ] = DOSE_BY_DEFAULT,
    assume: AssumeOption = None,
) -> None:
    """Compare treatment plans for one patient and write a run folder with a report."""
    plans = [Scenario.parse(text) for text in plan]
    patient = PatientTwin.load(twin)
    asked: dict[str, Any] = {
        "days": days,
        "samples": samples,
        "image_samples": image_samples,
        "seed": seed,
        "generator": generator,
        "scanners": tuple(dict.fromkeys(scanner or ())),
        "dose": dose,
        **assumed_by(assume, kinetics=kinetics, outcomes=outcomes),
    }
    with held(out, patience_s=BRIEFLY_S), progress_bar() as progress:
        may_write(out, requested(**asked).hash(patient, plans))
        result = run(patient, plans, **asked, progress=_hinting(progress))
        progress("writing", 1.0)
        result.save(out)
    print_comparison(result)
    print(f"\n{out / 'report.html'} is the report; for the dashboard run: rt-twin app {out.parent}")


def _hinting(progress: Progress) -> Progress:
    """Progress that says once what is quicker when plans are begun that this machine does not hold."""
    said: list[str] = []

    def told(step: str, share: float) -> None:
        if step.startswith("planning") and not said:
            said.append(step)
            print(_HINT, file=sys.stderr)
        progress(step, share)

    return told


def print_comparison(result: Comparison) -> None:
    """The comparison's table: volumes with their interval, local control and mean lung dose of each plan."""
    columns = {
        "gtv_end_of_treatment": "end of RT",
        "gtv_3_months": "3 months",
        "gtv_6_months": "6 months",
        "gtv_12_months": "12 months",
        "local_control_2y": "control 2 y",
        "overall_survival_2y": "survival 2 y",
        "mean_lung_dose": "mean lung dose, Gy",
    }
    record = result.record
    title = (
        f"{SIMULATED}\ntumour volume in cm3; {record.samples} samples, intervals of {100 * record.level:g} %"
    )
    shown = Table(title=title, box=SIMPLE_HEAD)
    shown.add_column("plan")
    for heading in columns.values():
        shown.add_column(heading, justify="right")
    for plan in record.plans:
        rows = result.outcomes.filter(pl.col("plan") == plan.slug)
        cells = [_cell(rows.filter(pl.col("outcome") == name)) for name in columns]
        method = methods.head(plan, record.plans)
        cells[-1] += f"\n{method}" if method else ""  # beside the dose
        shown.add_row(plan.label + (" *" if plan.context else ""), *cells)
    console = wide_console()
    console.print(shown)
    told = result.outcomes.filter(pl.col("outcome").is_in(columns))
    graded = credibility_in_words(result.credibility, columns)
    for words in (*kinds_in_words(told, record.level), enough_samples(told), *graded):
        console.print(words, highlight=False, soft_wrap=True)
    print_trials(result, console)
    for plan in record.plans:
        for reason in plan.context:
            console.print(f"* {plan.label} is outside the context of use: {reason}", highlight=False)
    for note in record.notes:
        console.print(note, highlight=False)


def print_trials(result: Comparison, console: Console) -> None:
    """What trials of the plans' schedules found at two and five years."""
    near = pl.col("outcome").is_not_null()
    rows = list(found_by_trials(result.trials.filter(near), {p.slug: p.label for p in result.record.plans}))
    if not rows:
        console.print("No trial in the table had one of these schedules (docs/evidence.md).", highlight=False)
        return
    shown = Table(title="What trials found", box=SIMPLE_HEAD)
    for heading in HEADS:
        shown.add_column(heading, justify="right" if heading in ("found", "n") else "left")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


def _cell(row: pl.DataFrame) -> str:
    if row.is_empty() or row["mean"][0] is None:
        return "unknown" if not row.is_empty() else "-"
    form = ".0%" if row["unit"][0] == "probability" else ".1f"
    middle, low, high, error = (format(row[c][0], form) for c in ("mean", "low", "high", "error"))
    return f"{middle} ± {error}" if row["kind"][0] == "monte-carlo" else f"{middle} [{low}, {high}]"


COMMAND = compare
