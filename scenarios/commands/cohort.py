"""The command `rt-twin cohort`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from scenarios.commands.arguments import AssumeOption, assumed_by
from scenarios.commands.progress import progress_bar
from scenarios.executors.mapping import mapper
from scenarios.plans.scenario import Scenario
from scenarios.study.cohort import cohort_from
from scenarios.study.imaged import hold_generator
from scenarios.study.parts import run_study
from scenarios.study.terminal import print_study
from twin.errors import InputError
from twin.inputs.quantities import Horizon, Patients, Samples, Seed, SomeSamples, Workers


def cohort(
    out: Annotated[Path, typer.Option(help="The folder to write; the same command again resumes.")],
    plan: Annotated[
        list[str] | None,
        typer.Option(help="60/30, 54/36 tid, none, or a YAML file; the first is the reference."),
    ] = None,
    n: Annotated[Patients | None, typer.Option("--n", help="Sample so many patients, or")] = None,
    table: Annotated[Path | None, typer.Option(help="take the rows of a CSV or Parquet table, or")] = None,
    twins: Annotated[Path | None, typer.Option(help="take the twins of a folder.")] = None,
    days: Annotated[Horizon, typer.Option(help="How far to look, days from day 0.")] = 365,
    samples: Annotated[Samples, typer.Option(help="Samples of each patient's belief.")] = 200,
    seed: Annotated[Seed, typer.Option(help="Root of all chance.")] = 0,
    image_samples: Annotated[
        SomeSamples, typer.Option(help="With --twins: samples that get follow-up images; each run is kept.")
    ] = 0,
    generator: Annotated[str, typer.Option(help="Of these: auto or mechanistic.")] = "auto",
    executor: Annotated[str, typer.Option(help="local, or ray (the cluster at RAY_ADDRESS).")] = "local",
    images: Annotated[
        bool, typer.Option("--images", help="Make a longitudinal set of CTs instead, for training.")
    ] = False,
    truth: Annotated[
        bool, typer.Option("--truth", help="With --images: the truth under every plan.")
    ] = False,
    workers: Annotated[Workers, typer.Option(help="Processes of this machine.")] = 2,
    assume: AssumeOption = None,
    extend: Annotated[
        bool, typer.Option("--extend", help="Add patients (--n) or plans to the study in --out.")
    ] = False,
) -> None:
    """Compare treatment plans in a cohort of patients, or make a longitudinal set of images (--images)."""
    if images:
        _longitudinal_set(out, n, twins, seed, truth, workers, refused=bool(plan or table))
        return
    if not plan:
        raise InputError("a cohort needs a plan; give --plan 60/30 (only --images does without)")
    patients = cohort_from(n, table, twins, seed)
    plans = [Scenario.parse(text) for text in plan]
    hold = partial(hold_generator, generator) if image_samples else None
    asked: dict[str, Any] = {
        "days": days,
        "samples": samples,
        "seed": seed,
        "image_samples": image_samples,
        "generator": generator,
        "map_chunks": mapper(executor, hold, workers),
        "extend": extend,
        **assumed_by(assume),
    }
    with progress_bar() as progress:
        study = run_study(patients, plans, out, **asked, progress=progress)
    print_study(study)
    print(f"\nthe tables are in {out}; read them with scenarios.study.parts.load_study")


def _longitudinal_set(
    out: Path, n: int | None, twins: Path | None, seed: int, truth: bool, workers: int, *, refused: bool
) -> None:
    from scenarios.datasets.longitudinal import SetRequest, make_set

    if refused:
        raise InputError("--images takes its plans from its own menu, and neither --plan nor --table")
    if n is None and twins is None:
        raise InputError("a longitudinal set needs --n, --twins, or both")
    request = SetRequest.of(n, twins, seed=seed, truth=truth)
    with progress_bar() as progress:
        rows = make_set(request, out, workers=workers, progress=progress)
    failed = [row for row in rows if "failed" in row]
    print(f"{out}: {len(rows) - len(failed)} patients, {len(failed)} failed")
    for row in failed[:10]:
        print(f"  {row['id']}: {row['failed']}")


COMMAND = cohort
