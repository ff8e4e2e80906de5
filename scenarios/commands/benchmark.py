"""The command `rt-twin benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.progress import progress_bar
from scenarios.suites.plan import load_suite
from scenarios.suites.running import run_suite
from twin import InputError
from twin.inputs.quantities import Workers


def benchmark(
    suite: Annotated[
        str,
        typer.Argument(
            metavar="SUITE",
            help="quick, small, denoise, mr-ct, t2-flair, quality, full, follow-up, or a YAML file.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write; the same command again goes on.")],
    data: Annotated[
        Path | None, typer.Option(help="Where collections of real scans lie.", envvar="RT_TWIN_DATA")
    ] = None,
    device: Annotated[str, typer.Option(help="Of the trainings: auto, cpu, cuda, ...")] = "auto",
    workers: Annotated[Workers, typer.Option(help="Processes that judge, one thread each.")] = 1,
) -> None:
    """Train families on directions of translation and judge them: one split, one budget, one protocol."""
    asked = load_suite(suite)
    if data is not None and not data.is_dir():
        raise InputError(f"there is no folder {data}; give one that holds collections of scans, or no --data")
    with progress_bar() as progress:
        run_suite(asked, out, data=data or Path("data"), device=device, workers=workers, progress=progress)
    print(f"{out / 'page.md'}: {asked.name}, {len(asked.directions)} directions")


COMMAND = benchmark
