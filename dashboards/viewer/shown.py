"""A subject as the viewer needs it: one cropped grid, and packed voxels to lay on it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from dashboards.files.subject import Frame, Subject
from dashboards.viewer.pack import Part, pack, quantised
from dashboards.viewer.view import own_choices, scan_choices
from scenarios.records.layer import DOSE, FOLLOW_UP, Layer
from scenarios.records.schema import SIMULATED
from simulators.tumour.radiobiology import eqd2
from twin import Geometry, InputError, Structure, Volume
from twin.geometry import Box

EQD2_GY = {"3": 3.0, "10": 10.0}  # alpha/beta by the name's ending: late effects, tumour
SLAB = 8  # slices of the acquired CT in one message: small enough to come first, large enough to be few
_MARGIN_MM = 12.0  # shown around the body
_AIR_HU = -1024
_BRIGHT = 0.995  # quantile of an image that is shown white where its layer has no scale of its own
_ORDER = {"EXTERNAL": 0, "PTV": 1, "CTV": 2, "GTV": 3, "OAR": 4, "OTHER": 5}
_COLOURS = {"EXTERNAL": (84, 150, 170), "PTV": (255, 120, 120), "CTV": (255, 170, 60), "GTV": (255, 60, 60)}
_GREYISH = 48  # white and grey lines are isodoses: a contour that came in such a colour is given another
_OTHERS = ((86, 180, 233), (0, 158, 115), (240, 228, 66), (204, 121, 167), (230, 159, 0), (153, 204, 255))


class Shown:
    """A subject whose baseline CT is shown, cropped to the body.

    Args:
        subject: the patient or run.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject, self.twin = subject, subject.twin

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
            "key": self.subject.entry.key,
            "version": self.subject.entry.version,
            "grid": self.describe_grid(),
            "focus": self.focus,
            "patient": self.twin.id,
            "in_silico": self.twin.in_silico,
            "baseline_label": self.baseline_label,
            "measured": self.measured,
            "simulated": SIMULATED,
            "layers": [layer.model_dump() for layer in self.subject.layers],
            "scans": [value for value, _ in scan_choices(self.subject.layers)],
            "scan_choices": own_choices(self.subject.layers),
            "frames": [_described(frame, self.subject.standing(frame)) for frame in self.subject.frames],
            "sample": self.subject.shown_sample,
            "days": [0.0, *sorted({frame.day for frame in self.subject.frames if frame.day > 0})],
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
        return f"{self.twin.baseline.origin}{' (in-silico patient)' if self.twin.in_silico else ''}"

    @property
    def measured(self) -> list[dict]:
        """The tumour's volumes as they were measured, day 0 included."""
        seen = [(o.time_days, o.value) for o in self.twin.observations if o.kind == "gtv_cm3"]
        if self._structures("GTV"):
            seen = [(0.0, self.twin.gtv_cm3), *seen]
        return [{"day": day, "words": f"measured: {cm3:.1f} cm\u00b3"} for day, cm3 in seen]

    def slab(self, index: int) -> bytes:
        """Eight slices of the baseline CT, packed.

        Args:
            index: its number, from the first slice on.

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

    def follow_up(self, index: int) -> bytes:
        """The CT of a frame and the outlines on it, packed.

        Args:
            index: the frame's number.

        Raises:
            InputError: there is no such frame, or a file of it is missing or broken.
        """
        frame = self.subject.frame(index)
        laid = self._on_shown_grid if frame.acquired else self._in_place
        wanted = [layer for layer in self.subject.layers_on(frame) if layer.draw in ("base", "outline")]
        return pack([laid(layer, self.subject.read(frame, layer)) for layer in wanted])

    def over(self, index: int, name: str) -> bytes:
        """The image of a layer that lies over the CT or is shown alone, packed on its own grid.

        Args:
            index: the frame's number.
            name: of the layer.

        Raises:
            InputError: there is no such frame, it has no image of this layer, or its file is missing or broken.
        """
        frame = self.subject.frame(index)
        kind, _, alpha_beta = name.partition("eqd2-")
        wanted = DOSE.name if alpha_beta in EQD2_GY and not kind else name
        for layer in self.subject.layers_on(frame):
            if layer.name == wanted:
                volume = self.subject.read(frame, layer)
                return self._coarse(
                    layer, volume if wanted == name else self._eqd2(frame, volume, EQD2_GY[alpha_beta])
                )
        raise InputError(f"there is no {name} on day {frame.day:g}")

    def _eqd2(self, frame: Frame, dose: Volume, alpha_beta_gy: float) -> Volume:
        """A dose in EQD2, given in equal fractions."""
        fractions = self.subject.fractions_in(frame)
        if fractions == 0:
            raise InputError("in how many fractions this dose was given is not known, so that it has no EQD2")
        gy = np.asarray(dose.array, dtype=np.float32)
        return Volume(dose.geometry, eqd2(gy, gy / fractions, alpha_beta_gy), dose.modality, dose.unit)

    def _in_place(self, layer: Layer, volume: Volume) -> Part:
        """A crop of the baseline's own grid, with where it begins."""
        array = hounsfield(volume.array) if layer == FOLLOW_UP else np.asarray(volume.array) > 0
        return Part(layer.name, array, {"start": self.start_of(volume.geometry)})

    def _on_shown_grid(self, layer: Layer, volume: Volume) -> Part:
        """An image of any grid, sampled on the one that is shown."""
        if layer == FOLLOW_UP:
            array = hounsfield(volume.on(self.grid, fill=_AIR_HU))
        else:
            array = volume.on(self.grid, order=0) > 0
        return Part(layer.name, array, {"start": [0, 0, 0]})

    def drawn(self) -> list[tuple[Structure, str]]:
        """The baseline's structures, outermost first, each with its colour: its own, or one by its role."""
        try:
            found = sorted(self.twin.contours, key=lambda s: _ORDER[s.role])
        except InputError:
            return []
        own = [s.colour if s.colour and max(s.colour) - min(s.colour) > _GREYISH else None for s in found]
        colours = [
            c or _COLOURS.get(s.role) or _OTHERS[n % len(_OTHERS)]
            for n, (s, c) in enumerate(zip(found, own, strict=True))
        ]
        return [(s, "#{:02x}{:02x}{:02x}".format(*c)) for s, c in zip(found, colours, strict=True)]

    def start_of(self, crop: Geometry) -> list[int]:
        """Where a crop of the baseline's grid begins in the region shown, (z, y, x); may be negative.

        Args:
            crop: its grid: a part of the baseline's.
        """
        found = self.twin.baseline.volume.geometry.box_of(crop)
        return [int(s.start - b.start) for s, b in zip(found, self.box, strict=True)]

    def _coarse(self, layer: Layer, volume: Volume) -> bytes:
        """An image on its own grid, packed, with the way from the shown grid's indices to its own."""
        if 1 in volume.geometry.shape:
            return self._picture(layer, volume.upright())
        grid = volume.geometry
        zero, one = grid.index(self.grid.lps((0, 0, 0))), grid.index(self.grid.lps((1, 1, 1)))
        turned = grid.index(self.grid.lps((1, 0, 0))) - zero
        if np.abs(turned[1:]).max() > 1e-3:  # another orientation: bring it onto the shown axes first
            grid = self.grid.resampled(4.0)
            volume = Volume(grid, volume.on(grid), volume.modality, volume.unit)
            zero, one = grid.index(self.grid.lps((0, 0, 0))), grid.index(self.grid.lps((1, 1, 1)))
        array = np.asarray(volume.array)
        high = float(np.quantile(array, _BRIGHT)) if layer.high is None else layer.high
        meta = {"zero": zero.tolist(), "step": (one - zero).tolist(), "high": high}
        return pack([quantised(layer.name, array, layer.low, **meta)])

    def _picture(self, layer: Layer, volume: Volume) -> bytes:
        """An image one voxel deep, as a radiograph: it is shown on its own grid, whose size the viewer must know."""
        step = np.divide(self.grid.spacing_mm, volume.geometry.spacing_mm)
        high = float(np.quantile(volume.array, _BRIGHT)) if layer.high is None else layer.high
        meta = {"zero": [0.0, 0.0, 0.0], "step": step.tolist(), "high": high}
        return pack([quantised(layer.name, np.asarray(volume.array), layer.low, **meta)])

    def _structures(self, role) -> tuple[Structure, ...]:
        try:
            return self.twin.contours.role(role)
        except InputError:
            return ()


def _described(frame: Frame, standing: str) -> dict:
    """A frame for the browser, with words on where its sample lies among all."""
    return {
        "plan": frame.plan,
        "sample": frame.sample,
        "standing": standing,
        "day": frame.day,
        "kinds": sorted(frame.files),
        "generators": frame.generators,
        "acquired": frame.acquired,
    }


def hounsfield(array: np.ndarray) -> np.ndarray:
    """CT voxels as int16 HU.

    Args:
        array: (z, y, x), HU.
    """
    return array if array.dtype == np.int16 else np.rint(np.clip(array, -32768, 32767)).astype(np.int16)
