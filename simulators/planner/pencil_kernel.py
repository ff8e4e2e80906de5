"""Dose of fluence pixels at sample voxels and its transpose: loaded only when a plan is optimised."""

import numpy as np
from numba import njit, prange

BLOCK = 2048


@njit(cache=True, parallel=True, fastmath=True)
def forward(narrow, broad, pixel, across, along, primary, scatter, width):
    """Dose at voxels.

    Args:
        narrow: (beams, pixels) float32 fluence that lets primary dose arise.
        broad: (beams, pixels) float32 fluence that lets scattered dose arise.
        pixel: (beams, n) int32 the pixel below each voxel, or -1.
        across, along: (beams, n) float32 where between it and its neighbours.
        primary, scatter: (beams, n) float32 dose of unit fluence.
        width: pixels of a row.

    Returns:
        (n,) float32.
    """
    n = pixel.shape[1]
    out = np.zeros(n, np.float32)
    for block in prange((n + BLOCK - 1) // BLOCK):
        for b in range(pixel.shape[0]):
            for s in range(block * BLOCK, min(n, (block + 1) * BLOCK)):
                p = pixel[b, s]
                if p < 0:
                    continue
                a, c = across[b, s], along[b, s]
                w00, w01, w10, w11 = (1 - a) * (1 - c), a * (1 - c), (1 - a) * c, a * c
                q = p + width
                out[s] += primary[b, s] * (
                    narrow[b, p] * w00 + narrow[b, p + 1] * w01 + narrow[b, q] * w10 + narrow[b, q + 1] * w11
                ) + scatter[b, s] * (
                    broad[b, p] * w00 + broad[b, p + 1] * w01 + broad[b, q] * w10 + broad[b, q + 1] * w11
                )
    return out


@njit(cache=True, parallel=True, fastmath=True)
def transpose(gradient, pixel, across, along, primary, scatter, width, pixels):
    """What a change of dose at voxels asks of the two fluences; arguments as of `forward`, gradient (n,) float32.

    Returns:
        Two of (beams, pixels) float32.
    """
    beams, n = pixel.shape
    narrow = np.zeros((beams, pixels), np.float32)
    broad = np.zeros((beams, pixels), np.float32)
    for b in prange(beams):
        for s in range(n):
            p = pixel[b, s]
            g = gradient[s]
            if p < 0 or g == 0:
                continue
            a, c = across[b, s], along[b, s]
            w00, w01, w10, w11 = (1 - a) * (1 - c), a * (1 - c), (1 - a) * c, a * c
            q = p + width
            g1, g2 = g * primary[b, s], g * scatter[b, s]
            narrow[b, p] += g1 * w00
            narrow[b, p + 1] += g1 * w01
            narrow[b, q] += g1 * w10
            narrow[b, q + 1] += g1 * w11
            broad[b, p] += g2 * w00
            broad[b, p + 1] += g2 * w01
            broad[b, q] += g2 * w10
            broad[b, q + 1] += g2 * w11
    return narrow, broad
