"""What drives each outcome, as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from scenarios.records.schema import OUTCOMES, SIMULATED
from scenarios.report.colours import PLAN_COLOURS
from twin import InputError
from twin.files.atomic import atomic_file

KINDS = (".png", ".svg")


def check_picture(path: Path) -> None:
    """Refuse a picture that could not be written, before anything is computed.

    Args:
        path: of the picture.

    Raises:
        InputError: another ending than one of `KINDS`, or no such folder.
    """
    if path.suffix not in KINDS:
        raise InputError(f"the picture {path} must end in {' or '.join(KINDS)}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"there is no folder {path.absolute().parent} to write the picture to")


def write_figure(table: pl.DataFrame, title: str, path: Path) -> None:
    """Write bars of the shares of variance: filled those that a group explains alone, open those with others.

    Args:
        table: of `scenarios.sensitivity.sensitivity`.
        title: patient and plan.
        path: ends in one of `KINDS`.

    Raises:
        InputError: another ending, or no such folder.
    """
    check_picture(path)
    from matplotlib.figure import Figure

    outcomes = table["outcome"].unique(maintain_order=True).to_list()
    groups = table["group"].unique(maintain_order=True).to_list()
    picture = Figure(figsize=(3.2 + 2.4 * len(outcomes), 1.2 + 0.32 * len(groups)), layout="constrained")
    panels = picture.subplots(1, len(outcomes), sharey=True, squeeze=False)[0]
    at = np.arange(len(groups))
    for axes, outcome, colour in zip(panels, outcomes, PLAN_COLOURS, strict=False):
        rows = table.filter(pl.col("outcome") == outcome)
        alone, whole = rows["first"].to_numpy(), rows["total"].to_numpy()
        axes.barh(at, whole, 0.7, fill=False, edgecolor=colour)
        axes.barh(at, np.maximum(alone, 0.0), 0.7, color=colour)
        name = OUTCOMES.get(outcome, outcome).split(" (")[0].replace(" from day 0", "")
        axes.set_title(f"{name}\nSD {rows['sd'][0]:.1f} points", fontsize=9)
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of variance", fontsize=8)
        axes.tick_params(labelsize=8)
    panels[0].set_yticks(at, groups)
    panels[0].invert_yaxis()
    picture.suptitle(f"{title}: filled alone, open with interactions. {SIMULATED}", fontsize=8)
    with atomic_file(path) as part:
        picture.savefig(
            part, format=path.suffix[1:], dpi=110, metadata={"Date": None} if path.suffix == ".svg" else {}
        )
