"""The command `rt-twin ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.benchmark.ablation import ablate as run
from scenarios.commands.progress import progress_bar
from twin.inputs.quantities import Patients, Steps


def ablate(
    learn: Annotated[Path, typer.Argument(metavar="SET", help="The set to learn from.")],
    held_out: Annotated[Path, typer.Argument(metavar="HELD", help="A set with truth, of other patients.")],
    out: Annotated[Path, typer.Option(help="The folder to write; the same command again goes on.")],
    steps: Annotated[Steps, typer.Option(help="Of each of the 16 trainings.")] = 400,
    patients: Annotated[Patients, typer.Option(help="Of the held-out set.")] = 40,
    cache: Annotated[Path | None, typer.Option(help="Examples of an earlier training.")] = None,
) -> None:
    """Train generators with and without dose and clinical conditions, and say what the conditions are worth."""
    with progress_bar() as progress:
        table = run(learn, held_out, out, steps=steps, patients=patients, cache=cache, progress=progress)
    print(table.markdown())


COMMAND = ablate
