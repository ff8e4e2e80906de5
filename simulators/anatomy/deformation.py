"""Elastic shrinkage: a smooth, invertible flow that draws lung into the place of lost tumour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, label, minimum_filter
from scipy.sparse import coo_matrix

from simulators.anatomy.conjugate_gradient import conjugate_gradient
from simulators.anatomy.lattice import SplineBasis
from simulators.anatomy.tumour_site import MARGIN_MM, TumourSite, smooth, smoothstep
from simulators.anatomy.warp_kernels import compose
from simulators.core.threads import in_threads
from twin import Geometry, Volume
from twin.geometry import Box

GRID_MM = 3.0
_MAX_RUN = 2.0  # further, lung would be torn into streaks: what is left of the loss is eroded
_SLIP_MM = 7.0
_SMOOTH_MM = 3.0
_MAX_GRADIENT = 1.2
_WALL_EASE = 0.05
_REACH_MM = MARGIN_MM - 8.0
_ALL: Box = (slice(None), slice(None), slice(None))


@dataclass(frozen=True, eq=False)
class Flow:
    """How one patient's lung can move, and its velocity when the tumour shrinks.

    Args:
        geometry: the fine grid on which displacements are wanted.
        coarse: the grid of the velocity and of the three fields after it.
        velocity_mm: (3, z, y, x) float32 in (z, y, x) mm per unit of -ln(volume); its mean divergence in the
            GTV is -1.
        max_tau: how far the flow can run, -ln(volume); walls allow less.
        ease: (z, y, x) mobility, 0 in what keeps still.
        lung: (z, y, x) share of lung, 0 to 1, where it is near enough to give.
        fade: (z, y, x) 0 at walls and far away, 1 where lung is free.
        freedom: (z, y, x) float32 on the fine grid, 0 where tissue keeps still, 1 where it is free.
        basis: takes nodes of the coarse grid to the fine one.
    """

    geometry: Geometry
    coarse: Geometry
    velocity_mm: np.ndarray
    max_tau: float
    ease: np.ndarray
    lung: np.ndarray
    fade: np.ndarray
    freedom: np.ndarray
    basis: SplineBasis


def elastic_tau(gtv_cm3, gtv0_cm3, erosion):
    """How long the flow runs so that the tissue drawn through the GTV's first surface is (1 - erosion) of the loss.

    The GTV's interior contracts by exp(-tau) = 1 - (1 - erosion) (1 - V/V0).

    Args:
        gtv_cm3: volume now, cm3, a number or an array; so are the others.
        gtv0_cm3: volume at the start, cm3.
        erosion: share of the loss that re-aerates in place.

    Example:
        >>> round(float(elastic_tau(30.0, 60.0, 0.0)), 6)
        0.693147
        >>> [float(elastic_tau(*v)) for v in ((30.0, 60.0, 1.0), (70.0, 60.0, 0.0), (0.0, 60.0, 0.0))]
        [0.0, 0.0, inf]
    """
    drawn = (1.0 - erosion) * np.maximum(0.0, 1.0 - gtv_cm3 / gtv0_cm3)
    with np.errstate(divide="ignore"):
        return np.abs(np.log1p(-drawn))


@lru_cache(maxsize=2)
def shrinkage_flow(site: TumourSite) -> Flow:
    """Solve w = k grad(phi), div(w) = -1 in the GTV, balanced by the lung around it, within closed walls.

    Chest wall, mediastinum and bone are the walls: beside lung they hardly give. The flow fades out within some
    millimetres of them and far from the tumour. A GTV that touches no lung does not move.

    Args:
        site: the tumour and its surroundings.
    """
    coarse = site.geometry.resampled(GRID_MM)
    gtv = _on(site, site.gtv, coarse)
    mobile = _on(site, site.gtv | site.lung | site.gap, coarse) > 0.5
    away_mm = distance_transform_edt(gtv < 0.5, sampling=coarse.spacing_mm)
    reach = smoothstep((_REACH_MM - away_mm) / 20.0)
    still_mm = _on(site, site.still_mm, coarse)
    # Lung hardly slides within some millimetres of its walls, so that nothing folds there.
    ease = np.where(mobile, _WALL_EASE + smoothstep((still_mm - 1.0) / _SLIP_MM), 0.0)
    fade = smoothstep((still_mm - GRID_MM) / _SLIP_MM) * reach
    lung = _on(site, site.lung, coarse) * (1.0 - gtv) * reach
    velocity = _velocity(gtv, lung, ease, fade, coarse.spacing_mm)
    yielding = _yielding(velocity, gtv, coarse.spacing_mm)
    return Flow(
        geometry=site.geometry,
        coarse=coarse,
        velocity_mm=(velocity / yielding).astype(np.float32),
        max_tau=_MAX_RUN * yielding,
        ease=ease,
        lung=lung,
        fade=fade,
        freedom=smoothstep(site.still_mm / GRID_MM).astype(np.float32),
        basis=SplineBasis.between(site.geometry, coarse),
    )


def scar_velocity_mm(flow: Flow, reaction: np.ndarray) -> np.ndarray:
    """(3, z, y, x) float32 velocity of lung that is drawn into scarring lung, mm per unit of -ln(volume).

    Args:
        flow: of the patient.
        reaction: (z, y, x) on the flow's coarse grid, 0 to 1: how much of the full loss each place suffers.
    """
    giving = flow.lung * np.exp(-3.0 * reaction)
    return _velocity(reaction * flow.lung, giving, flow.ease, flow.fade, flow.coarse.spacing_mm)


def _velocity(
    lost: np.ndarray, giving: np.ndarray, ease: np.ndarray, fade: np.ndarray, spacing_mm
) -> np.ndarray:
    """(3, z, y, x) float32 flow from where lung can give to where volume is lost, in each connected part."""
    parts, n = label(ease > 0.0)
    source = np.zeros(ease.shape)
    for part in range(1, n + 1):
        here = parts == part
        need, room = float(lost[here].sum()), float(giving[here].sum())
        if need > 0.0 and room > 0.2 * need:
            source[here] = giving[here] * (need / room) - lost[here]
    velocity = _gradient_flow(ease, source, spacing_mm)
    velocity = np.stack([smooth(w, _SMOOTH_MM, spacing_mm) for w in velocity]) * fade
    return _calmed(velocity, spacing_mm).astype(np.float32)


def _calmed(velocity: np.ndarray, spacing_mm) -> np.ndarray:
    """The velocity, damped where it is squeezed through a narrow place and its gradient would tear tissue."""
    for _ in range(4):
        steep = np.sqrt(sum((g**2 for w in velocity for g in np.gradient(w, *spacing_mm)), np.float32(0.0)))
        damp = np.minimum(1.0, _MAX_GRADIENT / np.maximum(steep, 1e-6))
        velocity = velocity * gaussian_filter(minimum_filter(damp, 3), 1.0)
    return velocity


def _yielding(velocity: np.ndarray, gtv: np.ndarray, spacing_mm) -> float:
    """Mean contraction of the GTV that walls and smoothing left of the 1 that was asked for, at least 0.25."""
    divergence = sum(np.gradient(velocity[k], spacing_mm[k], axis=k) for k in range(3))
    return max(-float((divergence * gtv).sum() / gtv.sum()), 0.25)


def displacement_mm(flow: Flow, velocity_mm: np.ndarray, part: Box = _ALL) -> np.ndarray:
    """(3, z, y, x) float32, (z, y, x) mm on the fine grid: point after the flow + displacement = point before it.

    The flow's inverse exp(-v), by scaling and squaring (Arsigny 2006).

    Args:
        flow: of the patient.
        velocity_mm: (3, z, y, x) on its coarse grid, for a unit of time.
        part: of the fine grid, or voxels of it some steps apart, which are all that is wanted.
    """
    spacing = np.asarray(flow.coarse.spacing_mm, dtype=np.float32)[:, None, None, None]
    shift = -velocity_mm / spacing
    squarings = max(0, int(np.ceil(np.log2(max(float(np.abs(shift).max()), 1e-6) / 0.1))))
    shift = (shift / 2.0**squarings).astype(np.float32)
    for _ in range(squarings):
        twice = np.empty_like(shift)
        in_threads(compose, shift.shape[1], shift, twice)
        shift = twice
    basis, freedom = flow.basis.of(part), np.broadcast_to(flow.freedom, flow.geometry.shape)[part]
    out = np.empty((3, *freedom.shape), dtype=np.float32)
    for k in range(3):
        np.multiply(basis.spread(shift[k] * spacing[k]), freedom, out=out[k])
    return out


def jacobian(displacement: np.ndarray, spacing_mm) -> np.ndarray:
    """(z, y, x) determinant of the map x + displacement(x), by central differences.

    Args:
        displacement: (3, z, y, x) in (z, y, x) mm.
        spacing_mm: (z, y, x).
    """
    rows = np.empty((*displacement.shape[1:], 3, 3), dtype=np.float32)
    for k in range(3):
        for axis in range(3):
            rows[..., k, axis] = np.gradient(displacement[k], spacing_mm[axis], axis=axis)
    rows[..., [0, 1, 2], [0, 1, 2]] += 1.0
    return np.linalg.det(rows)


def _on(site: TumourSite, values: np.ndarray, coarse: Geometry) -> np.ndarray:
    return (
        Volume(site.geometry, values.astype(np.float32), "MASK", "1").on(coarse, order=1).astype(np.float64)
    )


def _gradient_flow(k: np.ndarray, source: np.ndarray, spacing_mm) -> np.ndarray:
    """(3, z, y, x) k grad(phi) at nodes, where div(k grad(phi)) = source inside closed walls (finite volumes).

    Args:
        k: (z, y, x), 0 outside the walls.
        source: (z, y, x), of mean zero in each connected part of the inside.
        spacing_mm: (z, y, x).
    """
    inside = k > 0.0
    ease = k[inside]
    n = int(inside.sum())
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(n)
    rows, columns, values, faces = [], [], [], []
    diagonal = np.full(n, 1e-9)
    for axis, h in enumerate(spacing_mm):
        lower = np.take(number, range(inside.shape[axis] - 1), axis)
        upper = np.take(number, range(1, inside.shape[axis]), axis)
        open_face = (lower >= 0) & (upper >= 0)
        a, b = lower[open_face], upper[open_face]
        between = 2.0 / (1.0 / ease[a] + 1.0 / ease[b])
        weight = between / h**2
        rows += [a, b]
        columns += [b, a]
        values += [-weight, -weight]
        diagonal += np.bincount(a, weight, n) + np.bincount(b, weight, n)
        faces.append((axis, h, open_face, a, b, between))
    rows.append(np.arange(n))
    columns.append(np.arange(n))
    values.append(diagonal)
    matrix = coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))).tocsr()
    phi = conjugate_gradient(matrix.dot, -source[inside], diagonal)
    flow = np.zeros((3, *inside.shape))
    for axis, h, open_face, a, b, between in faces:
        flux = np.zeros(open_face.shape)
        flux[open_face] = between * (phi[b] - phi[a]) / h
        padded = [(0, 0)] * 3
        padded[axis] = (1, 1)
        flux = np.pad(flux, padded)
        ahead = np.take(flux, range(1, flux.shape[axis]), axis)
        flow[axis] = 0.5 * (ahead + np.take(flux, range(flux.shape[axis] - 1), axis))
    return flow
