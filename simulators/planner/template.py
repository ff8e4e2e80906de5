"""Planning templates: beams, objectives and limits of a technique, as YAML files."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field

from simulators.dose.approximate import SBRT_GY
from twin import InputError

Kind = Literal[
    "at_least", "at_most", "mean_at_most", "volume_at_most", "falloff", "far_at_most", "half_at_most"
]


class Objective(BaseModel):
    """One term of the cost: weight times a mean square of what passes a dose, in shares of the prescription.

    Args:
        structure: "PTV" (all of them), the name of one or of an organ, or "Body" (all but the PTVs).
        kind: at_least and at_most of each voxel, mean_at_most of the organ, volume_at_most of a share of it, falloff
            of each voxel by its distance from the PTV, far_at_most of each voxel 2 cm from the PTV or further,
            half_at_most of the volume that gets half the prescription.
        percent: dose, % of the prescription; or `gy`. For far_at_most and half_at_most, % of the protocol's limit on
            D2cm and R50.
        gy: dose, Gy, where the organ's tolerance does not follow the prescription.
        volume_percent: for volume_at_most.
        by_mm: (distance, % of the prescription) pairs, for falloff.
        weight: of the term.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    structure: str
    kind: Kind
    percent: float | None = None
    gy: float | None = None
    volume_percent: float = 0.0
    by_mm: tuple[tuple[float, float], ...] = ()
    weight: float = Field(gt=0)

    def level(self, prescription_gy: float) -> float:
        """The dose that it is about, as a share of the prescription."""
        return self.gy / prescription_gy if self.gy is not None else (self.percent or 0.0) / 100


class Template(BaseModel):
    """How plans of a technique are made.

    Args:
        name: of the technique.
        source: where beams, objectives and limits come from.
        modulated: fluence is free; otherwise beams are open apertures whose weights are free.
        directions: number of gantry angles.
        arc_deg: how much of a turn they cover for a target to one side, about that side; central targets take it all.
        margin_mm: of the aperture around the PTV across the beam.
        spacing_mm: voxel of the dose grid.
        planning_mm: voxel of the grid that is optimised on; that of the dose where None.
        pixel_mm: of the fluence.
        smooth_mm: Gaussian width of the finest detail of the fluence; 0 for single pixels.
        rounds: superposition and correction, before the final dose.
        normalised: name of the PTV whose D95 is made the prescription; all of them together where None.
        hottest_percent: the highest dose that normalisation accepts, % of the prescription; where coverage asks for
            more, the target's D95 gives way, down to 95 %.
        objectives: of the optimisation.
        limits: measure -> what a finished plan must reach and must not pass; None for no limit.
        limits_by_cm3: measure -> (PTV volume, what must not be passed) pairs, interpolated in the volume.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    source: str
    modulated: bool = True
    directions: int
    arc_deg: float = 360.0
    margin_mm: float
    spacing_mm: float
    planning_mm: float | None = None
    pixel_mm: float
    smooth_mm: float = 0.0
    rounds: int = 1
    normalised: str | None = None
    hottest_percent: float
    objectives: tuple[Objective, ...]
    limits: dict[str, tuple[float | None, float | None]] = {}
    limits_by_cm3: dict[str, tuple[tuple[float, float], ...]] = {}

    def limits_for(self, ptv_cm3: float) -> dict[str, tuple[float | None, float | None]]:
        """What a plan of a PTV of that volume must reach and must not pass, by measure.

        Args:
            ptv_cm3: volume of the PTV, cm3.

        Example:
            >>> template_for(18.0).limits_for(22.0)["r50"]
            (None, 4.5)
        """
        by_volume: dict[str, tuple[float | None, float | None]] = {}
        for name, pairs in self.limits_by_cm3.items():
            cm3, limit = np.array(pairs).T
            by_volume[name] = (None, float(np.interp(ptv_cm3, cm3, limit)))
        return self.limits | by_volume


TECHNIQUES = ("conventional", "hypofractionated", "stereotactic", "conformal")


def technique(name: str) -> Template:
    """The template of a technique.

    Args:
        name: one of `TECHNIQUES`.

    Raises:
        InputError: there is no such technique.
    """
    if name not in TECHNIQUES:
        raise InputError(f"no technique {name!r}; there are: {', '.join(TECHNIQUES)}")
    return _template(name)


def template_for(fraction_gy: float, *, conformal: bool = False) -> Template:
    """The template of a fraction's size.

    Args:
        fraction_gy: dose of a fraction, Gy: stereotactic from 6, hypofractionated from 2.5.
        conformal: open apertures without modulation, as old trials planned.

    Raises:
        InputError: a fraction that is not positive.
    """
    if not fraction_gy > 0:
        raise InputError(f"a plan needs a positive dose per fraction, not {fraction_gy:g} Gy")
    if conformal:
        return _template("conformal")
    if fraction_gy >= SBRT_GY:
        return _template("stereotactic")
    return _template("hypofractionated" if fraction_gy >= 2.5 else "conventional")


@cache
def _template(name: str) -> Template:
    text = (Path(__file__).parent / "data" / f"{name}.yaml").read_text(encoding="utf-8")
    return Template.model_validate(yaml.safe_load(text))
