"""A 6 MV flattened beam: its spectrum, its source, and where the energy goes that a photon sets free in water.

Lengths are cm of water, energies MeV.
"""

from __future__ import annotations

from functools import cache

import numpy as np

SAD_MM = 1000.0
# Photons per MeV in bins of 0.25 MeV that end at 0.25, 0.5, ... (Mohan, Chui and Lidofsky, Med Phys 12:592, 1985, as
# the file mohan6.spectrum of EGSnrc gives them).
_PHOTONS = (
    0.004108, 0.129518, 0.460902, 0.460902, 0.443588, 0.408496, 0.408496, 0.249650, 0.236769, 0.186714, 0.138268,
    0.130455, 0.148444, 0.094962, 0.124658, 0.097732, 0.088920, 0.051549, 0.041840, 0.048033, 0.016247, 0.027154,
    0.011993, 0.015737,
)  # fmt: skip
_BIN_MEV = 0.25
# Mass attenuation coefficients of water, cm2/g (Hubbell and Seltzer, NISTIR 5632).
_MEV = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
_ATTENUATION = (
    0.1707, 0.1505, 0.1370, 0.1186, 0.1061, 0.09687, 0.08956, 0.07865, 0.07072, 0.06323, 0.05754, 0.04942, 0.03969,
    0.03403, 0.03031, 0.02770,
)  # fmt: skip
# The point kernel of that spectrum: energy set free by a photon comes to rest at distance r in direction theta with
# r^2 k = A exp(-a r) + B exp(-b r), per cm and sr, in unit density (the form of Ahnesjo, Med Phys 16:577, 1989; fitted
# to EGSnrc's kernels, weighted by the spectrum's TERMA). Bands end at these angles, degrees.
BAND_DEG = (0.0, 7.5, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 120.0, 180.0)
_A = (1.86, 1.22, 0.629, 0.311, 0.167, 0.0911, 0.0495, 0.0206, 0.006)
_a = (2.94, 2.52, 2.31, 2.56, 3.24, 4.30, 5.78, 8.35, 16.0)
_B = (0.0161, 0.0122, 0.00713, 0.00359, 0.00192, 0.00112, 0.00072, 0.00047, 0.0003)
# What the scattered part is scaled by: the fit is good to 5 %, and depth doses and output factors that superposition
# of the kernels themselves gives (10 x 10: 86.2, 66.3, 37.9 % at 5, 10, 20 cm) ask for this.
_SCATTER_SCALE = 0.87
_b = (0.036, 0.034, 0.034, 0.036, 0.036, 0.034, 0.032, 0.030, 0.026)
# All bands share these decays, per cm, so that one transport along a direction serves all beams: the last is scatter's.
DECAY = (2.4, 3.4, 8.0, 0.035)
SCATTER = 3
_SCATTER_REACH_CM = 30.0
# The source in the plane of the isocentre: most comes from the target, seen through the leaves as a narrow Gaussian
# (focal spot 1.5 mm wide at half height, leaves half-way), the rest from the flattening filter as a broad one. Weight
# and width of the latter were fitted to output factors (docs/model.md, 6).
FOCUS_SIGMA_MM = 0.8
FILTER_WEIGHT = 0.08
FILTER_SIGMA_MM = 33.0
TABLE_STEP_CM = 0.1
_TABLE_CM = 100.0


@cache
def spectrum() -> tuple[np.ndarray, np.ndarray]:
    """Energy fluence in bins, (n,) of sum 1, and the attenuation of water there, (n,) cm2/g."""
    photons = np.array(_PHOTONS)
    energy = (np.arange(photons.size) + 0.5) * _BIN_MEV
    attenuation = np.exp(np.interp(np.log(energy), np.log(_MEV), np.log(_ATTENUATION)))
    return photons * energy / (photons * energy).sum(), attenuation


@cache
def terma_table() -> np.ndarray:
    """TERMA of a parallel beam of unit energy fluence by depth of water in steps of TABLE_STEP_CM, float32, cm2/g.

    The mean attenuation falls with depth as the soft end of the spectrum is used up: the beam hardens.
    """
    weight, attenuation = spectrum()
    depth = np.arange(0.0, _TABLE_CM, TABLE_STEP_CM)
    return (np.exp(-np.outer(depth, attenuation)) @ (weight * attenuation)).astype(np.float32)


@cache
def band_energy() -> np.ndarray:
    """Energy per sr that each band of angles gives to each of the shared decays, (bands, decays) of integral 1.

    A band's primary part is split over the two neighbouring decays so that energy and mean distance stay; its
    scattered part keeps the energy that comes to rest within 30 cm.
    """
    energy = np.zeros((len(_A), len(DECAY)))
    primary = np.array(DECAY[:SCATTER])
    for band, (height, decay, broad, slow) in enumerate(zip(_A, _a, _B, _b, strict=True)):
        upper = int(np.clip(np.searchsorted(primary, decay), 1, primary.size - 1))
        near, far = primary[upper], primary[upper - 1]
        share = float(np.clip((1 / decay - 1 / near) / (1 / far - 1 / near), 0.0, 1.0))
        energy[band, upper - 1 : upper + 1] = height / decay * np.array([share, 1 - share])
        kept = (1 - np.exp(-slow * _SCATTER_REACH_CM)) / (1 - np.exp(-DECAY[SCATTER] * _SCATTER_REACH_CM))
        energy[band, SCATTER] = _SCATTER_SCALE * broad / slow * kept
    return energy / (energy.sum(axis=1) @ -np.diff(2 * np.pi * np.cos(np.radians(BAND_DEG))))
