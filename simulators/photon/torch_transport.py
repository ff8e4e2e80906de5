"""The transport of `transport_kernel` in torch: all directions of a leading axis advance together, plane by plane."""

from __future__ import annotations

import numpy as np
import torch

from simulators.dose.medium import Medium
from simulators.photon.cones import directions
from simulators.photon.passage import absorption, divergence, levels, lines


def on_device(
    medium: Medium,
    voxels: np.ndarray,
    released: np.ndarray,
    taken: np.ndarray,
    cosine: np.ndarray,
    device: str,
) -> np.ndarray:
    """The dose of released energy, as `transport_kernel.transport` sums it.

    Args:
        medium: the patient.
        voxels: (n, 3) where energy is released.
        released: (n, beams) float32 energy per mass.
        taken: (directions, decays, beams) float32 what each cone takes of it.
        cosine: (directions, decays) as `cones.cosines` gives it.
        device: a torch device.

    Returns:
        (z, y, x) float32.
    """
    level, density = levels(medium)
    terma = torch.zeros((*level.shape, released.shape[1]), device=device)
    terma[tuple(torch.as_tensor(v, device=device).long() for v in voxels.T)] = torch.as_tensor(
        released, device=device
    )
    here = torch.as_tensor(level.astype(np.int64), device=device)
    dose = torch.zeros(level.shape, device=device)
    for axis in range(3):
        turned = (axis, *(a for a in range(3) if a != axis))
        part = _along(
            here.permute(turned), terma.permute(*turned, 3), taken, cosine, lines(medium, axis), density, axis
        )
        dose += part.permute(tuple(np.argsort(turned)))
    return dose.cpu().numpy()


def _along(here, terma, taken, cosine, way, density, axis) -> torch.Tensor:
    """The dose of the directions of one leading axis, that axis first."""
    device = here.device
    chosen, planes, length_cm = way
    kept, passed = (torch.as_tensor(t, device=device) for t in absorption(length_cm, density))
    spread = torch.as_tensor(divergence(length_cm, cosine[chosen]), device=device)[:, None, :]
    share = torch.as_tensor(taken[chosen], device=device).permute(2, 0, 1)  # (beams, directions, decays)
    forward = torch.as_tensor(directions()[chosen, axis] > 0, device=device)
    steps = torch.as_tensor(planes.astype(np.int64), device=device)
    n, nq, nr = here.shape
    high = steps.amax(dim=(0, 1)).clamp(min=0)
    low = steps.amin(dim=(0, 1)).clamp(max=0)
    wide = int(nr + high[1] - low[1])
    carried = torch.zeros((len(chosen), int(nq + high[0] - low[0]) * wide, share.shape[2]), device=device)
    q, r = torch.arange(nq, device=device), torch.arange(nr, device=device)
    each = torch.arange(len(chosen), device=device)[:, None]
    dose = torch.zeros(here.shape, device=device)
    for step in range(n):
        at = torch.where(forward, step, n - 1 - step)
        line_q = q - steps[:, step, 0:1] + high[0]
        line_r = r - steps[:, step, 1:2] + high[1]
        line = (line_q[:, :, None] * wide + line_r[:, None, :]).flatten(1)
        level = here[at].flatten(1)
        source = torch.empty((len(chosen), nq * nr, share.shape[2]), device=device)
        for p, of in ((step, forward), (n - 1 - step, ~forward)):
            source[of] = torch.einsum("vb,bdj->dvj", terma[p].flatten(0, 1), share[:, of])
        change = carried[each, line] - source
        gained = (source + change * kept[each, level]).sum(dim=2).unflatten(1, (nq, nr))
        carried[each, line] = (source + change * passed[each, level]) * spread
        dose[step] += gained[forward].sum(dim=0)
        dose[n - 1 - step] += gained[~forward].sum(dim=0)
    return dose * (here > 0)
