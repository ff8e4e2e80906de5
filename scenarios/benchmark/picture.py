"""Pictures of an evaluation: what there was, what came, what a generator made of it, and the difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scenarios.benchmark.contestant import Shown, contestant, label
from scenarios.benchmark.patient import Case, HeldOut
from scenarios.records.schema import SIMULATED
from scenarios.report.picture import LUNG, grey, outlined, windowed
from twin.files.atomic import atomic_file
from twin.structures import bounding_box

if TYPE_CHECKING:
    from PIL import Image

_ZOOM, _MARGIN = 3, 18
_DIFFERENCE_HU = 600.0  # full blue to full red
_TRUE, _MADE = (64, 200, 255), (255, 60, 60)


def picture(held: HeldOut, case: Case, generators: Sequence[str], out: Path, *, guided: bool = True) -> None:
    """Write a PNG: baseline and truth, then each generator's image and its difference from the truth.

    Axial slices through the drawn tumour in a lung window; true tumour blue, generated red.

    Args:
        held: whom.
        case: which follow-up.
        generators: rows, by name or folder.
        out: the file.
        guided: whether they are told the true volume.
    """
    from PIL import Image, ImageDraw

    truth = Shown(*held.truth(case))
    plane = _plane(held)
    words = f"{SIMULATED}  {held.id}, {case.plan}, day {case.day:.0f}"
    first = [
        _slice(
            held, held.start.volume.array, plane, f"baseline, {held.gtv0_cm3:.0f} cm3", held.contours.gtv()
        ),
        _slice(held, truth.hu, plane, f"truth, {held.true_cm3(case):.0f} cm3", truth.gtv),
        _difference(held, held.start.volume.array - truth.hu, plane, "baseline - truth"),
    ]
    rows = [first]
    for name in generators:
        shown = contestant(name).image(held, case, guided=guided, sample=0)
        if shown is None:
            continue
        volume = shown.gtv.sum() * held.start.volume.geometry.voxel_cm3
        rows.append(
            [
                _slice(held, shown.hu, plane, f"{label(name)}, {volume:.0f} cm3", shown.gtv, truth.gtv),
                _slice(held, shown.hu, plane, f"{label(name)}, no contours"),
                _difference(held, shown.hu - truth.hu, plane, f"{label(name)} - truth"),
            ]
        )
    width, height = first[0].size
    sheet = Image.new("RGB", (3 * width, len(rows) * height + _MARGIN))
    ImageDraw.Draw(sheet).text((6, 4), words, fill=(255, 214, 90))
    for r, row in enumerate(rows):
        for c, tile in enumerate(row):
            sheet.paste(tile, (c * width, r * height + _MARGIN))
    with atomic_file(out) as part:
        sheet.save(part, "PNG", optimize=True)


def _plane(held: HeldOut) -> tuple[int, slice, slice]:
    """The slice with most tumour, and the rows and columns within 5 cm of it."""
    gtv = held.contours.gtv()
    z = int(gtv.sum(axis=(1, 2)).argmax())
    near = held.near[z : z + 1]
    spacing = held.contours.geometry.spacing_mm
    _, rows, columns = bounding_box(near, (0, round(20 / spacing[1]), round(20 / spacing[2])))
    return z, rows, columns


def _tile(pixels: np.ndarray, words: str) -> Image.Image:
    from PIL import Image, ImageDraw

    tile = Image.fromarray(pixels).resize(
        (pixels.shape[1] * _ZOOM, pixels.shape[0] * _ZOOM), Image.Resampling.BICUBIC
    )
    draw = ImageDraw.Draw(tile)
    draw.rectangle((0, 0, 10 + draw.textlength(words), 16), fill=(0, 0, 0))
    draw.text((5, 3), words, fill=(255, 214, 90))
    return tile


def _slice(held: HeldOut, hu: np.ndarray, plane, words: str, *masks: np.ndarray) -> Image.Image:
    """A slice in a lung window; the last mask's border is the true tumour's."""
    tile = _tile(grey(windowed(hu[plane], LUNG)), words)
    for mask, colour in zip(masks, (_MADE, _TRUE)[-len(masks) :] if masks else (), strict=True):
        tile = outlined(tile, mask[plane], colour)
    return tile


def _difference(held: HeldOut, hu: np.ndarray, plane, words: str) -> Image.Image:
    """Red where too dense, blue where not dense enough."""
    share = np.clip(hu[plane] / _DIFFERENCE_HU, -1, 1)
    up, down = np.clip(share, 0, 1), np.clip(-share, 0, 1)
    colour = np.stack([1 - down, 1 - up - down, 1 - up], axis=-1)
    mean = np.abs(hu[held.near & held.body]).mean()
    return _tile((255 * np.clip(colour, 0, 1)).astype(np.uint8), f"{words}: MAE {mean:.0f} HU")
