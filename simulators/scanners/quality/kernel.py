"""Reconstruction kernels by their modulation transfer function (MTF)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from twin.inputs.mapping import read_mapping

KernelName = Literal["soft", "standard", "medium", "lung", "sharp", "bone"]
KERNELS = get_args(KernelName)
_TAIL = 1.686  # f10 / f50 of B30f; D45's is 1.679
_LEAST = 1e-3  # of an MTF: what is below is noise


@dataclass(frozen=True)
class Kernel:
    """An MTF of the form exp(-ln 2 (f / f50)^n).

    Args:
        f50_per_mm: frequency at which it is 50 %, per mm.
        f10_per_mm: frequency at which it is 10 %, per mm.
    """

    f50_per_mm: float
    f10_per_mm: float

    @classmethod
    def named(cls, name: KernelName) -> Kernel:
        """A kernel of the table."""
        row = read_mapping(Path(__file__).with_name("data") / "kernels.yaml")[name]
        return cls(row["mtf50"] / 10, row["mtf10"] / 10)

    @classmethod
    def of(cls, f50_per_mm: float) -> Kernel:
        """The kernel of a scan of which only the frequency of 50 % is known."""
        return cls(f50_per_mm, _TAIL * f50_per_mm)

    def mtf(self, f_per_mm: np.ndarray) -> np.ndarray:
        """The MTF at spatial frequencies, per mm."""
        power = np.log(np.log(10) / np.log(2)) / np.log(self.f10_per_mm / self.f50_per_mm)
        return np.exp(-np.log(2) * (f_per_mm / self.f50_per_mm) ** power)


def softened(
    hu: np.ndarray, spacing_mm: tuple[float, float], own: Kernel | None, wanted: Kernel
) -> np.ndarray:
    """Slices as a softer kernel would give them, with their noise; sharper frequencies than the own stay as they are.

    Args:
        hu: (z, y, x).
        spacing_mm: between pixels along (y, x).
        own: kernel of the slices; None where they are an object that no kernel has seen.
        wanted: a softer one.

    Returns:
        (z, y, x) float32.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    pad = max(1, int(np.ceil(3 / (wanted.f50_per_mm * min(spacing_mm)))))
    ny, nx = (next_fast_len(n + 2 * pad, real=True) for n in hu.shape[1:])
    fy, fx = np.fft.fftfreq(ny, spacing_mm[0]), np.fft.rfftfreq(nx, spacing_mm[1])
    f = np.hypot(fy[:, None], fx)
    there = 1.0 if own is None else np.maximum(own.mtf(f), _LEAST)
    ratio = np.minimum(wanted.mtf(f) / there, 1.0).astype(np.float32)
    out = np.empty(hu.shape, np.float32)
    for k, plane in enumerate(hu):
        sides = [(pad, n - m - pad) for n, m in zip((ny, nx), plane.shape, strict=True)]
        wide = np.pad(plane.astype(np.float32), sides, mode="edge")
        out[k] = irfft2(rfft2(wide) * ratio, (ny, nx))[pad : pad + plane.shape[0], pad : pad + plane.shape[1]]
    return out
