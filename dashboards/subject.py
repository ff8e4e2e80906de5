"""A run or a twin as the viewer needs it: one cropped grid, and packed voxels to lay on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dashboards.library import Entry, read_table
from dashboards.pack import Part, pack, quantised
from twin import Geometry, InputError, PatientTwin, Structure, Volume
from twin.geometry import Box

if TYPE_CHECKING:
    import polars as pl

    from scenarios.results import RunRecord

SLAB = 8  # slices of the acquired CT in one message: small enough to come first, large enough to be few
_MARGIN_MM = 12.0  # shown around the body
_ORDER = {"EXTERNAL": 0, "PTV": 1, "CTV": 2, "GTV": 3, "OAR": 4, "OTHER": 5}
_COLOURS = {"EXTERNAL": (148, 163, 184), "PTV": (255, 120, 120), "CTV": (255, 170, 60), "GTV": (255, 60, 60)}
_OTHERS = ((86, 180, 233), (0, 158, 115), (240, 228, 66), (204, 121, 167), (230, 159, 0), (153, 204, 255))


class Subject:
    """A patient whose baseline CT is shown, cropped to the body.

    Args:
        entry: where it lies in the opened folder.
        twin: the patient.
    """

    def __init__(self, entry: Entry, twin: PatientTwin) -> None:
        self.entry, self.twin = entry, twin

    @cached_property
    def box(self) -> Box:
        """The region shown, on the baseline's grid: the body and a margin, or everything where no body is known."""
        grid = self.twin.baseline.volume.geometry
        body = self._structures("EXTERNAL")
        if not body:
            return slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2])
        found = grid.box_of(body[0].mask.geometry)
        margin = [int(np.ceil(_MARGIN_MM / s)) for s in grid.spacing_mm]
        _, rows, columns = (
            slice(max(0, s.start - m), min(n, s.stop + m))
            for s, m, n in zip(found, margin, grid.shape, strict=True)
        )
        return slice(0, grid.shape[0]), rows, columns

    @cached_property
    def grid(self) -> Geometry:
        """The grid of the region shown."""
        return self.twin.baseline.volume.geometry.crop(self.box)

    def describe_grid(self) -> dict:
        """The grid for the browser: shape and spacing (z, y, x), LPS of the first voxel, and letters of its axes."""
        centre = self.grid.lps((0, 0, 0))
        letters = []
        for axis in range(3):
            step = np.zeros(3)
            step[axis] = 1.0
            along = self.grid.lps(step) - centre
            k = int(np.argmax(np.abs(along)))
            ends = ("RL", "AP", "IS")[k]
            letters.append(ends if along[k] > 0 else ends[::-1])
        return {
            "shape": self.grid.shape,
            "spacing": self.grid.spacing_mm,
            "origin": [float(v) for v in centre],
            "affine": self.grid.affine_lps.ravel().tolist(),
            "ends": letters,
            "slab": SLAB,
        }

    @property
    def focus(self) -> list[int]:
        """The index (z, y, x) where a viewer begins: the tumour's centre, or the middle."""
        targets = self._structures("GTV")
        if not targets:
            return [n // 2 for n in self.grid.shape]
        centres = [np.argwhere(np.asarray(s.mask.array) > 0).mean(axis=0) for s in targets[:1]]
        start = self.start_of(targets[0].mask.geometry)
        return [round(float(c)) + s for c, s in zip(centres[0], start, strict=True)]

    @property
    def baseline_label(self) -> str:
        """What the baseline image is."""
        return "acquired (in-silico patient)" if self.twin.in_silico else "acquired"

    def slab(self, index: int) -> bytes:
        """Eight slices of the baseline CT, packed.

        Raises:
            InputError: there is no such slab.
        """
        start = index * SLAB
        if not 0 <= start < self.grid.shape[0]:
            raise InputError(f"the baseline CT has no slab {index}")
        z, rows, columns = self.box
        first = z.start + start
        part = self.twin.baseline.volume.array[first : min(first + SLAB, z.stop), rows, columns]
        return pack([Part("ct", hounsfield(part), {"start": [start, 0, 0]})])

    def structures(self) -> bytes:
        """The masks drawn on the baseline, packed, in the order in which they are drawn."""
        parts = []
        for n, structure in enumerate(self._ordered()):
            colour = structure.colour or _COLOURS.get(structure.role) or _OTHERS[n % len(_OTHERS)]
            meta = {
                "role": structure.role,
                "colour": "#{:02x}{:02x}{:02x}".format(*colour),
                "estimated": structure.estimated,
                "cm3": round(structure.cm3, 2),
                "start": self.start_of(structure.mask.geometry),
            }
            parts.append(Part(structure.name, np.asarray(structure.mask.array) > 0, meta))
        return pack(parts)

    def start_of(self, crop: Geometry) -> list[int]:
        """Where a crop of the baseline's grid begins in the region shown, (z, y, x); may be negative."""
        found = self.twin.baseline.volume.geometry.box_of(crop)
        return [int(s.start - b.start) for s, b in zip(found, self.box, strict=True)]

    def coarse(self, name: str, volume: Volume) -> bytes:
        """A dose or PET on its own grid, packed, with the way from the shown grid's indices to its own."""
        grid = volume.geometry
        zero, one = grid.index(self.grid.lps((0, 0, 0))), grid.index(self.grid.lps((1, 1, 1)))
        turned = grid.index(self.grid.lps((1, 0, 0))) - zero
        if np.abs(turned[1:]).max() > 1e-3:  # another orientation: bring it onto the shown axes first
            grid = self.grid.resampled(4.0)
            volume = Volume(grid, volume.on(grid), volume.modality, volume.unit)
            zero, one = grid.index(self.grid.lps((0, 0, 0))), grid.index(self.grid.lps((1, 1, 1)))
        meta = {"zero": zero.tolist(), "step": (one - zero).tolist(), "unit": volume.unit}
        return pack([quantised(name, np.maximum(volume.array, 0), **meta)])

    def _structures(self, role) -> tuple[Structure, ...]:
        try:
            return self.twin.contours.role(role)
        except InputError:
            return ()

    def _ordered(self) -> list[Structure]:
        try:
            return sorted(self.twin.contours, key=lambda s: _ORDER[s.role])
        except InputError:
            return []


class TwinFolder(Subject):
    """A twin of the opened folder."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry, PatientTwin.load(entry.path))


@dataclass(frozen=True)
class Frame:
    """The generated images of one plan and sample on one day: kind -> file, and what made each."""

    plan: str
    sample: int
    day: float
    files: dict[str, str]
    generators: dict[str, str]


class RunFolder(Subject):
    """A run of the opened folder."""

    def __init__(self, entry: Entry) -> None:
        from scenarios.results import read_record

        self.record: RunRecord = read_record(entry.path)
        super().__init__(entry, PatientTwin.load(inside(entry.path, self.record.baseline)))

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """Every follow-up, by plan in the run's order, sample and day."""
        found: dict[tuple, Frame] = {}
        order = {plan.slug: n for n, plan in enumerate(self.record.plans)}
        for image in self.record.images:
            key = (order.get(image.plan, len(order)), image.sample, image.day)
            frame = found.setdefault(key, Frame(image.plan, image.sample, image.day, {}, {}))
            frame.files[image.kind] = image.file
            frame.generators[image.kind] = image.generator
        return tuple(found[key] for key in sorted(found))

    def table(self, name: str) -> pl.DataFrame:
        """One table of the run.

        Raises:
            InputError: it is missing or broken.
        """
        return read_table(self.entry.path, name)

    def follow_up(self, index: int) -> bytes:
        """The CT, tumour and injury of a frame, packed.

        Raises:
            InputError: there is no such frame, or a file of it is missing or broken.
        """
        frame = self._frame(index)
        parts = []
        for kind, modality, unit in (("ct", "CT", "HU"), ("gtv", "MASK", "1"), ("injury", "MASK", "1")):
            if kind in frame.files:
                volume = self._read(frame.files[kind], modality, unit)
                array = hounsfield(volume.array) if kind == "ct" else np.asarray(volume.array) > 0
                parts.append(Part(kind, array, {"start": self.start_of(volume.geometry)}))
        return pack(parts)

    def dose(self, index: int) -> bytes:
        """The dose accumulated up to a frame's day, packed."""
        return self._coarse(index, "dose", "DOSE", "Gy")

    def pet(self, index: int) -> bytes:
        """The virtual PET of a frame, packed."""
        return self._coarse(index, "pet", "PT", "SUV")

    def _coarse(self, index: int, kind: str, modality, unit) -> bytes:
        frame = self._frame(index)
        if kind not in frame.files:
            raise InputError(f"there is no {kind} image of {frame.plan} on day {frame.day:g}")
        return self.coarse(kind, self._read(frame.files[kind], modality, unit))

    def _frame(self, index: int) -> Frame:
        if not 0 <= index < len(self.frames):
            raise InputError(f"the run has no frame {index}")
        return self.frames[index]

    def _read(self, file: str, modality, unit) -> Volume:
        from twin.nifti import read

        return read(inside(self.entry.path, file), modality, unit)


def inside(folder: Path, name: str) -> Path:
    """A path that a run names, which must lie in its folder.

    Raises:
        InputError: it lies elsewhere.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"run.json of {folder.name} names a file outside the run: {name}")
    return path


def hounsfield(array: np.ndarray) -> np.ndarray:
    """CT voxels as int16 HU."""
    return array if array.dtype == np.int16 else np.rint(np.clip(array, -32768, 32767)).astype(np.int16)
