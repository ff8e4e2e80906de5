"""The command `rt-twin dose`."""

from __future__ import annotations

from time import perf_counter
from typing import Annotated, Any

import typer

from scenarios.commands.arguments import JsonOption, TwinArg
from scenarios.commands.facts import print_facts
from scenarios.plans.plan import TreatmentPlan
from twin import PatientTwin
from twin.anatomy.plausibility import missed_nodes


def dose(
    twin: TwinArg,
    plan: Annotated[str, typer.Option(help="60/30, 54/3, ...")],
    scan: Annotated[
        str | None, typer.Option(help="Recalculate on this CT of the twin, and compare with the baseline CT.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the dose in the twin; comparisons of this plan take it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Plan a prescription on a twin's CT and calculate its dose by superposition; or recalculate it on another scan."""
    from scenarios.engine.fluence import ct_named, fluence_plan, kept, on_other_scan
    from simulators.planner import beyond_limits, measures
    from simulators.planner.plan import METHOD

    begin = perf_counter()
    patient = PatientTwin.load(twin)
    there = None if scan is None else ct_named(patient, scan)
    asked = TreatmentPlan.parse(plan)
    planned = fluence_plan(patient, asked)
    facts: dict[str, Any] = {"plan": asked.label, "technique": planned.template.name, "method": METHOD}
    calculated = planned.dose
    if there is not None:
        other = on_other_scan(patient, planned, there)
        calculated = other.dose
        facts |= {
            "scan": there.name,
            "gamma_2_2_percent": other.gamma_percent,
            "path_change_mm": other.path_mm,
            "largest_path_change_mm": other.largest_path_mm,
            "change": other.change,
            "dvh_change_points": {
                name: {f"{gy:g} Gy": points for gy, points in curve}
                for name, curve in other.dvh_change.items()
            },
        }
    found = measures(calculated, patient.contours, planned.targets)
    nodes = missed_nodes(patient.contours, calculated.volume, asked.total_gy, asked.label)
    notes = [*beyond_limits(found, planned.template), *planned.notes, *nodes]
    if keep:
        with PatientTwin.changing(twin) as before:
            kept(before, planned.dose).save(twin)
    facts |= found | {"notes": notes, "seconds": perf_counter() - begin}
    print_facts(facts, as_json)


COMMAND = dose
