"""The command `rt-twin phantom`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import fresh
from simulators.insilico.patient import make_patient
from twin.files.folder import TRUTH
from twin.inputs.quantities import InSilicoCm3, Seed


def phantom(
    out: Annotated[Path, typer.Argument(metavar="OUT.twin", help="The twin folder to write.")],
    seed: Annotated[Seed, typer.Option(help="Another seed, another patient.")] = 7,
    gtv_cm3: Annotated[InSilicoCm3, typer.Option("--gtv-cm3", help="Tumour volume, cm3.")] = 60.0,
    site: Annotated[str, typer.Option(help="central or peripheral")] = "central",
    nodes: Annotated[bool, typer.Option("--nodes", help="With involved nodes.")] = False,
) -> None:
    """Make an in-silico NSCLC patient; its truth is written beside the twin as truth.json."""
    with fresh(out) as part:
        twin, truth = make_patient(seed, gtv_cm3=gtv_cm3, site=site, nodes=nodes)  # type: ignore[arg-type]
        twin.save(part)
        (part / TRUTH).write_text(json.dumps(truth, indent=1))
    print(f"{out}: in-silico patient {twin.id}, GTV {twin.gtv_cm3:.1f} cm3")


COMMAND = phantom
