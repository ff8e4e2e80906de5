"""Radiation injury of the lung on CT: ground glass, then fibrosis, where the dose was; consolidation where it ablates.

dHU = A(t) / (1 + (40 Gy / EQD2_3)^4) in aerated lung, A about 150 HU at its height; ground glass in months 1 to 6,
fibrosis later. Stereotactic doses consolidate it: C(t) / (1 + (100 Gy / EQD2_3)^8), C about 600 HU, dense and of the
high dose's shape; mass-like from a median of 5 months on (Int J Clin Oncol 12:356, 2007; Cancer Imaging 22, 2022,
doi 10.1186/s40644-022-00491-1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.anatomy.lattice import SplineBasis
from simulators.anatomy.tumour_site import smoothstep
from simulators.core.chance import Key
from twin import Geometry

PEAK_HU = 150.0
HALF_EQD2_GY = 40.0
STEEPNESS = 4.0
THRESHOLD_GY = 15.0
LABEL_HU = 40.0
SCAR_LOSS = 0.25
ABLATED_HU = 600.0
ABLATIVE_GY, _ABLATIVE_STEEPNESS = (
    100.0,
    8.0,
)  # 34 Gy in three fractions; conventional courses end below [assumed]
_DENSE_HU, _AERATED_HU, _AIRWAY_HU = 40.0, -800.0, -950.0
_DAYS_PER_MONTH = 30.4375
_SPREAD_LN = 0.25
_STREAMS = 1_000_003  # far above any event's ordinal
# A cubic B-spline's weights squared sum to 151/315 on average along one axis.
_SPLINE_SD = (151.0 / 315.0) ** 1.5


def amplitude_hu(since_rt_end_days: float) -> float:
    """Rise of HU at very high dose, mean over patients: nothing for three weeks, at its height from month 4.

    It stays at its height to month 6 and settles to 80 % by month 12, when the scar has contracted.

    Args:
        since_rt_end_days: time since the end of radiotherapy, days.

    Example:
        >>> [round(amplitude_hu(30.4375 * m)) for m in (-1, 0.5, 4, 5, 12, 24)]
        [0, 0, 150, 150, 120, 120]
    """
    months = since_rt_end_days / _DAYS_PER_MONTH
    return (
        PEAK_HU
        * float(smoothstep((months - 0.7) / 3.3))
        * (1.0 - 0.2 * float(smoothstep((months - 6.0) / 6.0)))
    )


def fibrosis_share(since_rt_end_days: float) -> float:
    """How far ground glass has turned into dense strands: 0 to month 6, 1 from month 12.

    Args:
        since_rt_end_days: time since the end of radiotherapy, days.
    """
    return float(smoothstep((since_rt_end_days / _DAYS_PER_MONTH - 6.0) / 6.0))


def scar_tau(since_rt_end_days: float) -> float:
    """-ln of what is left of the lung's volume at very high dose: a quarter is lost from month 6 to 12 [assumed].

    Args:
        since_rt_end_days: time since the end of radiotherapy, days.
    """
    return -float(np.log1p(-SCAR_LOSS * fibrosis_share(since_rt_end_days)))


def response(eqd2_gy: np.ndarray) -> np.ndarray:
    """Share of the amplitude that a dose calls out, 0 to 1; exactly 0 at and below 15 Gy.

    Args:
        eqd2_gy: EQD2 with alpha/beta 3 Gy, any shape.

    Example:
        >>> [round(float(r), 2) for r in response(np.array([0.0, 15.0, 40.0]))]
        [0.0, 0.0, 0.48]
    """
    ratio = HALF_EQD2_GY / np.maximum(np.asarray(eqd2_gy, dtype=np.float32), 1.0)
    floor = 1.0 / (1.0 + (HALF_EQD2_GY / THRESHOLD_GY) ** STEEPNESS)
    return np.maximum(0.0, 1.0 / (1.0 + ratio**STEEPNESS) - floor)


def ablation(eqd2_gy: np.ndarray) -> np.ndarray:
    """How far a dose ablates lung, 0 to 1: its shape is that of the high dose alone.

    Args:
        eqd2_gy: EQD2 with alpha/beta 3 Gy, any shape.

    Example:
        >>> [round(float(a), 2) for a in ablation(np.array([60.0, 100.0, 144.0, 227.0]))]
        [0.02, 0.5, 0.95, 1.0]
    """
    ratio = ABLATIVE_GY / np.maximum(np.asarray(eqd2_gy, dtype=np.float32), 1.0)
    return 1.0 / (1.0 + ratio**_ABLATIVE_STEEPNESS)


def consolidated_share(since_rt_end_days: float) -> float:
    """How far ablated lung has turned dense: from month 2, half at month 5, wholly by month 8.

    Args:
        since_rt_end_days: time since the end of radiotherapy, days.
    """
    return float(smoothstep((since_rt_end_days / _DAYS_PER_MONTH - 2.0) / 6.0))


@dataclass(frozen=True, eq=False)
class Reaction:
    """How lung answers a dose.

    Args:
        response: (z, y, x) float32 `response` times the share of lung, 0 to 1.
        ablation: (z, y, x) float32 `ablation` of that response, 0 to 1.
    """

    response: np.ndarray
    ablation: np.ndarray


def mean_injury_hu(reaction: Reaction, since_rt_end_days: float) -> np.ndarray:
    """(z, y, x) float32 rise of HU of aerated lung, mean over patients and patterns.

    Args:
        reaction: of the lung.
        since_rt_end_days: time from the end of the course, days.
    """
    dense = reaction.ablation * np.float32(consolidated_share(since_rt_end_days))
    glass = np.float32(amplitude_hu(since_rt_end_days))
    return reaction.response * (glass * (1.0 - dense) + np.float32(ABLATED_HU) * dense)


def injury_hu(
    reaction: Reaction, geometry: Geometry, whole: Geometry, since_rt_end_days: float, key: Key
) -> np.ndarray:
    """Rise of HU of aerated lung in one patient; `filled` says what an image shows of it.

    Args:
        reaction: of the lung.
        geometry: its grid.
        whole: grid of the whole scan; the patches hang on it, so that they do not move with the crop.
        since_rt_end_days: time from the end of the course, days.
        key: one patient's pattern and proneness, the same through time.

    Returns:
        (z, y, x) float32 HU, zero outside irradiated lung.
    """
    out = np.zeros(geometry.shape, dtype=np.float32)
    amplitude = amplitude_hu(since_rt_end_days)
    at = np.nonzero(reaction.response > 1e-3)
    if amplitude <= 0.0 or at[0].size == 0:
        return out
    prone = float(np.exp(_SPREAD_LN * key.generator().standard_normal() - 0.5 * _SPREAD_LN**2))
    cloudy = smooth_noise(key, 1, 8.0, geometry, whole)[at]
    strands = smooth_noise(key, 2, 4.5, geometry, whole)[at]
    share = fibrosis_share(since_rt_end_days)
    # All patterns have mean 1: log-normal clouds for ground glass, few dense strands for fibrosis; what is ablated is
    # dense throughout.
    glass = np.exp(0.35 * cloudy - 0.35**2 / 2)
    scar = np.exp(0.8 * (0.7 * cloudy + 0.714 * strands) - 0.8**2 / 2)
    loose = amplitude * ((1.0 - share) * glass + share * np.minimum(scar, 3.5))
    dense = reaction.ablation[at] * np.float32(consolidated_share(since_rt_end_days))
    solid = ABLATED_HU * np.exp(0.12 * cloudy - 0.12**2 / 2)
    out[at] = prone * reaction.response[at] * (loose * (1.0 - dense) + solid * dense)
    return out


def filled(hu: np.ndarray, rise: np.ndarray) -> np.ndarray:
    """What a rise of HU in aerated lung is where there is less air to fill: none in soft tissue or within an airway.

    Args:
        hu: (z, y, x) of the image without injury and without noise.
        rise: (z, y, x) HU in aerated lung.

    Returns:
        (z, y, x) float32 HU, by which no voxel rises above soft tissue.
    """
    air = np.clip((_DENSE_HU - hu) / (_DENSE_HU - _AERATED_HU), 0.0, 1.0)
    air *= smoothstep((hu - _AIRWAY_HU) / 60.0)
    return (np.minimum(rise, _DENSE_HU - _AERATED_HU) * air).astype(np.float32)


def smooth_noise(key: Key, stream: int, scale_mm: float, geometry: Geometry, whole: Geometry) -> np.ndarray:
    """(z, y, x) float32 smooth noise of mean 0 and SD 1, from a lattice that hangs on the whole scan.

    Args:
        key: chance.
        stream: tells apart several noises of one key.
        scale_mm: distance between the lattice's nodes, mm.
        geometry: where it is wanted, a crop of the whole scan.
        whole: grid of the whole scan.
    """
    lattice = whole.resampled(scale_mm)
    nodes = key.at(ordinal=_STREAMS + stream).generator().standard_normal(lattice.shape).astype(np.float32)
    return SplineBasis.between(geometry, lattice).spread(nodes) / np.float32(_SPLINE_SD)
