"""Where a scanner's rays run: parallel, fan and cone beams that turn about the patient's long axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin import InputError
from twin.geometry import IDENTITY, Geometry

_EVEN = 1e-6
_CENTRED = 0.02  # of the detector's width: less of an offset than this is none


@dataclass(frozen=True, eq=False)
class Beam:
    """The rays of a scan, named by view and by the pixel they meet, as it is seen in the plane of the isocentre.

    Along a view's axis s counts from the isocentre towards the source. The ray of pixel (u, v) passes the plane s at
    u (1 - s / source) across and, in a cone beam, v (1 - s / source) along z.

    Args:
        angles_rad: (views,) gantry angles: 0 from the front, a quarter turn from the patient's left.
        u_mm: (nu,) pixels across, evenly spaced; towards the patient's left where the view is from the front.
        v_mm: (nv,) pixels along z, evenly spaced.
        source_mm: from the isocentre; None where rays are parallel.
        cone: rays diverge along z too; else each v is a plane of its own.

    Raises:
        InputError: pixels that are not evenly spaced.
    """

    angles_rad: np.ndarray
    u_mm: np.ndarray
    v_mm: np.ndarray
    source_mm: float | None = None
    cone: bool = False

    def __post_init__(self) -> None:
        for name in ("u_mm", "v_mm"):
            steps = np.diff(getattr(self, name))
            if steps.size and ((steps <= 0).any() or np.ptp(steps) > _EVEN * abs(float(steps[0]))):
                raise InputError(f"the pixels of a beam must be evenly spaced and rise; {name} does not")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of its projections: (views, nu, nv)."""
        return self.angles_rad.size, self.u_mm.size, self.v_mm.size

    @property
    def divergence(self) -> tuple[float, float]:
        """By how much rays approach each other across and along z, per mm towards the source."""
        across = 0.0 if self.source_mm is None else 1.0 / self.source_mm
        return across, across if self.cone else 0.0

    @property
    def step_mm(self) -> tuple[float, float]:
        """Distance between pixels across and along z; a single row counts as 1 mm."""
        u, v = (float(x[1] - x[0]) if x.size > 1 else 1.0 for x in (self.u_mm, self.v_mm))
        return u, v

    @property
    def sideways(self) -> bool:
        """Whether the detector is moved sideways, so that half of the field is measured at a time."""
        return bool(abs(self.u_mm[0] + self.u_mm[-1]) > _CENTRED * np.ptp(self.u_mm))

    def symmetric(self) -> tuple[Beam, int]:
        """The beam with a detector as wide on both sides, and how many pixels that adds before the first."""
        if not self.sideways:
            return self, 0
        step = self.step_mm[0]
        missing = round(abs(self.u_mm[0] + self.u_mm[-1]) / step)
        before = missing if self.u_mm[-1] > -self.u_mm[0] else 0
        u_mm = self.u_mm[0] + (np.arange(self.u_mm.size + missing) - before) * step
        return Beam(self.angles_rad, u_mm, self.v_mm, self.source_mm, self.cone), before

    def views(self, part: slice) -> Beam:
        """The same beam in some of its views."""
        return Beam(self.angles_rad[part], self.u_mm, self.v_mm, self.source_mm, self.cone)


def place(geometry: Geometry, isocentre_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a grid lies from the isocentre.

    Args:
        geometry: axes along the patient's.
        isocentre_mm: LPS (x, y, z), mm.

    Returns:
        Centre of voxel (0, 0, 0) and spacing, (3,) each as (y, x, z), mm.

    Raises:
        InputError: the grid is turned against the patient.
    """
    if not np.allclose(geometry.direction, IDENTITY, atol=1e-6):
        raise InputError("a scanner takes images whose axes lie along the patient's; turn them upright first")
    x, y, z = np.asarray(geometry.origin_mm) - isocentre_mm
    dz, dy, dx = geometry.spacing_mm
    return np.array([y, x, z]), np.array([dy, dx, dz])
