"""The command `rt-twin train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.progress import progress_bar
from scenarios.datasets.train import train as run
from twin.inputs.quantities import Minutes


def train(
    sets: Annotated[list[Path], typer.Argument(metavar="SET...", help="Folders of the task's patients.")],
    out: Annotated[Path, typer.Option(help="The folder to write; the same command again goes on.")],
    task: Annotated[str, typer.Option(help="What is translated, e.g. follow-up or denoise.")] = "follow-up",
    family: Annotated[
        str, typer.Option("--family", "--config", help="How: bridge, regression, ..., or a YAML file.")
    ] = "bridge",
    minutes: Annotated[Minutes | None, typer.Option(help="How long, in place of the config's own.")] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where the examples are kept, to share them.", envvar="RT_TWIN_CACHE")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
) -> None:
    """Train a family of networks on a task: follow-up CTs, denoising, ..."""
    with progress_bar() as progress:
        done = run(
            sets, family, out, task=task, minutes=minutes, cache=cache, device=device, progress=progress
        )
    print(
        f"{done.out}: trained on {done.examples} pairs of {done.patients} patients, {done.skipped} had none"
    )
    print(", ".join(f"{name} {value:g}" for name, value in done.figures.items()))


COMMAND = train
