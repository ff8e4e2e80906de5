"""Sequences, and the signal that they leave of a tissue."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, radians, sin
from pathlib import Path
from typing import Literal

from simulators.scanners.resonance.tissue import Relaxation
from twin.inputs.mapping import read_mapping

Region = Literal["head", "thorax"]
_FLOWN = 0.15  # of blood's signal that is left in a spin echo


@dataclass(frozen=True)
class Sequence:
    """How an image is taken.

    Args:
        kind: spin_echo, inversion (recovery, read by spin echoes or, with a short echo time, gradients) or
            gradient_echo.
        region: head or thorax.
        tr, te, ti: times of repetition, echo and inversion, ms.
        pixel_mm, slice_mm: of the image.
        angle: of the pulse, degrees.
        train: ms at the end of each repetition in which echoes are read and nothing relaxes.
        fat: share of fat's signal that is left by its suppression.
        breathing: share of a breath that the lines of the image see; 0.1 is what is left of it when breath is held.
    """

    kind: Literal["spin_echo", "inversion", "gradient_echo"]
    region: Region
    tr: float
    te: float
    pixel_mm: float
    slice_mm: float
    ti: float = 0.0
    angle: float = 90.0
    train: float = 0.0
    fat: float = 1.0
    breathing: float = 0.0

    @classmethod
    def named(cls, name: str, field_t: float, region: Region) -> Sequence | None:
        """A sequence of the table; None where the region has none of this name.

        Args:
            name: t1, t2 or flair.
            field_t: 1.5 or 3, T.
            region: what is scanned.
        """
        row = read_mapping(Path(__file__).with_name("data") / "sequences.yaml")[region].get(name)
        return None if row is None else cls(region=region, **row[f"{field_t:g}T"])


def signal(seen: Sequence, tissue: Relaxation) -> float:
    """What a sequence leaves of a tissue, of the protons of water; below 0 where it is still inverted.

    Spin echo: PD (1 - exp(-TR/T1)) exp(-TE/T2). Inversion recovery: PD (1 - 2 exp(-TI/T1) + exp(-TR/T1)) exp(-TE/T2),
    with TR less the train of echoes. Spoiled gradient echo: PD sin a (1 - E1) / (1 - E1 cos a) exp(-TE/T2*), E1
    = exp(-TR/T1)
    (Haacke et al., Magnetic Resonance Imaging, 1999).

    Args:
        seen: the sequence.
        tissue: the tissue.

    Example:
        >>> null = Sequence("inversion", "head", 9000, 0, 1, 1, ti=2470)
        >>> abs(signal(null, Relaxation(1.0, 4280, 2030, 50))) < 0.002
        True
    """
    recovered = exp(-(seen.tr - seen.train) / tissue.t1)
    if seen.kind == "gradient_echo":
        a = radians(seen.angle)
        steady = sin(a) * (1 - recovered) / (1 - recovered * cos(a))
        return tissue.pd * steady * exp(-seen.te / tissue.t2star)
    echo = exp(-seen.te / tissue.t2)
    if seen.kind == "inversion":
        return tissue.pd * (1 - 2 * (1 - tissue.inflow) * exp(-seen.ti / tissue.t1) + recovered) * echo
    return tissue.pd * (1 - recovered) * echo * (_FLOWN if tissue.flows else 1.0)
