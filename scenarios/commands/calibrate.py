"""The command `rt-twin calibrate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from scenarios.commands.arguments import JsonOption
from scenarios.commands.progress import progress_bar
from scenarios.report.console import wide_console
from simulators.calibration.crossvalidation import CrossValidation, cross_validate
from simulators.calibration.evidence import ARMS, read_evidence
from simulators.calibration.fit import Fit
from twin import InputError


def calibrate(
    out: Annotated[Path, typer.Option(help="The posterior to write, a JSON file.")],
    table: Annotated[Path, typer.Option(help="A table of trial arms (docs/evidence.md).")] = ARMS,
    cross_validation: Annotated[
        Path | None,
        typer.Option(
            help="A folder: refits without each fold, each randomised trial; the same command goes on."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit survival and control to a table of trial arms, and write the frozen posterior with the table's digest."""
    if not out.absolute().parent.is_dir():
        raise InputError(f"there is no folder {out.absolute().parent} to write the posterior to")
    evidence = read_evidence(table)
    fit = Fit(evidence)
    posterior = fit.run()
    posterior.save(out)
    rows = list(posterior.table())
    found = None
    if cross_validation is not None:
        with progress_bar() as progress:
            found = cross_validate(evidence, cross_validation, fit, progress)
        found.save(cross_validation / "crossvalidation.json")
    if as_json:
        print(
            json.dumps(
                {"parameters": rows, "diverged": posterior.diverged, "scores": found and found.scores()},
                indent=1,
            )
        )
        return
    print_parameters(rows)
    print(posterior.words())
    if found:
        print_scores(found)


def print_parameters(rows: list[dict]) -> None:
    """What each parameter was and is believed to be, and whether the trials say anything of it."""
    shown = Table(box=SIMPLE_HEAD)
    for heading in ("parameter", "prior", "80 %", "posterior", "80 %", "spread", "R-hat", "ESS", ""):
        shown.add_column(heading, justify="left" if heading in ("parameter", "") else "right")
    for row in rows:
        shown.add_row(
            row["parameter"], f"{row['prior']:.3g}", f"{row['prior_low']:.3g} to {row['prior_high']:.3g}",
            f"{row['median']:.3g}", f"{row['low']:.3g} to {row['high']:.3g}", f"{row['spread_ratio']:.2f}",
            f"{row['r_hat']:.3f}", f"{row['ess']:.0f}", "" if row["learned"] else "not learned here",
        )  # fmt: skip
    wide_console().print(shown)


def print_scores(found: CrossValidation) -> None:
    """How the model did on what it had not seen, misses on top."""
    shown = Table(box=SIMPLE_HEAD)
    for heading in ("", "trial", "arm", "endpoint", "months", "published", "forecast", "80 %", "null"):
        shown.add_column(heading, justify="left" if heading in ("", "trial", "arm", "endpoint") else "right")
    for f in sorted((*found.left_out, *found.tested), key=lambda f: (f.inside, -abs(f.ours - f.published))):
        shown.add_row(
            "ok" if f.inside else "MISS", f.trial, f.arm, f.endpoint.replace("_", " "), f"{f.months:g}",
            f"{f.published:.1f}", f"{f.ours:.1f}", f"{f.low:.0f} to {f.high:.0f}", f"{f.null:.1f}",
        )  # fmt: skip
    console = wide_console()
    console.print(shown)
    for line in found.words():
        console.print(line, highlight=False, soft_wrap=True)


COMMAND = calibrate
