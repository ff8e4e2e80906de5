"""Doses of a plan and of its replans, for a tumour that shrinks and moves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from scenarios.organ_dose import organ_quantiles
from scenarios.plan import TreatmentPlan
from simulators.course import Course, Event
from simulators.dose import SBRT_GY
from twin import DoseGrid, PatientTwin, StructureSet, Volume

# What is left of the target's volume on the scan of the replan; a sample takes the next larger one.
LEVELS = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)
_BINS = 20
_POINTS = 2000  # of the GTV, at which a moved tumour's dose is read
_STEP_MM = 1.0  # displacements are rounded to this


@dataclass(eq=False)
class PlanLibrary:
    """Dose grids of one plan by the state in which a fraction is given, made when first needed.

    A state is the replan's level and how far the tumour lies from where that plan has it. The target of a replan is
    the first CTV carried by the tissue: what eroded keeps its dose, what was drawn in lets the target shrink
    (MODEL.md 4), so that a tumour in its place receives what the first plan gave it.

    Args:
        twin: the patient.
        plan: whose doses.
        first: the dose of the plan on the baseline CT.
        doses: state name -> dose grid.
        relative: state name -> (bins,) dose over prescription in the GTV's dose bins.
    """

    twin: PatientTwin
    plan: TreatmentPlan
    first: DoseGrid
    doses: dict[str, DoseGrid] = field(default_factory=dict)
    relative: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, grid in self.twin.doses.items():
            self.doses[name] = grid
            self.relative[name] = self._bins_of(grid, np.zeros(3))
        self.state(0, np.zeros(3))

    @cached_property
    def _points(self) -> np.ndarray:
        """(bins, points, 3) LPS positions in the GTV, ranked into bins by the first plan's dose."""
        contours = self.twin.contours
        found = np.argwhere(contours.gtv())
        chosen = found[:: max(1, len(found) // _POINTS)]
        chosen = (
            chosen[: len(chosen) // _BINS * _BINS] if len(chosen) >= _BINS else np.resize(chosen, (_BINS, 3))
        )
        points = contours.geometry.lps(chosen)
        order = np.argsort(_sample(self.first.volume, points), kind="stable")
        return points[order].reshape(_BINS, -1, 3)

    @property
    def bin_fraction(self) -> np.ndarray:
        """(bins,) share of the GTV in each bin."""
        return np.full(_BINS, 1 / _BINS)

    def state(self, level: int, moved_mm: np.ndarray) -> str:
        """Name of the dose that is delivered under a replan's level to a tumour moved by (z, y, x) mm."""
        steps = np.rint(np.asarray(moved_mm) / _STEP_MM).astype(int)
        name = self.plan.label
        if level:
            name += f", replan at {LEVELS[level]:.0%}"
        if steps.any():
            name += ", tumour moved by " + "/".join(f"{s * _STEP_MM:g}" for s in steps) + " mm"
        if name not in self.relative:
            self.doses[name] = self.first if level == 0 else self._replanned(level)
            # The target of a replan covers the tumour as the first plan did.
            self.relative[name] = self._bins_of(self.first, steps * _STEP_MM)
        return name

    def level(self, measured_ratio: float, erosion: float) -> int:
        """Index of the smallest target that still covers a tumour of that relative volume."""
        left = 1 - (1 - erosion) * (1 - min(measured_ratio, 1.0))
        return max(k for k, share in enumerate(LEVELS) if share >= left - 1e-9)

    def mean_lung_gy(self, course: Course, level: int = 0, to_come: float = 0.0) -> float:
        """Mean dose of lungs - GTV of a course and of what is to come by a level's plan, Gy; nan if unknown."""
        return float(self._organ(course, level, to_come, "Lungs-GTV").mean())

    def oesophagus_v60(self, course: Course, level: int = 0, to_come: float = 0.0) -> float:
        """Share of the oesophagus above 60 Gy of a course and of what is to come; nan if unknown."""
        dose = self._organ(course, level, to_come, "Esophagus")
        return float("nan") if np.isnan(dose).any() else float((dose >= 60).mean())

    def _organ(self, course: Course, level: int, to_come: float, organ: str) -> np.ndarray:
        """Dose quantiles of an organ, Gy."""
        total = to_come * self._quantiles(self.state(level, np.zeros(3)), organ)
        for i in course.of(Event.FRACTION):
            if course.grid[i] >= 0:
                total = total + course.scale[i] * self._quantiles(course.grids[course.grid[i]], organ)
        return total

    def _quantiles(self, name: str, organ: str) -> np.ndarray:
        return organ_quantiles(self.doses[name], self.twin, organ, self._known)

    @cached_property
    def _known(self) -> dict[tuple[int, str], np.ndarray]:
        return {}

    def _replanned(self, level: int) -> DoseGrid:
        for name, grid in self.doses.items():
            if name == f"{self.plan.label}, replan at {LEVELS[level]:.0%}":
                return grid
        from simulators.dose import approximate_dose

        structures = shrunk(self.twin.contours, LEVELS[level])
        prescription = (self.plan.total_gy, self.plan.fractions)
        if self.plan.largest_fraction_gy >= SBRT_GY:
            prescription = (54.0, 3)
        grid = approximate_dose(self.twin.baseline, structures, *prescription)
        array = (grid.volume.array * np.float32(self.plan.total_gy / grid.prescription_gy)).astype(np.float32)
        return replace(
            grid, volume=Volume(grid.volume.geometry, array, "DOSE", "Gy"), prescription_gy=self.plan.total_gy
        )

    def _bins_of(self, grid: DoseGrid, moved_mm: np.ndarray) -> np.ndarray:
        axes = self.twin.contours.geometry.rotation[:, ::-1].T  # LPS directions of the z, y and x axes
        points = self._points + np.asarray(moved_mm) @ axes
        return _sample(grid.volume, points).mean(axis=1) / grid.prescription_gy


def shrunk(structures: StructureSet, share: float) -> StructureSet:
    """The structures with GTVs shrunk from their surfaces to a share of their volume."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    for structure in structures.role("GTV"):
        mask = structure.mask.array.astype(bool)
        padded = np.pad(mask, 1)
        depth = distance_transform_edt(padded, structures.geometry.spacing_mm)
        depth += gaussian_filter(padded.astype(np.float64), 2.0)  # parts voxels of one depth
        depth = depth[1:-1, 1:-1, 1:-1]
        kept = mask & (depth >= np.quantile(depth[mask], 1 - share))
        whole = np.zeros(structures.geometry.shape, dtype=bool)
        whole[structures.box(structure)] = kept
        structures = structures.with_mask(structure.name, "GTV", whole, colour=structure.colour)
    return structures


def _sample(volume: Volume, lps: np.ndarray) -> np.ndarray:
    """Values of a volume at LPS positions (..., 3), linearly interpolated."""
    from scipy.ndimage import map_coordinates

    index = volume.geometry.index(lps)
    flat = np.moveaxis(index, -1, 0).reshape(3, -1)
    return map_coordinates(volume.array, flat, order=1, mode="nearest", output=np.float64).reshape(
        lps.shape[:-1]
    )
