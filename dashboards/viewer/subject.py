"""A run or a twin as the viewer needs it: one cropped grid, and packed voxels to lay on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dashboards.files.library import Entry, read_table
from dashboards.viewer.pack import Part, pack, quantised
from scenarios.records.schema import SIMULATED
from twin import Geometry, InputError, PatientTwin, Scan, Structure, Volume
from twin.geometry import Box

if TYPE_CHECKING:
    import polars as pl

    from scenarios.records.run import RunRecord

_FALLBACK = re.compile(r"\d+ of \d+ follow-up CTs were made by (.+?) \((.+)\)")  # scenarios.engine.render
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

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The days with images besides the baseline."""
        raise NotImplementedError

    def frame(self, index: int) -> Frame:
        """One of them.

        Raises:
            InputError: there is no such frame.
        """
        if not 0 <= index < len(self.frames):
            raise InputError(f"{self.entry.key} has no frame {index}")
        return self.frames[index]

    def follow_up(self, index: int) -> bytes:
        """The CT of a frame and the tumour on it, packed."""
        raise NotImplementedError

    def dose(self, index: int) -> bytes:
        """The dose of a frame, packed."""
        raise NotImplementedError

    def pet(self, index: int) -> bytes:
        """The PET of a frame, packed."""
        raise NotImplementedError

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

    def describe(self) -> dict:
        """What the viewers need to know before they fetch voxels."""
        return {
            "key": self.entry.key,
            "version": self.entry.version,
            "grid": self.describe_grid(),
            "focus": self.focus,
            "patient": self.twin.id,
            "in_silico": self.twin.in_silico,
            "baseline_label": self.baseline_label,
            "simulated": SIMULATED,
            "frames": [frame.describe() for frame in self.frames],
            "days": [0.0, *sorted({frame.day for frame in self.frames if frame.day > 0})],
        }

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
        for structure, colour in self.drawn():
            meta = {
                "role": structure.role,
                "colour": colour,
                "estimated": structure.estimated,
                "start": self.start_of(structure.mask.geometry),
            }
            parts.append(Part(structure.name, np.asarray(structure.mask.array) > 0, meta))
        return pack(parts)

    def drawn(self) -> list[tuple[Structure, str]]:
        """The baseline's structures, outermost first, each with its colour: its own, or one by its role."""
        try:
            found = sorted(self.twin.contours, key=lambda s: _ORDER[s.role])
        except InputError:
            return []
        colours = [s.colour or _COLOURS.get(s.role) or _OTHERS[n % len(_OTHERS)] for n, s in enumerate(found)]
        return [(s, "#{:02x}{:02x}{:02x}".format(*c)) for s, c in zip(found, colours, strict=True)]

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


@dataclass(frozen=True)
class Frame:
    """The images of one day besides the baseline: of a plan and sample where they are generated.

    Args:
        plan: slug of the plan; empty for acquired images.
        sample: index of the belief's sample.
        day: days from day 0.
        files: kind (ct, gtv, injury, pet, dose) -> file, or the name of the acquired scan or dose.
        generators: kind -> what made it.
        acquired: from a scanner, not generated.
    """

    plan: str
    sample: int
    day: float
    files: dict[str, str]
    generators: dict[str, str]
    acquired: bool = False

    def describe(self) -> dict:
        """The frame for the browser."""
        return {
            "plan": self.plan,
            "sample": self.sample,
            "day": self.day,
            "kinds": sorted(self.files),
            "generator": self.generators.get("ct", "unknown"),
            "pet_generator": self.generators.get("pet"),
            "acquired": self.acquired,
        }


class TwinFolder(Subject):
    """A twin of the opened folder: its acquired scans by day, and its first dose grid."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry, PatientTwin.load(entry.path))

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """Every acquired day; the baseline CT itself is no frame."""
        twin = self.twin
        found: dict[float, Frame] = {}

        def on(day: float) -> Frame:
            return found.setdefault(day, Frame("", 0, day, {}, {}, acquired=True))

        for scan in twin.scans:
            kind = {"CT": "ct", "CBCT": "ct", "PT": "pet"}.get(scan.volume.modality)
            if kind is not None and scan is not twin.baseline:
                frame = on(max(0.0, scan.time_days))
                frame.files.setdefault(kind, scan.name)
                frame.generators.setdefault(kind, scan.name)
        if twin.doses:
            on(0.0)
            for frame in found.values():
                frame.files["dose"] = next(iter(twin.doses))
        return tuple(found[day] for day in sorted(found))

    def follow_up(self, index: int) -> bytes:
        """A later acquired CT on the shown grid, with the tumour drawn that day."""
        scan = self._scan(index, "ct")
        parts = [Part("ct", hounsfield(scan.volume.on(self.grid, fill=-1024)), {"start": [0, 0, 0]})]
        for drawn in self.twin.structures:
            if drawn.time_days == scan.time_days and drawn.role("GTV"):
                mask = Volume(drawn.geometry, drawn.gtv().astype(np.uint8), "MASK", "1")
                parts.append(Part("gtv", mask.on(self.grid, order=0) > 0, {"start": [0, 0, 0]}))
        return pack(parts)

    def dose(self, index: int) -> bytes:
        """The twin's first dose grid, packed."""
        return self.coarse("dose", self.twin.doses[self._name(index, "dose")].volume)

    def pet(self, index: int) -> bytes:
        """An acquired PET, packed."""
        return self.coarse("pet", self._scan(index, "pet").volume)

    def _scan(self, index: int, kind: str) -> Scan:
        name = self._name(index, kind)
        return next(scan for scan in self.twin.scans if scan.name == name)

    def _name(self, index: int, kind: str) -> str:
        frame = self.frame(index)
        if kind not in frame.files:
            raise InputError(f"there is no {kind} on day {frame.day:g}")
        return frame.files[kind]


class RunFolder(Subject):
    """A run of the opened folder."""

    def __init__(self, entry: Entry) -> None:
        from scenarios.records.run import read_record

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

    @property
    def fallbacks(self) -> dict[str, str]:
        """Generator -> why it made images in place of the one that was asked for."""
        found = (_FALLBACK.fullmatch(note) for note in self.record.notes)
        return {match[1]: match[2] for match in found if match}

    def table(self, name: str) -> pl.DataFrame:
        """One table of the run; one that its release did not know yet is empty.

        Raises:
            InputError: it is missing or broken.
        """
        from scenarios.records.schema import ADDED
        from scenarios.records.schema import table as empty

        if name in ADDED and not (self.entry.path / f"{name}.parquet").exists():
            return empty(name, [])
        return read_table(self.entry.path, name)

    def follow_up(self, index: int) -> bytes:
        """The CT, tumour and injury of a frame, packed.

        Raises:
            InputError: there is no such frame, or a file of it is missing or broken.
        """
        frame = self.frame(index)
        parts = []
        for kind, modality, unit in (("ct", "CT", "HU"), ("gtv", "MASK", "1"), ("injury", "MASK", "1")):
            if kind in frame.files:
                volume = self.read(frame.files[kind], modality, unit)
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
        frame = self.frame(index)
        if kind not in frame.files:
            raise InputError(f"there is no {kind} image of {frame.plan} on day {frame.day:g}")
        return self.coarse(kind, self.read(frame.files[kind], modality, unit))

    def read(self, file: str, modality, unit) -> Volume:
        """A file that the run names, whose voxels are read when first used."""
        from twin.files.nifti import read

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
