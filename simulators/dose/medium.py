"""What photon beams pass: a CT's electron density on a cubic grid along the patient's axes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from twin import Geometry, InputError, Scan, StructureSet, Volume
from twin.structures import Role, bounding_box

# HU to electron density relative to water: nominal values of the tissue-equivalent inserts of the phantom that
# clinics calibrate with (CIRS 062: air, lung inhale, lung exhale, adipose, water, muscle, bone 200, 800 and
# 1250 mg/cm3). The last entry extends the bone line to metal.
HU_POINTS = (-1000.0, -794.0, -491.0, -64.0, 0.0, 41.0, 229.0, 816.0, 1250.0, 3000.0)
DENSITY_POINTS = (0.001, 0.190, 0.489, 0.949, 1.0, 1.043, 1.117, 1.456, 1.695, 2.66)


def electron_density(hu: np.ndarray) -> np.ndarray:
    """Electron density relative to water from HU, float32.

    Args:
        hu: any shape.

    Example:
        >>> electron_density(np.array([-1000, 0, 229])).round(3).tolist()
        [0.0010000000474974513, 1.0, 1.1169999837875366]
    """
    return np.interp(hu, HU_POINTS, DENSITY_POINTS).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Medium:
    """A patient as beams see him.

    Args:
        grid: cubic voxels along the patient's axes.
        density: (z, y, x) float32 electron density relative to water; 0 outside the body, the couch included.
    """

    grid: Geometry
    density: np.ndarray

    @classmethod
    def of(cls, scan: Scan, structures: StructureSet, spacing_mm: float) -> Medium:
        """The body on a scan.

        Args:
            scan: CT in HU.
            structures: on the scan's grid, with a body (role EXTERNAL).
            spacing_mm: voxel of the grid, mm.

        Raises:
            InputError: no body.
        """
        body = union(structures, "EXTERNAL")
        grid = aligned(body.geometry, spacing_mm, 0.0)
        around = scan.volume.crop(structures.geometry.box_of(body.geometry))
        density = electron_density(around.on(grid, fill=-1000.0)) * (body.on(grid) > 0.5)
        return cls(grid, density)

    def place(self, isocentre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First voxel from an isocentre and spacing, (z, y, x) mm.

        Args:
            isocentre: LPS (x, y, z), mm.
        """
        return place(self.grid, isocentre)

    def along_mm(self, isocentre: np.ndarray, beyond_mm: float) -> np.ndarray:
        """Evenly spaced positions along any coplanar ray, from outside the body to outside it.

        Args:
            isocentre: LPS (x, y, z), mm.
            beyond_mm: how far to go on outside the grid, mm.
        """
        corners = np.abs(self.grid.lps(_corners(self.grid.shape)) - isocentre)[:, :2]
        return centred(float(np.linalg.norm(corners, axis=1).max()) + beyond_mm, self.grid.spacing_mm[0])


def union(structures: StructureSet, role: Role) -> Volume:
    """The mask of all structures of a role, cropped to them.

    Args:
        structures: the structure set.
        role: of the structures.

    Raises:
        InputError: there is none.
    """
    found = structures.role(role)
    if not found:
        raise InputError(f"the dose needs a structure of role {role}; there is none among: "
                         f"{', '.join(structures.names) or 'no structures'}")  # fmt: skip
    if len(found) == 1:
        return found[0].mask
    whole = structures.mask(*(s.name for s in found))
    box = bounding_box(whole)
    return Volume(structures.geometry.crop(box), whole[box].astype(np.uint8), "MASK", "1")


def place(grid: Geometry, isocentre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First voxel from an isocentre and spacing of a grid along the patient's axes, (z, y, x) mm.

    Args:
        grid: the grid.
        isocentre: LPS (x, y, z), mm.
    """
    first = (np.asarray(grid.origin_mm) - isocentre)[::-1]
    return np.ascontiguousarray(first), np.asarray(grid.spacing_mm)


def aligned(geometry: Geometry, spacing_mm: float, margin_mm: float) -> Geometry:
    """A cubic grid along the patient's axes that covers another grid and a margin.

    Args:
        geometry: what is to be covered.
        spacing_mm: voxel edge, mm.
        margin_mm: around it, mm.
    """
    corners = geometry.lps(_corners(geometry.shape))
    low, high = corners.min(axis=0) - margin_mm, corners.max(axis=0) + margin_mm
    count = np.maximum(1, np.ceil((high - low) / spacing_mm - 1e-6)).astype(int)
    x0, y0, z0 = (float(v) for v in (low + high) / 2 - (count - 1) / 2 * spacing_mm)
    nx, ny, nz = (int(n) for n in count)
    return Geometry((nz, ny, nx), (spacing_mm, spacing_mm, spacing_mm), (x0, y0, z0))


def centred(half_mm: float, step_mm: float) -> np.ndarray:
    """Evenly spaced positions from -half to +half or a little beyond, symmetric about 0.

    Args:
        half_mm: how far to reach, mm.
        step_mm: spacing, mm.

    Example:
        >>> centred(5.0, 3.0).tolist()
        [-6.0, -3.0, 0.0, 3.0, 6.0]
    """
    n = int(np.ceil(half_mm / step_mm))
    return np.arange(-n, n + 1) * step_mm


def _corners(shape: tuple[int, ...]) -> np.ndarray:
    """(8, 3) fractional indices of a grid's outer corners."""
    return np.array(list(product(*((-0.5, n - 0.5) for n in shape))))
