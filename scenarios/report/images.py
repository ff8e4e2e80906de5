"""The report's pictures: every layer that the run lists, through the tumour's centre, moved through time together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np

from scenarios.records.layer import PRESENCE, Layer
from scenarios.records.run import PlanRecord, Run
from scenarios.report.colours import plan_colour, rgb
from scenarios.report.picks import standing, whose
from scenarios.report.picture import LUNG, coloured, grey, slice_png, windowed
from twin import Volume
from twin.geometry import Box

_DAY_0 = "#ff3c3c"
_MARGIN_MM = 45.0
_CLEAR_BELOW = 0.1  # of a scale: nothing is laid over where the share is less


def image_section(run: Run) -> str:
    """Pictures of the sample that stands for all: for each layer a row with one viewer for each plan; empty where the
    run has no image.

    Args:
        run: the comparison with its images.
    """
    record = run.record
    made = [i for i in record.images if i.sample == record.shown_sample]
    days = sorted({i.day for i in made})
    if not days:
        return ""
    view = _View(run)
    rows = []
    for layer in record.layers:
        if layer.draw != "outline" and any(i.kind == layer.name for i in made):
            viewers = "".join(_viewer(view, layer, k, plan, days) for k, plan in enumerate(record.plans))
            rows.append(f'<h3>{escape(layer.label)}</h3><div class="viewers">{viewers}</div>')
    makers = sorted({i.generator for i in made})
    labels = ",".join(["0 (acquired)", *(f"{d:.0f}" for d in days)])
    keys = [
        (_DAY_0, "tumour on day 0"),
        *((o.colour, f"{o.label} that day") for o in record.drawn("outline")),
    ]
    legend = ", ".join(f'<span class="key" style="color:{c}">&#9632;</span> {escape(w)}' for c, w in keys)
    return (
        f"<h2>Follow-up images, {escape(whose(run))}</h2>"
        "<p>Axial slice through the tumour, CT in a lung window 1500/-600. "
        f"{legend}. Made by: {escape(', '.join(makers))}.</p>"
        f'<label>day <output id="day">0 (acquired)</output> <input id="time" type="range" min="0" max="{len(days)}" '
        f'value="0" data-days="{escape(labels)}"></label>{"".join(rows)}'
    )


@dataclass(frozen=True)
class Strip:
    """Pictures of one plan through time.

    Args:
        layer: what they are of.
        plan: under which plan.
        pictures: (words, data URI of a PNG) of day 0 and of later days; SIMULATED is burnt into each that is.
    """

    layer: Layer
    plan: PlanRecord
    pictures: tuple[tuple[str, str], ...]


def strips(run: Run, most: int = 4) -> list[Strip]:
    """Pictures of several days for print: for each layer that is drawn as CT or over it, a strip for each plan.

    Args:
        run: the comparison with its images.
        most: how many pictures a strip has, day 0 among them; days between the first and the last are evenly chosen.
    """
    made = [i for i in run.record.images if i.sample == run.record.shown_sample]
    view, found = _View(run), []
    for layer in run.record.layers:
        if layer.draw not in ("base", "overlay") or layer == PRESENCE:
            continue
        for plan in run.record.plans:
            days = sorted({i.day for i in made if i.kind == layer.name and i.plan == plan.slug})
            later = [d for d in days if d > 0]
            chosen = (
                sorted({later[round(n)] for n in np.linspace(0, len(later) - 1, most - 1)}) if later else []
            )
            drawn = [(f"day {day:.0f}", view.picture(layer, plan, day) or "") for day in chosen]
            if drawn:
                own = view.picture(layer, plan, 0.0)
                words = "day 0" if own or layer.draw == "base" else "day 0, CT"
                found.append(Strip(layer, plan, ((words, own or view.baseline), *drawn)))
    return found


def _viewer(view: _View, layer: Layer, number: int, plan: PlanRecord, days: list[float]) -> str:
    """A plan's pictures of one layer, one for day 0 and each day; where it has none, the last before stays."""
    pictures = [view.baseline]
    for day in days:
        made = view.picture(layer, plan, day)
        pictures.append(pictures[-1] if made is None else made)
    stack = "".join(
        f'<img src="{p}" alt="{escape(plan.label)}" data-step="{k}"{"" if k == 0 else " hidden"}>'
        for k, p in enumerate(pictures)
    )
    mark = " *" if plan.context else ""
    return (
        f'<figure><figcaption style="border-color:{plan_colour(number)}">{escape(plan.label)}{mark}'
        f"</figcaption>{stack}</figure>"
    )


@dataclass(frozen=True, eq=False)
class _View:
    """The slice of a run that is shown."""

    run: Run

    @cached_property
    def box(self) -> Box:
        """The axial slice through the tumour's centre, and the rows and columns around it."""
        contours = self.run.twin.contours
        mask = contours.gtv()
        z, y, x = (round(c) for c in np.argwhere(mask).mean(axis=0).tolist())
        _, dy, dx = contours.geometry.spacing_mm
        half = np.sqrt(mask.any(axis=0).sum() * dy * dx / np.pi) + _MARGIN_MM
        rows = slice(max(0, y - int(half / dy)), y + int(half / dy))
        columns = slice(max(0, x - int(half / dx)), x + int(half / dx))
        return slice(z, z + 1), rows, columns

    @cached_property
    def baseline(self) -> str:
        """The acquired CT with the tumour as drawn."""
        twin = self.run.twin
        words = "simulated patient, day 0" if twin.in_silico else f"{twin.baseline.origin}, day 0"
        hu = twin.baseline.volume.array[self.box][0]
        return slice_png(grey(windowed(hu, LUNG)), [self._day_0], aspect=self._aspect, words=words)

    def picture(self, layer: Layer, plan: PlanRecord, day: float) -> str | None:
        """A layer on a day: a CT with all outlines, what lies over it in colours, or what stands alone in grey."""
        record = next(
            (
                i
                for i in self.run.record.images
                if (i.plan, i.kind, i.sample) == (plan.slug, layer.name, self.run.record.shown_sample)
                and abs(i.day - day) < 1e-6
            ),
            None,
        )
        if record is None:
            return None
        words = f"SIMULATED, day {day:.0f}, {record.generator}"
        if layer != PRESENCE:
            words += standing(self.run, plan.slug, day)
        if layer.draw == "alone" and 1 in self._stored(layer, plan, day).geometry.shape:
            return self._projection(layer, plan, day, words)
        pixels = self._base(plan, day)
        if layer.draw != "base":
            share = self._share(layer, plan, day)
            if layer.draw == "alone":
                pixels = grey((255 * share).astype(np.uint8))
            else:
                pixels = coloured(pixels, share, layer.colour, clear_below=_CLEAR_BELOW)
        outlines = [self._day_0, *self._outlines(plan, day)]
        return slice_png(pixels, outlines, aspect=self._aspect, words=words)

    @property
    def _day_0(self) -> tuple[np.ndarray, tuple[int, int, int]]:
        return self.run.twin.contours.gtv()[self.box][0], rgb(_DAY_0)

    @property
    def _aspect(self) -> float:
        _, dy, dx = self.run.twin.contours.geometry.spacing_mm
        return dy / dx

    def _base(self, plan: PlanRecord, day: float) -> np.ndarray:
        """(rows, columns, 3) the CT of the day in grey; the acquired one where none was made."""
        hu = self.run.twin.baseline.volume.array[self.box[0]][0].copy()
        for layer in self.run.record.drawn("base"):
            self._lay(hu, layer, plan, day)
        return grey(windowed(hu[self.box[1:]], LUNG))

    def _outlines(self, plan: PlanRecord, day: float) -> Iterator[tuple[np.ndarray, tuple[int, int, int]]]:
        for layer in self.run.record.drawn("outline"):
            mask = np.zeros(self.run.twin.contours.geometry.shape[1:], dtype=np.uint8)
            self._lay(mask, layer, plan, day)
            yield mask[self.box[1:]] > 0, rgb(layer.colour)

    def _lay(self, plane: np.ndarray, layer: Layer, plan: PlanRecord, day: float) -> None:
        """Put a layer's region into a whole axial plane, where the region meets it."""
        image = self.run.stored(plan.slug, day, layer.name)
        if image is None:
            return
        z = self.box[0].start
        box = self.run.twin.contours.geometry.box_of(image.geometry)
        if box[0].start <= z < box[0].stop:
            plane[box[1:]] = image.array[z - box[0].start]

    def _projection(self, layer: Layer, plan: PlanRecord, day: float, words: str) -> str:
        """An image one voxel deep, as a radiograph: the picture that it is, the head up."""
        image = self._stored(layer, plan, day).upright()
        axis = image.geometry.shape.index(1)
        low, high = layer.low or 0.0, layer.high or float(image.array.max())
        share = np.clip((np.take(image.array, 0, axis) - low) / max(high - low, 1e-6), 0.0, 1.0)
        rows, columns = (s for a, s in enumerate(image.geometry.spacing_mm) if a != axis)
        pixels = grey((255 * share[::-1] if axis else 255 * share).astype(np.uint8))
        return slice_png(pixels, [], aspect=rows / columns, words=words, zoom=1)

    def _stored(self, layer: Layer, plan: PlanRecord, day: float) -> Volume:
        """What a record says there is."""
        image = self.run.stored(plan.slug, day, layer.name)
        assert image is not None
        return image

    def _share(self, layer: Layer, plan: PlanRecord, day: float) -> np.ndarray:
        """(rows, columns) values of a layer on the grid of the slice, as a share of its scale, 0 to 1."""
        image = self._stored(layer, plan, day)
        low = layer.low or 0.0
        high = float(image.array.max()) if layer.high is None else layer.high
        values = image.on(self.run.twin.contours.geometry.crop(self.box))[0]
        return np.clip((values - low) / max(high - low, 1e-6), 0.0, 1.0)
