"""Brain metastases of NSCLC: where they lie, how large they are, their rim, necrosis and oedema."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MEAN_NUMBER = 1.6  # beyond the first: half of patients have one or two [quoted from memory]
MOST = 6
_MEDIAN_CM3, _SPREAD_LN = 1.2, 1.1
_NECROSIS_FROM_MM = 6.0  # radius; smaller ones are solid
_DEEP_MM = -6.0  # from the dura
_SHALLOW_MM = -26.0
_APART_MM = 12.0


@dataclass(frozen=True)
class Metastasis:
    """One metastasis.

    Args:
        centre: LPS (x, y, z) mm.
        radius_mm: of a ball of its volume.
        rim_mm: of what is alive around a necrosis; 0 where it is solid.
        oedema_mm: how far oedema reaches beyond it in white matter.
    """

    centre: tuple[float, float, float]
    radius_mm: float
    rim_mm: float
    oedema_mm: float


def drawn(
    number: int | None, grey: np.ndarray, white: np.ndarray, dura: np.ndarray, corner: np.ndarray, step_mm: float,
    rng: np.random.Generator,
) -> list[Metastasis]:  # fmt: skip
    """Metastases at the junction of grey and white matter, where arteries narrow (Hwang et al., Cancer 77:1551, 1996).

    Args:
        number: how many; by chance where None.
        grey, white: (z, y, x) shares, coarse.
        dura: (z, y, x) signed distance there, mm.
        corner: LPS (x, y, z) of the first voxel, mm.
        step_mm: between voxels.
        rng: of everything.
    """
    wanted = min(MOST, 1 + int(rng.poisson(_MEAN_NUMBER))) if number is None else number
    junction = (grey > 0.25) & (white > 0.25) & (dura < _DEEP_MM) & (dura > _SHALLOW_MM)
    places = np.argwhere(junction)
    made: list[Metastasis] = []
    for _ in range(50 * wanted):
        if len(made) == wanted or not places.size:
            break
        z, y, x = places[int(rng.integers(len(places)))]
        cm3 = float(np.clip(_MEDIAN_CM3 * np.exp(_SPREAD_LN * rng.standard_normal()), 0.1, 20.0))
        radius = (3 * cm3 * 1000 / (4 * np.pi)) ** (1 / 3)
        rim = float(rng.uniform(2.0, 3.5)) if radius > _NECROSIS_FROM_MM else 0.0
        oedema = float(np.clip(rng.lognormal(np.log(7.0), 0.6), 0, 25)) if radius > 4 else 0.0
        centre = corner + step_mm * np.array([x, y, z])
        if all(
            np.linalg.norm(centre - m.centre) > radius + m.radius_mm + _APART_MM for m in made
        ):  # a place too near is drawn anew
            made.append(
                Metastasis((float(centre[0]), float(centre[1]), float(centre[2])), radius, rim, oedema)
            )
    return made
