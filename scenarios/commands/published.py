"""The command `rt-twin published`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from scenarios.benchmark.published import published_scores
from scenarios.commands.arguments import JsonOption
from twin.inputs.quantities import Confounding, LearnedFrom, TestPatients


def published(
    patients: Annotated[TestPatients, typer.Option(help="Of the test sets.")] = 200,
    training: Annotated[LearnedFrom, typer.Option(help="Patients that the regression learns from.")] = 2000,
    gamma: Annotated[
        list[Confounding] | None, typer.Option(help="Confounding, 0 to 10; 0 to 4 where none is given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score forecasters on the published tumour growth simulator (docs/published_simulator.md)."""
    rows = published_scores(patients, training, gamma or range(5))
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    print("RMSE and CRPS in percent of 1150 cm3; coverage of the central 80 % interval")
    for r in rows:
        print(
            f"gamma {r.gamma:g}, {r.forecast}, {r.patients}: {r.forecaster}: RMSE {r.rmse_percent:.2f}, "
            f"CRPS {r.crps_percent:.3f}, coverage {r.coverage:.0%}"
        )


COMMAND = published
