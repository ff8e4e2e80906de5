"""Toxicity of stereotactic treatment near the central airways, by what series of such patients found.

No dose-effect relation is known that holds across them, so a rate is that of a class of distance: pooled over series
with random effects, and as uncertain as a series that nobody has seen. No patient counts twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms
from twin import InputError, StructureSet

CENTRAL_MM, ULTRACENTRAL_MM = 20.0, 10.0  # RTOG 0813; HILUS
_AIRWAYS = ("BronchialTree", "Trachea", "Carina", "Bronchus_L", "Bronchus_R")
_TREE = "BronchialTree"  # only this shows that a tumour is not central: lobar bronchi belong to it
_LEAST_SPREAD = 0.5  # SD of log odds between series where they happen to agree [assumed]
# (events, patients). HILUS: 56/8 within 1 cm, PMID 33823286; 60/8 touching: PMC7049487, SUNSET 2024 [quoted from
# memory]. Central: 50/5 or 48/4, PMC6460233; 50 to 60/5, RTOG 0813 (7.2 % of 71, PMID 30943123; toxicity in a year).
SERIES: Mapping[str, Mapping[str, tuple[tuple[float, int], ...]]] = {
    "toxicity": {"ultracentral": ((22, 65), (2, 30), (0, 21)), "central": ((10, 103), (0.072 * 71, 71))},
    "death": {"ultracentral": ((10, 65), (1, 30), (0, 21)), "central": ((1, 103),)},
}


@dataclass(frozen=True)
class Centrality:
    """How near a tumour comes to the central airways.

    Args:
        kind: "ultracentral" (within 1 cm), "central" (within 2 cm), "peripheral", or "unknown" where the structures do
            not tell.
        gap_mm: distance of the tumour's surface from them, mm; nan without airways.
        estimated: whether this software drew them.
    """

    kind: str
    gap_mm: float
    estimated: bool

    @classmethod
    def of(cls, structures: StructureSet) -> Centrality:
        """That of the GTVs drawn on a scan.

        Args:
            structures: with the GTV, and airways where they are known.
        """
        drawn = [s for s in structures if s.name in _AIRWAYS]
        try:
            gtv = structures.gtv()
        except InputError:
            drawn = []
        if not drawn:
            return cls("unknown", float("nan"), False)
        gap = _gap_mm(structures, structures.mask(*(s.name for s in drawn)), gtv)
        kind = "ultracentral" if gap <= ULTRACENTRAL_MM else "central" if gap <= CENTRAL_MM else "peripheral"
        if kind == "peripheral" and _TREE not in structures:
            kind = "unknown"
        return cls(kind, gap, any(s.estimated for s in drawn))

    @property
    def words(self) -> str:
        """For the note of an outcome."""
        if np.isnan(self.gap_mm):
            return "neither bronchial tree nor trachea is drawn"
        if self.kind == "unknown":
            return f"the tumour lies {self.gap_mm:.0f} mm from the airways that are drawn, but no {_TREE} is"
        near = "touches" if self.gap_mm == 0 else f"lies {self.gap_mm:.0f} mm from"
        return f"the tumour {near} the central airways"


def _gap_mm(structures: StructureSet, airways: np.ndarray, gtv: np.ndarray) -> float:
    """Distance between the surfaces of two masks, mm, up to a slice too little; 0 where voxels touch."""
    from scipy.ndimage import distance_transform_edt

    both = np.argwhere(airways | gtv)
    box = tuple(slice(a, b + 1) for a, b in zip(both.min(axis=0), both.max(axis=0), strict=True))
    spacing = structures.geometry.spacing_mm
    between = distance_transform_edt(~airways[box], sampling=spacing)[gtv[box]].min()
    return max(0.0, float(between) - max(spacing)) if between > 0 else 0.0


def central_risks(kind: str, n: int, seed: int) -> Mapping[str, np.ndarray]:
    """Outcome -> (n,) probability of toxicity of grade 3 to 5, and of death of it, in each draw of a series.

    All patients share the draws.

    Args:
        kind: of `Centrality`.
        n: samples.
        seed: the run's seed.

    Returns:
        nan where the structures do not tell; empty for a tumour that is known to be peripheral.
    """
    from scipy.special import expit, ndtri

    if kind == "peripheral":
        return {}
    if kind == "unknown":
        return {f"central_{what}": np.full(n, np.nan) for what in SERIES}
    z = ndtri(uniforms(Key(seed, "central tumours", Purpose.POPULATION), np.arange(n), 1)[:, 0])
    found = {}
    for what, classes in SERIES.items():
        mean, sd = pooled(classes[kind])
        found[f"central_{what}"] = expit(mean + sd * z)
    return found


def pooled(series: tuple[tuple[float, int], ...]) -> tuple[float, float]:
    """Mean and predictive SD of the log odds in a series that nobody has seen (DerSimonian and Laird 1986).

    Args:
        series: (events, patients); half an event is added to both sides where there is none.

    Example:
        >>> mean, sd = pooled(((10, 100), (10, 100)))
        >>> round(mean, 3), round(sd**2 - 0.5**2, 4)
        (-2.197, 0.1806)
    """
    counts = np.array([(e, n - e) if e > 0 else (0.5, n + 0.5) for e, n in series], dtype=np.float64)
    log_odds, variance = np.log(counts[:, 0] / counts[:, 1]), (1.0 / counts).sum(axis=1)
    weight = 1.0 / variance
    fixed = (weight * log_odds).sum() / weight.sum()
    excess = (weight * (log_odds - fixed) ** 2).sum() - (len(series) - 1)
    scale = weight.sum() - (weight**2).sum() / weight.sum()
    between = max(excess / scale if len(series) > 1 else 0.0, _LEAST_SPREAD**2)
    weight = 1.0 / (variance + between)
    return float((weight * log_odds).sum() / weight.sum()), float(np.sqrt(between + 1.0 / weight.sum()))
