"""A film of what viewers have shown, put together from the pictures that a browser sends."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from twin import InputError

MOST_BYTES = 96 * 2**20  # of all pictures together
_MOST_FRAMES, _MOST_PIXELS = 400, 4_000_000
_MOST_MS = 10_000


def gif(pictures: Sequence[bytes], milliseconds: Sequence[int]) -> bytes:
    """A GIF that repeats.

    Args:
        pictures: PNG files of one size; what they show, stamp and patient included, is burnt in.
        milliseconds: how long each is seen, 10 to 10,000.

    Raises:
        InputError: no pictures, too many or too large ones, or as many times as there are not pictures.

    Example:
        >>> png = io.BytesIO()
        >>> Image.new("RGB", (8, 4)).save(png, "PNG")
        >>> gif([png.getvalue()], [250])[:6]
        b'GIF89a'
    """
    if not 0 < len(pictures) <= _MOST_FRAMES or len(milliseconds) != len(pictures):
        raise InputError(f"a film has 1 to {_MOST_FRAMES} pictures, each with its time")
    if not all(10 <= ms <= _MOST_MS for ms in milliseconds):
        raise InputError(f"a picture of a film is seen for 10 to {_MOST_MS} ms")
    frames = [_frame(png) for png in pictures]
    if len({frame.size for frame in frames}) > 1:
        raise InputError("the pictures of a film have one size: leave the window as it is while it is made")
    memory = io.BytesIO()
    first, *rest = frames
    first.save(memory, "GIF", save_all=True, append_images=rest, duration=list(milliseconds), loop=0)
    return memory.getvalue()


def _frame(png: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise InputError("a picture of the film is too large")
            return picture.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError("a picture of the film cannot be read") from error
