"""A slice as a picture: window, colours, outlines, and the words that say it is simulated."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

LUNG = (1500.0, -600.0)
_OVER = 0.55  # opacity of colours over a picture


def windowed(hu: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """HU to 0-255 grey, for a window (width, level).

    Args:
        hu: HU, of any shape.
        window: (width, level), HU.

    Example:
        >>> windowed(np.array([-1350.0, -600.0, 150.0]), LUNG).tolist()
        [0, 127, 255]
    """
    width, level = window
    return np.clip((hu - level + width / 2) * (255 / width), 0, 255).astype(np.uint8)


def grey(values: np.ndarray) -> np.ndarray:
    """(rows, columns, 3) of (rows, columns) grey values from 0 to 255."""
    return np.repeat(values[..., None], 3, axis=2)


def coloured(pixels: np.ndarray, share: np.ndarray, scale: str, *, clear_below: float) -> np.ndarray:
    """Values in colours over a picture.

    Args:
        pixels: (rows, columns, 3) uint8, what lies beneath.
        share: (rows, columns) values from 0 to 1.
        scale: name of the colour scale: plasma, hot or grey.
        clear_below: where the share is less, nothing is laid over.

    Returns:
        (rows, columns, 3) uint8.
    """
    from plotly.colors import sample_colorscale

    names = {"grey": "gray"}
    steps = sample_colorscale(names.get(scale, scale), np.linspace(0, 1, 256).tolist(), colortype="tuple")
    colours = 255 * np.array(steps)[np.rint(255 * share).astype(int)]
    over = np.where(share >= clear_below, _OVER, 0.0)[..., None]
    return np.rint(pixels * (1 - over) + colours * over).astype(np.uint8)


def slice_png(
    pixels: np.ndarray,
    outlines: list[tuple[np.ndarray, tuple[int, int, int]]],
    *,
    aspect: float,
    words: str,
    zoom: int = 2,
) -> str:
    """A slice as a data URI of a PNG.

    Args:
        pixels: (rows, columns, 3) uint8.
        outlines: (mask, RGB); each mask's edge is drawn.
        aspect: height of a row over width of a column, in mm.
        words: burnt into the picture's upper left corner.
        zoom: picture pixels for each column.
    """
    from PIL import Image, ImageDraw

    size = (pixels.shape[1] * zoom, round(pixels.shape[0] * zoom * aspect))
    picture = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
    for mask, colour in outlines:
        picture = outlined(picture, mask, colour)
    draw = ImageDraw.Draw(picture)
    _, _, right, low = draw.textbbox((6, 4), words)
    draw.rectangle((0, 0, right + 6, low + 4), fill=(0, 0, 0))  # a PET is dark on white
    draw.text((6, 4), words, fill=(255, 214, 90))
    memory = io.BytesIO()
    picture.quantize(128).save(memory, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(memory.getvalue()).decode()


def outlined(picture: Image.Image, mask: np.ndarray, colour: tuple[int, int, int]) -> Image.Image:
    """A picture with the edge of a mask, one pixel wide.

    Args:
        picture: RGB.
        mask: (rows, columns) of the slice, which is enlarged to the picture.
        colour: RGB.
    """
    from PIL import Image

    enlarged = Image.fromarray((mask > 0).astype(np.uint8) * 255).resize(
        picture.size, Image.Resampling.BICUBIC
    )
    inside = np.asarray(enlarged) > 127
    core = inside.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            core &= np.roll(inside, step, axis)
    pixels = np.array(picture)
    pixels[inside & ~core] = colour
    return Image.fromarray(pixels)
