"""Dose of fluence pixels at sample voxels and its transpose: loaded only when a plan is optimised.

Both do a part of the work, from `first` up to and without `beyond` (`simulators.core.threads`).
"""

from numba import njit

BLOCK = 2048  # voxels; results do not depend on the number of threads


@njit(cache=True, fastmath=True, nogil=True)
def forward(first, beyond, narrow, broad, pixel, across, along, primary, scatter, width, out):
    """Dose at voxels, block by block of those of one beam that stay in the cache.

    Args:
        narrow: (beams, pixels) float32 fluence that lets primary dose arise.
        broad: (beams, pixels) float32 fluence that lets scattered dose arise.
        pixel: (beams, n) int32 the pixel below each voxel, or -1.
        across, along: (beams, n) float32 where between it and its neighbours.
        primary, scatter: (beams, n) float32 dose of unit fluence.
        width: pixels of a row.
        out: (n,) float32 zeros.
    """
    n = out.size
    for block in range(first, beyond):
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


@njit(cache=True, fastmath=True, nogil=True)
def transpose(first, beyond, gradient, pixel, across, along, primary, scatter, width, narrow, broad):
    """What a change of dose at voxels asks of the two fluences, beam by beam; arguments as of `forward`.

    Args:
        gradient: (n,) float32.
        narrow, broad: (beams, pixels) float32 zeros.
    """
    n = pixel.shape[1]
    for b in range(first, beyond):
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
