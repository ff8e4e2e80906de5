"""Projections and images of objects whose line integrals are known exactly."""

import numpy as np
import pytest

from simulators.scanners.projection import Beam, project, reconstruct
from simulators.scanners.projection.reconstruct import hann
from simulators.scanners.projection.weights import angle_steps, redundancy
from twin import Geometry, InputError

ORIGIN = np.zeros(3)
MU = 0.02  # per mm
TURN = np.linspace(0, 2 * np.pi, 90, endpoint=False)


def centred(shape, spacing):
    first = tuple(-(n - 1) / 2 * spacing for n in shape[::-1])
    return Geometry(shape, (spacing,) * 3, first)


def pixels(n, step, offset=0.0):
    return (np.arange(n) - (n - 1) / 2) * step + offset


def cone(angles=TURN, nu=90, offset=0.0):
    return Beam(angles, pixels(nu, 4.0, offset), pixels(16, 4.0), 1000.0, True)


BEAMS = {
    "cone": cone(),
    "half fan": cone(nu=60, offset=70.0),
    "short scan": cone(np.linspace(0.2, 0.2 + 1.2 * np.pi, 90)),
    "short scan, the other way round": cone(np.linspace(0.2, 0.2 - 1.2 * np.pi, 90)),
    "fan": Beam(TURN, pixels(90, 4.0), pixels(8, 4.0), 1000.0),
    "parallel": Beam(np.linspace(0, np.pi, 90, endpoint=False), pixels(90, 4.0), pixels(8, 4.0)),
}


def disc(geometry, x0, y0, radius, sub=4):
    """A cylinder along z, each voxel by the share that it covers."""
    fine = geometry.resampled((geometry.spacing_mm[0], *(s / sub for s in geometry.spacing_mm[1:])))
    y, x = (
        np.arange(n) * s + o
        for n, s, o in zip(fine.shape[1:], fine.spacing_mm[1:], fine.origin_mm[1::-1], strict=True)
    )
    _, ny, nx = geometry.shape
    inside = (x - x0) ** 2 + (y[:, None] - y0) ** 2 < radius**2
    return np.broadcast_to(inside.reshape(ny, sub, nx, sub).mean((1, 3)), geometry.shape)


def rays(beam):
    """A point and the direction of every ray, (x, y, z) by (views, nu, nv, 3)."""
    across, along = beam.divergence
    a, u, v = np.meshgrid(beam.angles_rad, beam.u_mm, beam.v_mm, indexing="ij")
    sx, sy = np.sin(a), -np.cos(a)
    base = np.stack([-u * sy, u * sx, v], -1)
    return base, np.stack([sx + u * across * sy, sy - u * across * sx, -v * along], -1)


@pytest.mark.parametrize("name", BEAMS)
def test_a_cylinder_has_its_exact_integrals_and_its_image(name):
    beam, geometry = BEAMS[name], centred((8, 110, 110), 3.0)
    seen = project(MU * disc(geometry, 20, -10, 120), geometry, beam, ORIGIN)
    base, way = rays(beam)
    flat = np.linalg.norm(way[..., :2], axis=-1)
    away = np.abs((base[..., 0] - 20) * way[..., 1] - (base[..., 1] + 10) * way[..., 0]) / flat
    chord = 2 * np.sqrt(np.maximum(120**2 - away**2, 0)) * np.linalg.norm(way, axis=-1) / flat
    assert np.sqrt(np.mean((seen - MU * chord) ** 2)) < 0.01 * MU * chord.max()
    grid = centred((4, 64, 64), 5.0)
    hu = 1000 * reconstruct(seen, beam, grid, ORIGIN, window=hann(0.125)) / MU - 1000
    well_inside, well_outside = disc(grid, 20, -10, 105, 1) > 0, disc(grid, 20, -10, 135, 1) == 0
    assert abs(hu[well_inside].mean()) < 2.0
    near = disc(grid, 0, 0, 150, 1) > 0
    assert abs(hu[well_outside & near].mean() + 1000) < 5.0


def test_a_ball_has_its_exact_integrals():
    geometry, beam = centred((60, 60, 60), 2.0), cone(TURN[::9])
    fine = centred((180, 180, 180), 2.0 / 3)
    line = np.arange(180) * (2.0 / 3) + fine.origin_mm[0]
    inside = (line - 9) ** 2 + (line[:, None] + 6) ** 2 + (line[:, None, None] - 4) ** 2 < 40**2
    ball = inside.reshape(60, 3, 60, 3, 60, 3).mean((1, 3, 5))
    seen = project(MU * ball, geometry, beam, ORIGIN)
    base, way = rays(beam)
    away = np.linalg.norm(np.cross(base - (9, -6, 4), way), axis=-1) / np.linalg.norm(way, axis=-1)
    exact = MU * 2 * np.sqrt(np.maximum(40**2 - away**2, 0))
    assert np.sqrt(np.mean((seen - exact) ** 2)) < 0.01 * exact.max()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", ["half fan", "fan"])
def test_torch_gives_the_same_numbers(name, device):
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    beam = BEAMS[name].views(slice(None, None, 9))
    geometry = centred((6, 40, 40), 6.0)
    values = np.random.default_rng(1).random(geometry.shape, dtype=np.float32)
    here, there = (project(values, geometry, beam, ORIGIN, device=d) for d in (None, device))
    assert np.allclose(here, there, rtol=1e-5, atol=1e-2)
    images = [reconstruct(here, beam, geometry, ORIGIN, device=d) for d in (None, device)]
    assert np.allclose(*images, rtol=1e-4, atol=1e-3 * np.abs(images[0]).max())


def test_each_line_counts_once():
    """What a ray and its opposite weigh is one."""
    for name in ("short scan", "short scan, the other way round"):
        beam = BEAMS[name]
        share, gamma = redundancy(beam), np.arctan(beam.u_mm / 1000.0)
        turns = np.sign(beam.angles_rad[-1] - beam.angles_rad[0])
        for view in (3, 20):
            opposite = beam.angles_rad[view] + turns * np.pi - 2 * gamma
            at = np.interp(turns * opposite, turns * beam.angles_rad, np.arange(90))
            other = [np.interp(at[i], np.arange(90), share[:, -1 - i]) for i in range(gamma.size)]
            measured = (at > 0) & (at < 89)
            assert measured.any() and np.allclose((share[view] + other)[measured], 1.0, atol=0.02)
    assert angle_steps(TURN).sum() == pytest.approx(2 * np.pi)


def test_a_scan_that_does_not_suffice_is_refused():
    with pytest.raises(InputError, match="180 degrees is too short for its fan: it needs 200"):
        redundancy(cone(np.linspace(0, np.pi, 60, endpoint=False)))
    with pytest.raises(InputError, match="moved sideways needs a scan of a whole turn"):
        redundancy(cone(np.linspace(0, 4, 60), nu=60, offset=70.0))
    with pytest.raises(InputError, match="evenly spaced"):
        Beam(TURN, np.array([0.0, 1.0, 3.0]), pixels(4, 1.0))
    with pytest.raises(InputError, match="turn them upright first"):
        turned = Geometry((4, 4, 4), (1.0,) * 3, direction=(0, 1, 0, -1, 0, 0, 0, 0, 1))
        project(np.zeros((4, 4, 4)), turned, cone(), ORIGIN)
