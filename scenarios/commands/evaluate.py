"""The command `rt-twin evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.benchmark.forecasts import TASK as BELIEF
from scenarios.benchmark.forecasts import run_belief_evaluation
from scenarios.benchmark.report import run_evaluation
from scenarios.benchmark.scans import run_scan_evaluation
from scenarios.benchmark.scores import Scope
from scenarios.commands.progress import progress_bar
from simulators.learned.weights import FOLLOW_UP
from twin.inputs.quantities import Few, Patients, SomeFew, Workers


def evaluate(
    held_out: Annotated[
        Path,
        typer.Argument(metavar="SET", help="Patients of the task; for follow-up a set made with --truth."),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write; the same command again goes on.")],
    task: Annotated[
        str,
        typer.Option(
            help="What is translated, e.g. follow-up or denoise; or belief: its forecasts of each next scan."
        ),
    ] = FOLLOW_UP,
    generator: Annotated[
        list[str] | None,
        typer.Option(help="Weights by name or folder, NAME@N for N evaluations; may be repeated."),
    ] = None,
    patients: Annotated[Patients | None, typer.Option(help="At most so many of the set.")] = None,
    days: Annotated[Few, typer.Option(help="Follow-up days of a patient whose images are judged.")] = 2,
    plans: Annotated[Few, typer.Option(help="Plans of a patient whose images are judged.")] = 2,
    samples: Annotated[SomeFew, typer.Option(help="Free samples of one follow-up of a patient.")] = 8,
    workers: Annotated[Workers, typer.Option(help="Processes, one thread each.")] = 2,
    pictures: Annotated[SomeFew, typer.Option(help="Patients to picture, slice beside slice.")] = 0,
    cost: Annotated[bool, typer.Option(help="Measure time and memory at the end.")] = True,
    cards: Annotated[
        bool, typer.Option(help="Write the tables into the model cards of the weights.")
    ] = False,
) -> None:
    """Judge translations on held-out patients: follow-ups under every plan, or scans voxel by voxel; or forecasts."""
    scope = Scope(days, plans, samples)
    with progress_bar() as progress:
        if task == BELIEF:
            print(
                run_belief_evaluation(
                    held_out, out, generator or [], patients=patients, workers=workers, progress=progress
                )
            )
            return
        if task != FOLLOW_UP:
            print(
                run_scan_evaluation(
                    task,
                    held_out,
                    generator or [],
                    out,
                    patients=patients,
                    workers=workers,
                    progress=progress,
                )
            )
            return
        text = run_evaluation(
            held_out, generator or [], out, scope=scope, patients=patients, workers=workers, n_pictures=pictures,
            cost=cost, cards=cards, progress=progress,
        )  # fmt: skip
    print(text)


COMMAND = evaluate
