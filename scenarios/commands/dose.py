"""The command `rt-twin dose`."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scenarios.commands.arguments import AssumeOption, JsonOption, TwinArg, assumed_by
from scenarios.commands.facts import print_facts
from scenarios.commands.progress import progress_bar
from scenarios.plans.plan import TreatmentPlan
from twin import InputError, PatientTwin, Scan
from twin.anatomy.plausibility import missed_nodes

if TYPE_CHECKING:
    from scenarios.engine.other_scan import OtherScan
    from simulators.planner.template import Template

_FAR = 0.1  # of a limit: what weights of the objectives change is less [assumed]


def dose(
    twin: TwinArg,
    plan: Annotated[str, typer.Option(help="60/30, 54/3, ...")],
    scan: Annotated[
        str | None, typer.Option(help="Recalculate on this CT of the twin, and compare with the baseline CT.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the dose in the twin; comparisons of this plan take it.")
    ] = False,
    assume: AssumeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan a prescription on a twin's CT and calculate its dose by superposition; or recalculate it on another scan."""
    from scenarios.engine.fluence import FluencePlans, kept
    from scenarios.engine.other_scan import body_on, ct_named, on_other_scan
    from simulators.planner import hold, measures
    from simulators.planner.plan import METHOD

    begin = perf_counter()
    patient, asked = PatientTwin.load(twin), TreatmentPlan.parse(plan)
    if asked.total_gy == 0:
        raise InputError(f"the plan {asked.label} gives no dose; there is nothing to calculate")
    with progress_bar() as progress:
        plans = FluencePlans(patient, told=progress, templates=assumed_by(assume).get("templates"))
        there = None if scan is None else ct_named(patient, scan)
        body = None if there is None else body_on(patient, there)
        if there is not None and body is not None:  # before anything is planned
            hold(there, body, plans.grown.of(asked))
        planned, limits = plans.of(asked), plans.limits(asked)
        facts: dict[str, Any] = {"plan": asked.label, "technique": planned.template.name, "method": METHOD}
        calculated = planned.dose
        if there is not None and body is not None:
            progress(f"on {there.name}", 1.0)
            other = on_other_scan(patient, planned, there, body)
            calculated = other.dose
            facts |= _compared(there, other)
    found = measures(calculated, patient.contours, planned.targets)
    nodes = missed_nodes(patient.contours, calculated.volume, asked.total_gy, asked.label)
    facts |= found | {"notes": [*limits, *planned.notes, *nodes], "seconds": perf_counter() - begin}
    print_facts(facts, as_json)
    _refuse_what_no_plan_meets(
        asked, measures(planned.dose, patient.contours, planned.targets), planned.template
    )
    if keep:
        with PatientTwin.changing(twin) as before:
            kept(before, planned.dose).save(twin)


def _refuse_what_no_plan_meets(
    asked: TreatmentPlan, found: dict[str, float | None], template: Template
) -> None:
    """Refuse a prescription whose plan misses a limit on an organ by so much that no other weights would mend it.

    Raises:
        InputError: it does.
    """
    from simulators.planner import beyond_limits, of_organs

    missed = beyond_limits(of_organs(found), template, by=_FAR)
    if missed:
        raise InputError(
            f"no plan of {asked.label} that covers the target keeps its limits on this CT: {'; '.join(missed)}"
        )


def _compared(there: Scan, other: OtherScan) -> dict[str, Any]:
    """What differs on another scan."""
    return {
        "scan": there.name,
        "gamma_2_2_percent": other.gamma_percent,
        "path_change_mm": other.path_mm,
        "largest_path_change_mm": other.largest_path_mm,
        "change": other.change,
        "dvh_change_points": {
            name: {f"{gy:g} Gy": points for gy, points in curve} for name, curve in other.dvh_change.items()
        },
    }


COMMAND = dose
