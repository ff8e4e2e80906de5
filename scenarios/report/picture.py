"""A CT slice as a picture: window, tumour contours, and the words that say it is simulated."""

from __future__ import annotations

import base64
import io

import numpy as np

LUNG = (1500.0, -600.0)
SOFT_TISSUE = (400.0, 40.0)


def windowed(hu: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """HU to 0-255 grey, for a window (width, level).

    Example:
        >>> windowed(np.array([-1350.0, -600.0, 150.0]), LUNG).tolist()
        [0, 127, 255]
    """
    width, level = window
    return np.clip((hu - level + width / 2) * (255 / width), 0, 255).astype(np.uint8)


def slice_png(
    hu: np.ndarray,
    outlines: list[tuple[np.ndarray, tuple[int, int, int]]],
    *,
    aspect: float,
    words: str,
    window: tuple[float, float] = LUNG,
    zoom: int = 2,
) -> str:
    """A slice as a data URI of a PNG.

    Args:
        hu: (rows, columns) in HU.
        outlines: (mask, RGB); each mask's edge is drawn.
        aspect: height of a row over width of a column, in mm.
        words: burnt into the picture's upper left corner.
        window: (width, level) in HU.
        zoom: picture pixels for each column.
    """
    from PIL import Image, ImageDraw

    size = (hu.shape[1] * zoom, round(hu.shape[0] * zoom * aspect))
    picture = Image.fromarray(windowed(hu, window)).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    pixels = np.array(picture)
    for mask, colour in outlines:
        smooth = Image.fromarray((mask > 0).astype(np.uint8) * 255).resize(size, Image.Resampling.BICUBIC)
        inside = np.asarray(smooth) > 127
        core = inside.copy()
        for axis in (0, 1):
            for step in (-1, 1):
                core &= np.roll(inside, step, axis)
        pixels[inside & ~core] = colour
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    for offset, colour in ((1, (0, 0, 0)), (0, (255, 214, 90))):
        draw.text((6 + offset, 4 + offset), words, fill=colour)
    file = io.BytesIO()
    picture.quantize(128).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
