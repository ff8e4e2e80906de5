"""The kernels of `forward_kernel` and `backward_kernel` in torch, view by view, for a GPU."""

from __future__ import annotations

import numpy as np
import torch

from simulators.scanners.projection.beam import Beam


def line_integrals(
    planes: np.ndarray, first: np.ndarray, spacing: np.ndarray, beam: Beam, device: str
) -> np.ndarray:
    """Integrals of an object along all rays of a beam.

    Args:
        planes: (y, x, z) float32, per mm.
        first, spacing: its place, as `beam.place` gives it.
        beam: the rays.
        device: a torch device.

    Returns:
        (views, nu, nv) float32.
    """
    volume = torch.nn.functional.pad(torch.as_tensor(planes, device=device), (0, 1))
    volume[..., -1] = volume[..., -2]
    volume = torch.nn.functional.pad(volume, (0, 0, 1, 1, 1, 1))  # nothing lies outside
    u, v = (torch.as_tensor(x, device=device, dtype=torch.float64) for x in (beam.u_mm, beam.v_mm))
    out = torch.empty(beam.shape, device=device)
    across, along = beam.divergence
    for view, angle in enumerate(beam.angles_rad):
        sx, sy = float(np.sin(angle)), -float(np.cos(angle))
        base = torch.stack([u * sx, -u * sy])  # y, x
        way = torch.stack([sy - u * across * sx, sx + u * across * sy])
        through_y = way[0].abs() * spacing[1] >= way[1].abs() * spacing[0]
        for axis, chosen in ((0, through_y), (1, ~through_y)):
            if chosen.any():
                part = (base[:, chosen], way[:, chosen])
                out[view, chosen] = _along(volume, axis, first, spacing, *part, v, along)
    return out.cpu().numpy()


def _along(volume, axis, first, spacing, base, way, v, along) -> torch.Tensor:
    """(rays, nv) integrals of the rays that pass the planes of an axis, 0 for y and 1 for x."""
    other = 1 - axis
    turned = volume if axis == 0 else volume.transpose(0, 1)
    steps, cells, heights = turned.shape[0] - 2, turned.shape[1] - 2, turned.shape[2] - 1
    plane = torch.arange(steps, device=volume.device)
    s = (first[axis] + plane[:, None] * spacing[axis] - base[axis]) / way[axis]  # (steps, rays)
    f = ((base[other] + s * way[other] - first[other]) / spacing[other]).clamp(-1.0, cells)
    m = f.floor().long().clamp(-1, cells - 1)
    part = (f - m).float()[..., None]
    line = (1 - part) * turned[plane[:, None] + 1, m + 1] + part * turned[plane[:, None] + 1, m + 2]
    at = ((v * (1 - along * s)[..., None] - first[2]) / spacing[2]).clamp(0.0, heights - 1)
    k = at.long()
    low, high = line.gather(2, k), line.gather(2, k + 1)
    total = (low + (at - k).float() * (high - low)).sum(dim=0)
    step = spacing[axis] / way[axis].abs()
    return total * (step[:, None] * torch.sqrt((way**2).sum(dim=0)[:, None] + (v * along) ** 2)).float()


def spread_back(
    rays: np.ndarray, first: np.ndarray, spacing: np.ndarray, shape: tuple[int, ...], beam: Beam, device: str
) -> np.ndarray:
    """What all views say of each voxel.

    Args:
        rays: (views, nu, nv) filtered projections.
        first, spacing: the image's place, as `beam.place` gives it.
        shape: of the image, (z, y, x).
        beam: the rays.
        device: a torch device.

    Returns:
        (y, x, z) float32.
    """
    nz, ny, nx = shape
    nu, nv = beam.u_mm.size, beam.v_mm.size
    (du, dv), (across, along) = beam.step_mm, beam.divergence
    y, x, z = (
        torch.arange(n, device=device, dtype=torch.float64) * d + o
        for n, d, o in zip((ny, nx, nz), spacing, first, strict=True)
    )
    y = y[:, None]
    out = torch.zeros((ny, nx, nz), device=device)
    for angle, seen in zip(beam.angles_rad, rays, strict=True):
        sx, sy = float(np.sin(angle)), -float(np.cos(angle))
        s = x * sx + y * sy
        near = 1 / (1 - across * s)
        f = ((y * sx - x * sy) * near - beam.u_mm[0]) / du
        inside = (f >= 0) & (f <= nu - 1)
        m = f.long().clamp(0, nu - 2)
        part = (f - m).float()[..., None]
        here = torch.as_tensor(seen, device=device)
        mixed = ((1 - part) * here[m] + part * here[m + 1]) * (near**2 * inside).float()[..., None]
        at = ((z / (1 - along * s)[..., None] - beam.v_mm[0]) / dv).clamp(0.0, nv - 1)
        k = at.long()
        low, high = mixed.gather(2, k), mixed.gather(2, (k + 1).clamp(max=nv - 1))
        out += low + (at - k).float() * (high - low)
    return out.cpu().numpy()
