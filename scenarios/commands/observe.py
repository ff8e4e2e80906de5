"""The command `rt-twin observe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import TwinArg
from scenarios.engine.observation import observe as add
from scenarios.plans.scenario import Scenario
from simulators.belief.update import update_belief
from twin import InputError, PatientTwin
from twin.inputs.quantities import Cm3, Time


def observe(
    twin: TwinArg,
    day: Annotated[Time | None, typer.Option(help="Day of the observation, from day 0.")] = None,
    gtv_cm3: Annotated[Cm3 | None, typer.Option("--gtv-cm3", help="Measured tumour volume, cm3.")] = None,
    scan: Annotated[Path | None, typer.Option(help="The CT of that day, NIfTI or NRRD.")] = None,
    mask: Annotated[Path | None, typer.Option(help="The tumour on that CT.")] = None,
    plan: Annotated[
        str | None, typer.Option(help="Record this plan's fractions up to that day first.")
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back the last observation or the last delivered fractions.")
    ] = False,
) -> None:
    """Add an observation to a twin, and the fractions delivered before it, and let its belief learn from it."""
    if undo:
        if not all(given is None for given in (day, gtv_cm3, scan, mask, plan)):
            raise InputError("--undo takes back what was added last and goes with no other option")
        _undo(twin)
        return
    if day is None:
        raise InputError("an observation needs its day; give --day, or --undo to take the last one back")
    delivered = None if plan is None else Scenario.parse(plan)
    with PatientTwin.changing(twin) as before:
        patient = update_belief(add(before, day, gtv_cm3=gtv_cm3, scan=scan, mask=mask, plan=delivered))
        patient.save(twin)
    last = patient.observations[-1]
    print(
        f"{twin}: {last.value:.1f} cm3 on day {last.time_days:g}, {len(patient.fractions)} fractions delivered"
    )
    if patient.belief is not None and patient.belief.ess is not None:
        print(f"belief: posterior of {patient.belief.n} samples, effectively {patient.belief.ess:.0f}")


def _undo(path: Path) -> None:
    """Take back the last change of a twin and let its belief learn from what is left."""
    with PatientTwin.changing(path) as before:
        after = before.undone()
        (after if before.belief is None else update_belief(after)).save(path)
    print(f"{path}: {after.history[-1].words}")
    print(f"now day {after.now_days:g}, {len(after.fractions)} fractions delivered")


COMMAND = observe
