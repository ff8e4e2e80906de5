"""The command `rt-twin observe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import AssumeOption, TwinArg, assumed_by
from scenarios.commands.facts import scan_words
from scenarios.engine.observation import observe as add
from scenarios.plans.scenario import Scenario
from simulators.belief.information import what_was_moved
from simulators.belief.update import SUVS, Evidence, update_belief
from twin import InputError, PatientTwin
from twin.inputs.quantities import Cm3, Suv, Time


def observe(
    twin: TwinArg,
    day: Annotated[Time | None, typer.Option(help="Day of the observation, from day 0.")] = None,
    gtv_cm3: Annotated[Cm3 | None, typer.Option("--gtv-cm3", help="Measured tumour volume, cm3.")] = None,
    suv: Annotated[
        Suv | None, typer.Option("--suv", help="SUVmax of the tumour; it is held against one before.")
    ] = None,
    peak: Annotated[bool, typer.Option("--peak", help="The --suv is SUVpeak, not SUVmax.")] = False,
    scan: Annotated[
        Path | None,
        typer.Option(help="The CT or cone-beam CT of that day: DICOM, NIfTI or NRRD; it is registered."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            help="The tumour on that scan; without it, and without an RTSTRUCT, it is carried over."
        ),
    ] = None,
    gtv: Annotated[
        list[str] | None, typer.Option(help="Name of the tumour's structure on that scan; may be repeated.")
    ] = None,
    plan: Annotated[
        str | None, typer.Option(help="Record this plan's fractions up to that day first.")
    ] = None,
    assume: AssumeOption = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back the last observation or the last delivered fractions.")
    ] = False,
) -> None:
    """Add an observation to a twin, and the fractions delivered before it, and let its belief learn from it."""
    if undo:
        if not all(given is None for given in (day, gtv_cm3, suv, scan, mask, gtv, plan)) or peak:
            raise InputError("--undo takes back what was added last and goes with no other option")
        _undo(twin)
        return
    if day is None:
        raise InputError("an observation needs its day; give --day, or --undo to take the last one back")
    delivered = None if plan is None else Scenario.parse(plan)
    with PatientTwin.changing(twin) as before:
        seen = add(before, day, gtv_cm3=gtv_cm3, suv=suv, peak=peak, scan=scan, mask=mask,
                   gtv=gtv or (), plan=delivered)  # fmt: skip
        patient = update_belief(seen, constants=assumed_by(assume).get("prior"))
        patient.save(twin)
    last = patient.observations[-1]
    what = {"gtv_cm3": "{:.1f} cm3", "suv_max": "SUVmax {:.1f}", "suv_peak": "SUVpeak {:.1f}"}[last.kind]
    done = f"{len(patient.fractions)} fractions delivered"
    print(f"{twin}: {what.format(last.value)} on day {last.time_days:g}, {done}")
    if scan is not None:
        _print_registered(before, patient)
    if patient.belief is not None and patient.belief.ess is not None:
        print(f"belief: posterior of {patient.belief.n} samples, effectively {patient.belief.ess:.0f}")
    _print_moved(before, patient)


def _print_registered(before: PatientTwin, after: PatientTwin) -> None:
    """How well the scan fits, what was carried over, and the delivered dose through it."""
    scan = next(s for s in after.scans if s.name == after.observations[-1].scan)
    for note in after.notes[len(before.notes) :]:
        print(f"note: {note}")
    print(scan_words(scan))
    on_it = next(s for s in after.structures if s.geometry.same_grid(scan.volume.geometry))
    carried = [s.name for s in on_it if s.carried_from]
    if carried:
        print(f"carried over from {after.baseline.name}, to be looked at: {', '.join(carried)}")
    error = after.observations[-1].error
    if error:
        print(
            f"its volume counts with {100 * error:g} % on top of a drawn contour's error: one that is carried over"
        )
        print(
            "stays too large where the tumour shrank; draw it and give it with --mask to learn more from the scan"
        )
    if any(f.grid is not None for f in after.fractions):
        from simulators.dose.delivered import delivered_doses

        print(f"{'delivered, mean dose (Gy)':<26}{'as planned':>14}{'through the scans':>20}")
        for name, planned, through in delivered_doses(after):
            print(f"{name:<26}{planned:>14.2f}{through:>20.2f}")


def _print_moved(before: PatientTwin, after: PatientTwin) -> None:
    """What the last observation moved: medians and 80 % intervals before and after it."""
    last = after.observations[-1]
    learned = Evidence.of(after, set())
    if last.kind in SUVS and last not in learned.observations:
        first = last.kind in learned.baseline_suv
        why = "later ones are held against it" if first else "there is none of its kind from before treatment"
        print(f"nothing is learned from this SUV: {why}")
        return
    known = before.belief or update_belief(before).belief
    if known is None or after.belief is None:
        return
    print(f"{'moved by it':<26}{'before':>28}{'after':>28}")
    for name, *both in what_was_moved(known, after.belief):
        cells = (f"{m:.3g} ({low:.3g} to {high:.3g})" for low, m, high in both)
        print(f"{name:<26}" + "".join(f"{cell:>28}" for cell in cells))


def _undo(path: Path) -> None:
    """Take back the last change of a twin and let its belief learn from what is left."""
    with PatientTwin.changing(path) as before:
        after = before.undone()
        (after if before.belief is None else update_belief(after)).save(path)
    print(f"{path}: {after.history[-1].words}")
    print(f"now day {after.now_days:g}, {len(after.fractions)} fractions delivered")


COMMAND = observe
