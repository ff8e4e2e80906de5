"""The command `rt-twin bed`."""

from __future__ import annotations

from typing import Annotated

import typer

from scenarios.commands.arguments import JsonOption
from scenarios.commands.facts import print_facts
from scenarios.plans.plan import TreatmentPlan
from simulators.tumour.radiobiology import bed as biologically_effective_dose
from simulators.tumour.radiobiology import eqd2
from twin.inputs.quantities import AlphaBeta


def bed(
    plan: Annotated[str, typer.Argument(help="60/30, 54/36 tid, ...")],
    alpha_beta: Annotated[AlphaBeta, typer.Option(help="alpha/beta, Gy.")] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Biologically effective dose of a plan (no repopulation, complete repair)."""
    phases = TreatmentPlan.parse(plan).phases
    result = {
        "bed_gy": float(
            sum(biologically_effective_dose(p.total_gy, p.fraction_gy, alpha_beta) for p in phases)
        ),
        "eqd2_gy": float(sum(eqd2(p.total_gy, p.fraction_gy, alpha_beta) for p in phases)),
    }
    print_facts(result, as_json)


COMMAND = bed
