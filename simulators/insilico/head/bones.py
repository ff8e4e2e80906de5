"""What lies around the brain, by the distance from it: subarachnoid space, skull, scalp, face and eyes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_CLOSED_MM = 14.0  # sulci and fissures narrower than twice this are spanned
_FLUID_MM = 1.2  # between the brain's surface and the skull
_TAPER = 0.25  # below its widest, a head narrows by this share of the height
_EYES_MM = ((33.0, -62.0, -34.0), (-33.0, -62.0, -34.0))  # LPS of the template; radius 12


@dataclass(frozen=True, eq=False)
class Around:
    """Signed distances, mm, negative inside, (z, y, x).

    Args:
        dura: of the space that brain and fluid fill.
        head: of the skin.
    """

    dura: np.ndarray
    head: np.ndarray

    @classmethod
    def of(cls, brain: np.ndarray, spacing_mm: float, skull_mm: float, scalp_mm: float) -> Around:
        """The walls around a brain.

        Args:
            brain: (z, y, x) bool, slices upwards.
            spacing_mm: of its voxels.
            skull_mm: thickness of the skull.
            scalp_mm: of the scalp.
        """
        from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter

        near = distance_transform_edt(~brain) * spacing_mm <= _CLOSED_MM
        closed = binary_fill_holes(distance_transform_edt(near) * spacing_mm > _CLOSED_MM - _FLUID_MM)
        dura = spacing_mm * (distance_transform_edt(~closed) - distance_transform_edt(closed))
        dura = gaussian_filter(dura.astype(np.float32), 3.0 / spacing_mm)
        head = dura - (skull_mm + scalp_mm)
        widest = int(np.argmax((head < 0).sum(axis=(1, 2))))
        for k in range(widest - 1, -1, -1):
            head[k] = np.minimum(head[k], head[k + 1] + _TAPER * spacing_mm)
        return cls(dura, head)


def eyes(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(z, y, x) bool of the eyes and of the fat around them.

    Args:
        x, y, z: LPS of the template, mm, broadcast against each other.
    """
    eye = fat = np.zeros((1, 1, 1), bool)
    for cx, cy, cz in _EYES_MM:
        away = np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2)
        behind = np.sqrt((x - cx) ** 2 + ((y - cy - 12) / 1.4) ** 2 + (z - cz) ** 2)
        eye, fat = eye | (away < 12), fat | (behind < 17)
    return eye, fat & ~eye


def airways(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(z, y, x) bool of the nose's and the sinuses' air.

    Args:
        x, y, z: LPS of the template, mm, broadcast against each other.
    """
    nose = (np.abs(np.abs(x) - 7) < 4.5) & (y > -72) & (y < -22) & (z < -38)
    antrum = np.sqrt((np.abs(x) - 30) ** 2 + ((y + 45) / 1.3) ** 2 + ((z + 66) / 1.3) ** 2) < 12
    frontal = (np.abs(np.abs(x) - 11) < 8) & (np.abs(y + 76) < 4) & (np.abs(z + 18) < 9)
    return nose | antrum | frontal
