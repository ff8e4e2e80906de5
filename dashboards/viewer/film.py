"""A film of what viewers have shown, put together from the pictures that a browser sends."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator, Sequence

from PIL import Image

from scenarios.records.schema import SIMULATED
from twin import InputError
from twin.files.private import PrivateFolder

MOST_BYTES = 96 * 2**20  # of all pictures together
_MOST_FRAMES, _MOST_PIXELS = 400, 4_000_000
_MOST_MS = 10_000
_PATIENCE_S = 300
_SLOWER_MS = (
    25  # pictures are read at 25 a second: listed as seconds for so many milliseconds, times stay whole
)


def films() -> list[str]:
    """The kinds of film that this machine can make: GIF, and MP4 where ffmpeg is."""
    return ["gif", "mp4"] if shutil.which("ffmpeg") else ["gif"]


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
    _check_times(pictures, milliseconds)
    first, *rest = [
        f.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE) for f in _frames(pictures)
    ]
    memory = io.BytesIO()
    first.save(memory, "GIF", save_all=True, append_images=rest, duration=list(milliseconds), loop=0)
    return memory.getvalue()


def mp4(pictures: Sequence[bytes], milliseconds: Sequence[int]) -> bytes:
    """An MP4, by ffmpeg: each picture once, with its time, so that nothing is rounded to a rate of frames.

    Args:
        pictures: PNG files of one size; what they show, stamp and patient included, is burnt in.
        milliseconds: how long each is seen, 10 to 10,000.

    Raises:
        InputError: as for `gif`, or there is no ffmpeg here, or it fails.
    """
    _check_times(pictures, milliseconds)
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise InputError("an MP4 needs ffmpeg on the machine of the dashboard; a GIF needs nothing")
    with PrivateFolder() as private:
        folder = private.path
        listed = ["ffconcat version 1.0"]
        for n, (frame, ms) in enumerate(zip(_frames(pictures), milliseconds, strict=True)):
            frame.save(folder / f"{n}.png", compress_level=1)
            listed += [f"file {n}.png", f"duration {ms / _SLOWER_MS:.2f}"]
        listed.append(f"file {len(pictures) - 1}.png")  # the last one's time ends where it is shown again
        (folder / "list.ffconcat").write_text("\n".join(listed))
        command = [ffmpeg, "-v", "error", "-nostdin", "-f", "concat", "-i", "list.ffconcat"]
        shown = f"settb=1/1000,setpts=PTS*{_SLOWER_MS}/1000,pad=ceil(iw/2)*2:ceil(ih/2)*2"
        command += ["-vf", shown, "-pix_fmt", "yuv420p", "-fps_mode", "vfr", "-enc_time_base", "1:1000"]
        command += ["-video_track_timescale", "1000", "-metadata", f"comment={SIMULATED}"]
        command += ["-movflags", "+faststart", "film.mp4"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_PATIENCE_S)
        except (subprocess.SubprocessError, OSError) as error:
            raise InputError("ffmpeg could not make the film; a GIF can be saved without it") from error
        return (folder / "film.mp4").read_bytes()


def _check_times(pictures: Sequence[bytes], milliseconds: Sequence[int]) -> None:
    if not 0 < len(pictures) <= _MOST_FRAMES or len(milliseconds) != len(pictures):
        raise InputError(f"a film has 1 to {_MOST_FRAMES} pictures, each with its time")
    if not all(10 <= ms <= _MOST_MS for ms in milliseconds):
        raise InputError(f"a picture of a film is seen for 10 to {_MOST_MS} ms")


def _frames(pictures: Sequence[bytes]) -> Iterator[Image.Image]:
    """One after the other, so that only what an encoder keeps is in memory."""
    size = None
    for png in pictures:
        frame = _frame(png)
        size = size or frame.size
        if frame.size != size:
            raise InputError(
                "the pictures of a film have one size: leave the window as it is while it is made"
            )
        yield frame


def _frame(png: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise InputError("a picture of the film is too large")
            return picture.convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError("a picture of the film cannot be read") from error
