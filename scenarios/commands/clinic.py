"""The command `rt-twin clinic`."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from scenarios.clinic.department import Clinic, Referrals, clinic_from_yaml
from scenarios.clinic.run import print_clinic, summary_of
from scenarios.clinic.simulation import simulate_clinic
from scenarios.commands.arguments import JsonOption
from twin.files.lock import BRIEFLY_S, held
from twin.inputs.quantities import ClinicDays, Seed, SomeSamples, WarmUpDays


def clinic(
    file: Annotated[
        Path | None, typer.Argument(metavar="[YAML]", help="Department and referrals; else the default ones.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write, for the dashboard.")] = None,
    days: Annotated[ClinicDays, typer.Option(help="How long, after the warm-up.")] = 365,
    warm_up: Annotated[WarmUpDays, typer.Option(help="Days before, in which the department fills.")] = 90,
    seed: Annotated[Seed, typer.Option(help="Another seed, other patients.")] = 0,
    samples: Annotated[
        SomeSamples, typer.Option(help="Samples for the price in control; 0 leaves it out.")
    ] = 64,
    as_json: JsonOption = False,
) -> None:
    """Simulate a radiotherapy department: waiting, overtime, late replans, and what they cost in control."""
    department, referrals = clinic_from_yaml(file) if file is not None else (Clinic(), Referrals())
    with held(out, patience_s=BRIEFLY_S) if out is not None else nullcontext():
        run = simulate_clinic(
            department, referrals, days=days, warm_up_days=warm_up, seed=seed, samples=samples
        )
        if out is not None:
            run.save(out)
    print(json.dumps(summary_of(run), indent=1)) if as_json else print_clinic(run)


COMMAND = clinic
