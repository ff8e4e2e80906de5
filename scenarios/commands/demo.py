"""The command `rt-twin demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.compare import compare
from scenarios.commands.phantom import phantom

PLANS = ["60/30", "55/20"]
_DAYS = 180


def demo(
    folder: Annotated[Path, typer.Argument(help="The folder that gets demo-patient.twin and the run demo.")],
) -> None:
    """Make an in-silico patient and compare two plans for him: what the first look at the dashboard goes through."""
    patient = folder / "demo-patient.twin"
    if not patient.exists():
        phantom(patient)
    compare(patient, plan=PLANS, out=folder / "demo", days=_DAYS)


COMMAND = demo
