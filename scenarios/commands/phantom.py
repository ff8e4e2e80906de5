"""The command `rt-twin phantom`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import fresh
from simulators.insilico.head import make_head
from simulators.insilico.patient import make_patient
from twin import InputError
from twin.files.folder import TRUTH
from twin.inputs.quantities import InSilicoCm3, Metastases, Seed


def phantom(
    out: Annotated[Path, typer.Argument(metavar="OUT.twin", help="The twin folder to write.")],
    seed: Annotated[Seed, typer.Option(help="Another seed, another patient.")] = 7,
    gtv_cm3: Annotated[InSilicoCm3, typer.Option("--gtv-cm3", help="Tumour volume, cm3.")] = 60.0,
    site: Annotated[str, typer.Option(help="central or peripheral")] = "central",
    nodes: Annotated[bool, typer.Option("--nodes", help="With involved nodes.")] = False,
    fine: Annotated[
        bool,
        typer.Option("--fine", help="Drawn below 0.5 mm without noise, for sharp kernels of the scanner ct."),
    ] = False,
    head: Annotated[
        Path | None,
        typer.Option(
            metavar="MAPS",
            help="A head with metastases instead, of tissue maps of the MNI: zip, wheel of nilearn, folder.",
        ),
    ] = None,
    lesions: Annotated[
        Path | None,
        typer.Option(metavar="MASKS", help="White-matter lesions of a head: zip or folder of masks."),
    ] = None,
    metastases: Annotated[Metastases | None, typer.Option(help="How many a head has; by chance.")] = None,
) -> None:
    """Make an in-silico NSCLC patient, or a head; the truth is written beside the twin as truth.json."""
    if head is None and (lesions is not None or metastases is not None):
        raise InputError("--lesions and --metastases are of a head: give --head MAPS")
    if head is not None and (nodes or fine or site != "central" or gtv_cm3 != 60.0):
        raise InputError(
            "--gtv-cm3, --site, --nodes and --fine are of a thorax; a head has --lesions and --metastases"
        )
    with fresh(out) as part:
        if head is not None:
            twin, truth = make_head(head, seed, lesions=lesions, metastases=metastases)
        else:
            twin, truth = make_patient(seed, gtv_cm3=gtv_cm3, site=site, nodes=nodes, fine=fine)  # type: ignore[arg-type]
        twin.save(part)
        (part / TRUTH).write_text(json.dumps(truth, indent=1))
    print(f"{out}: in-silico patient {twin.id}, GTV {twin.gtv_cm3:.1f} cm3")


COMMAND = phantom
