"""Transport of released energy along directions through densities: loaded only when a dose is computed.

The lines of one direction advance plane by plane along its leading axis and step sideways in whole voxels, so that
each voxel lies on exactly one line (Ahnesjo, Med Phys 16:577, 1989). Within a voxel the energy that a line carries
is absorbed and replenished exactly, for constant density and release. Inner loops are short and over few arrays, so
that compilers make vector instructions of them.
"""

import numpy as np
from numba import njit

CHUNKS = 4  # of directions, each with a sum of its own: results do not depend on the number of threads
DECAYS = 4
BLOCK = 512  # of rows whose sums over beams stay in the nearest cache
GROUP = 4  # of directions that share a reading of what is released


@njit(cache=True, fastmath=True, nogil=True)
def transport(
    first_chunk, beyond, level, span, row, terma, shares, absorbed, passed, spread, planes, forward, dose
):
    """Add the dose of the directions of one leading axis.

    Args:
        first_chunk, beyond: of `CHUNKS`, which are done (`simulators.core.threads`).
        level: (p, q, r) uint16 step of density, 0 outside the body, p along the leading axis.
        span: (p, q, 2) first and one past the last r within the body.
        row: (p, q, r) uint32 row of the voxel in `terma`, or the number of rows where nothing is released.
        terma: (beams, rows) float32 energy released per mass.
        shares: (directions, DECAYS, beams) float32 what each cone takes of it.
        absorbed: (directions, DECAYS, levels) float32 of a line's energy, what a voxel's dose takes.
        passed: (directions, DECAYS, levels) float32 share that leaves the voxel along the beams, diverging.
        spread: (directions, DECAYS) float32 what the beams' divergence leaves of it.
        planes: (directions, p, 2) int16 steps sideways (q, r) at each plane on the way.
        forward: (directions,) bool: whether the leading axis is passed upwards.
        dose: (CHUNKS, p, q, r) float32, added to.
    """
    n, nq, nr = level.shape
    count, rows = shares.shape[0], terma.shape[1]
    for chunk in range(first_chunk, beyond):
        out = dose[chunk]
        source = np.zeros((GROUP * DECAYS, rows + 1), np.float32)
        kept, left, given = np.empty(nr, np.float32), np.empty(nr, np.float32), np.empty(nr, np.float32)
        first, last = chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS
        for d in range(first, last):
            own = (d - first) % GROUP
            if own == 0:
                _sources(terma, shares[d : min(d + GROUP, last)].reshape(-1, terma.shape[0]), source)
            oq, orr = planes[d, :, 0], planes[d, :, 1]
            low_q, low_r = min(0, oq[-1]), min(0, orr[-1])
            high_q, high_r = max(0, oq[-1]), max(0, orr[-1])
            # A line's place is the voxel's less the steps so far.
            carried = np.zeros((DECAYS, nq + high_q - low_q, nr + high_r - low_r), np.float32)
            for step in range(n):
                p = step if forward[d] else n - 1 - step
                for q in range(nq):
                    a, b = span[p, q]
                    if a == b:
                        continue
                    at, lq = a - orr[step] + high_r, q - oq[step] + high_q
                    for k in range(DECAYS):
                        _pass(
                            level[p, q, a:b], row[p, q, a:b], source[own * DECAYS + k], absorbed[d, k], passed[d, k],
                            spread[d, k], carried[k, lq, at : at + b - a], out[p, q, a:b], kept, left, given,
                        )  # fmt: skip


@njit(cache=True, fastmath=True)
def _pass(level, row, source, absorbed, passed, spread, carried, out, kept, left, given):
    """Lines of one decay pass a row of voxels."""
    n = level.size
    for i in range(n):
        kept[i] = absorbed[level[i]]
        left[i] = passed[level[i]]
    for i in range(n):
        given[i] = source[row[i]]
    for i in range(n):
        out[i] += given[i] + (carried[i] - given[i]) * kept[i]
        carried[i] = carried[i] * left[i] + given[i] * (spread - left[i])


@njit(cache=True, fastmath=True)
def _sources(terma, shares, out):
    """What cones (n, beams) take at each row, (n, rows), of what the beams release there."""
    beams, rows = terma.shape
    cones = shares.shape[0]
    for first in range(0, rows, BLOCK):
        last = min(rows, first + BLOCK)
        out[:cones, first:last] = 0.0
        for b in range(0, beams - 3, 4):
            t0, t1 = terma[b, first:last], terma[b + 1, first:last]
            t2, t3 = terma[b + 2, first:last], terma[b + 3, first:last]
            for k in range(cones):
                part, s0, s1 = out[k, first:last], shares[k, b], shares[k, b + 1]
                s2, s3 = shares[k, b + 2], shares[k, b + 3]
                for i in range(last - first):
                    part[i] += (t0[i] * s0 + t1[i] * s1) + (t2[i] * s2 + t3[i] * s3)
        for b in range(beams - beams % 4, beams):
            for k in range(cones):
                for i in range(first, last):
                    out[k, i] += terma[b, i] * shares[k, b]
