"""Voxels for the browser: several arrays in one compressed message that a few lines of JavaScript unpack.

A message is gzip of: the length of a JSON header (uint32, little-endian), the header padded to a multiple of four
bytes, and the arrays one after the other. Signed 16-bit voxels are stored as the difference to the voxel before
(modulo 2^16), low bytes first and high bytes after, because CT compresses so to about half; masks as bits.
Nothing is lost, so that the browser can apply any window and show exact HU.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field

import numpy as np

_LEVEL = 1  # loopback and SSH tunnels are faster than better compression


@dataclass(frozen=True, eq=False)
class Part:
    """One array of a message.

    Args:
        name: how the browser finds it.
        array: (z, y, x), int16 or bool.
        meta: further entries of the header, JSON-able.
    """

    name: str
    array: np.ndarray
    meta: dict = field(default_factory=dict)


def quantised(name: str, array: np.ndarray, low: float | None, **meta) -> Part:
    """A float array as int16 with a scale and a base, exact to 1/60,000 of its range.

    Args:
        name: how the browser finds it.
        array: (z, y, x).
        low: the least value that counts, in the array's unit; None for the array's own.
        **meta: further entries of the header.
    """
    if low is None:
        low = float(np.min(array, initial=0.0))
    raised = np.maximum(array, low) - low
    scale = max(float(np.max(raised, initial=0.0)), 1e-6) / 30_000
    return Part(name, np.rint(raised / scale).astype(np.int16), {**meta, "scale": scale, "base": low})


def pack(parts: list[Part], **header) -> bytes:
    """The message of some arrays.

    Args:
        parts: the arrays.
        **header: further entries of the header, JSON-able.

    Returns:
        gzip-compressed bytes.
    """
    listed, blobs, offset = [], [], 0
    for part in parts:
        bits = part.array.dtype == bool
        blob = (
            np.packbits(part.array.ravel(), bitorder="little").tobytes() if bits else _differences(part.array)
        )
        listed.append(
            {
                "name": part.name,
                "shape": list(part.array.shape),
                "codec": "bits" if bits else "i16",
                "offset": offset,
                "bytes": len(blob),
                **part.meta,
            }
        )
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps({**header, "parts": listed}).encode()
    text += b" " * (-len(text) % 4)
    whole = b"".join([len(text).to_bytes(4, "little"), text, *blobs])
    return gzip.compress(whole, _LEVEL, mtime=0)


def unpack(message: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """The header and the arrays of a message, as the browser reads them.

    Args:
        message: made by `pack`.

    Example:
        >>> message = pack([Part("ct", np.array([[[-1000, 30, 3071]]], np.int16))], day=7.0)
        >>> header, arrays = unpack(message)
        >>> header["day"], arrays["ct"].tolist()
        (7.0, [[[-1000, 30, 3071]]])
    """
    whole = gzip.decompress(message)
    start = 4 + int.from_bytes(whole[:4], "little")
    header = json.loads(whole[4:start])
    arrays = {}
    for part in header["parts"]:
        blob = np.frombuffer(whole, np.uint8, part["bytes"], start + part["offset"])
        count = int(np.prod(part["shape"]))
        if part["codec"] == "bits":
            values = np.unpackbits(blob, bitorder="little")[:count].astype(bool)
        else:
            steps = blob[:count].astype(np.uint16) | (blob[count:].astype(np.uint16) << 8)
            values = np.cumsum(steps, dtype=np.uint16).view(np.int16)
        arrays[part["name"]] = values.reshape(part["shape"])
    return header, arrays


def _differences(array: np.ndarray) -> bytes:
    flat = np.ascontiguousarray(array, dtype=np.int16).view(np.uint16).ravel()
    steps = np.diff(flat, prepend=np.uint16(0))
    return (steps & 0xFF).astype(np.uint8).tobytes() + (steps >> 8).astype(np.uint8).tobytes()
