"""What a detector reads behind soft tissue and bone: beams are of many energies and harden on their way."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

SOFT_STEP, BONE_STEP = 1.0, 0.5  # g/cm2, of the table
_SOFT_END, _BONE_END = 90.0, 30.0
_SCINTILLATOR, _SCINTILLATOR_G_CM2 = "CsI", 0.27  # 0.6 mm
ALUMINIUM_AS_BONE = 0.9  # g/cm2 of cortical bone that harden a beam as 1 g/cm2 of aluminium does


class Signal:
    """The energy that an indirect detector takes from a beam, against that of the open beam.

    Args:
        beam: column of `data/spectra.csv`, as 120kV_6Al.
    """

    def __init__(self, beam: str) -> None:
        kev, spectra = _table("spectra")
        mu = _table("attenuation")[1]
        photons = spectra[beam]
        taken = 1 - np.exp(-mu[_SCINTILLATOR] * _SCINTILLATOR_G_CM2)
        energy = photons * taken * kev
        weight = energy / energy.sum()
        soft, bone = np.arange(0, _SOFT_END, SOFT_STEP), np.arange(0, _BONE_END, BONE_STEP)
        left = np.exp(-np.outer(soft, mu["water"]))[:, None] * np.exp(-np.outer(bone, mu["bone"]))
        self.table = -np.log(left @ weight).astype(np.float32)
        # As many quanta as have the signal's relative noise: the energy of each adds to its variance.
        self.quanta_per_cm2_mas = float(energy.sum() ** 2 / (energy * kev).sum())

    def attenuation(self, soft: np.ndarray, bone: np.ndarray) -> np.ndarray:
        """Minus the logarithm of what is left of the signal.

        Args:
            soft, bone: paths, g/cm2, of one shape.

        Returns:
            Of that shape, float32.
        """
        from scipy.ndimage import map_coordinates

        at = np.stack([np.ravel(soft) / SOFT_STEP, np.ravel(bone) / BONE_STEP])
        return map_coordinates(self.table, at, order=1, mode="nearest").reshape(np.shape(soft))

    def water_path(self, attenuation: np.ndarray, behind_bone: float = 0.0) -> np.ndarray:
        """The path of water that attenuates as much, g/cm2: linear in the object where that is water.

        Args:
            attenuation: of the object, minus the logarithm.
            behind_bone: g/cm2 of bone that harden the beam before.
        """
        column = behind_bone / BONE_STEP
        low = min(int(column), self.table.shape[1] - 2)
        curve = self.table[:, low] + (column - low) * (self.table[:, low + 1] - self.table[:, low])
        curve = curve - curve[0]
        path = np.interp(attenuation, curve, np.arange(curve.size) * SOFT_STEP)
        first = float(curve[1] - curve[0])
        return np.where(attenuation < 0, attenuation / first * SOFT_STEP, path)  # noise around no object


@cache
def _table(name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Energies, keV, and the columns of a file."""
    file = Path(__file__).with_name("data") / f"{name}.csv"
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    values = np.array([line.split(",") for line in lines[1:]], dtype=float)
    columns = dict(zip(lines[0].split(","), values.T, strict=True))
    return columns.pop("kev"), columns


def mass_attenuation(material: str, kev: float) -> float:
    """Mass attenuation coefficient, cm2/g.

    Args:
        material: column of `data/attenuation.csv`.
        kev: energy, keV.

    Example:
        >>> round(mass_attenuation("water", 60.0), 4)
        0.2059
    """
    energies, mu = _table("attenuation")
    return float(np.exp(np.interp(np.log(kev), np.log(energies), np.log(mu[material]))))
