"""What dose-volume histograms of a run say in numbers: for each structure and plan, one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scenarios.records.run import PlanRecord

if TYPE_CHECKING:
    from simulators.dose.dvh import Dvh

SCHEMA: dict[str, type[pl.DataType]] = {
    "structure": pl.String,
    "plan": pl.String,
    "estimated": pl.Boolean,
    "dose_method": pl.String,
    "volume_cm3": pl.Float64,
    "mean_gy": pl.Float64,
    "d98_gy": pl.Float64,
    "d95_gy": pl.Float64,
    "d50_gy": pl.Float64,
    "d2_gy": pl.Float64,
    "v5_percent": pl.Float64,
    "v20_percent": pl.Float64,
    "v30_percent": pl.Float64,
    "v95_percent": pl.Float64,
}
NOTE = (
    "Of the planned physical dose, from histograms in steps of 0.25 Gy. D95: the least dose in the hottest 95 % of the "
    "volume; V20: the share of it with 20 Gy or more; V95 %: with 95 % of the prescription or more (ICRU 83)."
)
_DOSES_GY = (5.0, 20.0, 30.0)
_PERCENT = (98.0, 95.0, 50.0, 2.0)
_ANY_CM3 = 1000.0  # of a structure whose volume nothing here depends on


def dose_statistics(
    dvh: pl.DataFrame, plans: Sequence[PlanRecord], volumes_cm3: Mapping[str, float]
) -> pl.DataFrame:
    """Mean dose, D98, D95, D50, D2, V5, V20, V30 and V95 % of every structure under every plan.

    Args:
        dvh: the table of a run.
        plans: of the run.
        volumes_cm3: of structures by name; that of others is null.

    Returns:
        A row for each structure and plan, with the columns of `SCHEMA`: doses in Gy, shares in %.
    """
    total = {plan.slug: plan.total_gy for plan in plans}
    rows = []
    for (structure, slug), curve in dvh.group_by("structure", "plan", maintain_order=True):
        name, prescribed = str(structure), total.get(str(slug), 0.0)
        histogram = recorded(curve, volumes_cm3.get(name))
        shares = [100.0 * histogram.v(gy) for gy in _DOSES_GY]
        of_plan = 100.0 * histogram.v(0.95 * prescribed) if prescribed else None
        doses = [histogram.d(percent) for percent in _PERCENT]
        about = (name, slug, histogram.estimated, curve["dose_method"][0], volumes_cm3.get(name))
        rows.append((*about, histogram.mean_gy, *doses, *shares, of_plan))
    order = pl.Enum(dvh["structure"].unique(maintain_order=True))
    found = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return found.sort(pl.col("structure").cast(order), maintain_order=True)


def recorded(curve: pl.DataFrame, volume_cm3: float | None = None) -> Dvh:
    """The histogram that a run's table holds of one structure under one plan, in the fine steps of `Dvh`.

    Args:
        curve: its rows of `dvh`.
        volume_cm3: of the structure, where it is known.
    """
    from simulators.dose.dvh import BIN_GY, Dvh

    gy, share = curve["dose_gy"].to_numpy(), curve["volume_fraction"].to_numpy()
    edges = np.arange(int(np.ceil(gy[-1] / BIN_GY)) + 2) * BIN_GY
    fine = np.interp(edges, gy, share, left=1.0, right=0.0)
    mean = float(np.trapezoid(share, gy))
    least, most = (float(gy[found].max(initial=0.0)) for found in (share >= 1.0, share > 0))
    cm3 = _ANY_CM3 if volume_cm3 is None else volume_cm3
    return Dvh(curve["structure"][0], edges, fine, mean, least, most, cm3, bool(curve["estimated"][0]))
