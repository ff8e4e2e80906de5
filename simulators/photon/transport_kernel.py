"""Transport of released energy along directions through densities: loaded only when a dose is computed.

The lines of one direction advance plane by plane along its leading axis and step sideways in whole voxels, so that
each voxel lies on exactly one line (Ahnesjo, Med Phys 16:577, 1989). Within a voxel the energy that a line carries
is absorbed and replenished exactly, for constant density and release.
"""

import numpy as np
from numba import njit, prange

CHUNKS = 4  # of directions, each with a sum of its own: results do not depend on the number of threads
DECAYS = 4


@njit(cache=True, fastmath=True, parallel=True)
def transport(level, row, terma, shares, absorbed, passed, spread, planes, forward, dose):
    """Add the dose of the directions of one leading axis.

    Args:
        level: (p, q, r) uint16 step of density, 0 outside the body, p along the leading axis.
        row: (p, q, r) int32 row of the voxel in `terma`, or -1 where nothing is released.
        terma: (rows, beams) float32 energy released per mass.
        shares: (directions, DECAYS, beams) float32 what each cone takes of it.
        absorbed: (directions, levels, DECAYS) float32 of a line's energy, what a voxel's dose takes.
        passed: (directions, levels, DECAYS) float32 share that leaves the voxel.
        spread: (directions, DECAYS) float32 what the beams' divergence leaves of it.
        planes: (directions, p, 2) int16 steps sideways (q, r) at each plane on the way.
        forward: (directions,) bool: whether the leading axis is passed upwards.
        dose: (CHUNKS, p, q, r) float32, added to.
    """
    n, nq, nr = level.shape
    count, beams = shares.shape[0], shares.shape[2]
    for chunk in prange(CHUNKS):
        first, last = chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS
        out = dose[chunk]
        for d in range(first, last):
            oq, orr = planes[d, :, 0], planes[d, :, 1]
            low_q, low_r = min(0, oq[-1]), min(0, orr[-1])
            high_q, high_r = max(0, oq[-1]), max(0, orr[-1])
            # A line's place is the voxel's less the steps so far.
            carried = np.zeros((nq + high_q - low_q, nr + high_r - low_r, DECAYS), np.float32)
            for step in range(n):
                p = step if forward[d] else n - 1 - step
                for q in range(nq):
                    lq = q - oq[step] + high_q
                    for r in range(nr):
                        here = level[p, q, r]
                        at = row[p, q, r]
                        if here == 0:  # nothing absorbs or releases outside the body
                            continue
                        lr = r - orr[step] + high_r
                        s0 = s1 = s2 = s3 = np.float32(0.0)
                        if at >= 0:
                            for b in range(beams):
                                released = terma[at, b]
                                s0 += released * shares[d, 0, b]
                                s1 += released * shares[d, 1, b]
                                s2 += released * shares[d, 2, b]
                                s3 += released * shares[d, 3, b]
                        w0, w1 = carried[lq, lr, 0], carried[lq, lr, 1]
                        w2, w3 = carried[lq, lr, 2], carried[lq, lr, 3]
                        a0, a1 = absorbed[d, here, 0], absorbed[d, here, 1]
                        a2, a3 = absorbed[d, here, 2], absorbed[d, here, 3]
                        out[p, q, r] += (
                            (s0 + (w0 - s0) * a0) + (s1 + (w1 - s1) * a1)
                            + (s2 + (w2 - s2) * a2) + (s3 + (w3 - s3) * a3)
                        )  # fmt: skip
                        carried[lq, lr, 0] = (s0 + (w0 - s0) * passed[d, here, 0]) * spread[d, 0]
                        carried[lq, lr, 1] = (s1 + (w1 - s1) * passed[d, here, 1]) * spread[d, 1]
                        carried[lq, lr, 2] = (s2 + (w2 - s2) * passed[d, here, 2]) * spread[d, 2]
                        carried[lq, lr, 3] = (s3 + (w3 - s3) * passed[d, here, 3]) * spread[d, 3]
