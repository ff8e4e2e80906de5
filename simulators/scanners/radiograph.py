"""A virtual chest radiograph of a CT: many energies, scatter behind a grid, quantum noise, and processing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulators.core.scanner import ScanOptions, ScanRequest, hold_body, hold_field
from simulators.scanners.projection import Beam, project
from simulators.scanners.xray import Scatter, Signal, soft_and_bone
from twin import Geometry, Volume
from twin.inputs.quantities import Mas
from twin.volume import Modality, Unit

# Source to detector 180 cm, panel of 43 cm; 120 kV, 3 mm Al and 0.1 mm Cu; 2 to 4 mAs [quoted from memory].
_BEAM = "120kV_3Al_0.1Cu"
_SOURCE_MM, _BEHIND_MM, _PANEL_MM = 1600.0, 200.0, 430.0  # from the isocentre; behind: to the detector
_PIXELS = 512
# The field is larger than a linac's, and so is the patient's part in it: set so that scatter with a grid is 0.3 to
# 0.45 of all that is read behind lung, and 0.6 to 0.75 behind the mediastinum [quoted from memory].
_SCATTER, _SPREAD = 1.85, 1.5
_BODY_HU = -400.0
_SHORTEST_MM = 30.0
_BASE_MM = 25.0  # structures wider than this are held back, finer ones lifted
_BASE_GAIN, _DETAIL_GAIN = 0.4, 1.5


class RadiographOptions(ScanOptions):
    """How a chest is radiographed.

    Args:
        view: pa (from behind), ap (from the front) or lateral (from the right).
        mas: tube current times time, mAs.
        grid: a scatter grid stands before the detector.
    """

    view: Literal["pa", "ap", "lateral"] = "pa"
    mas: Mas = 3.0
    grid: bool = True


@dataclass(frozen=True, eq=False)
class Exposure:
    """What reaches the detector, (nu, nv), against the open beam.

    Args:
        primary: without scatter.
        scatter: beside it.
        covered: (nv,) rows that the CT reaches.
    """

    primary: np.ndarray
    scatter: np.ndarray
    covered: np.ndarray


class RadiographScanner:
    """A radiograph as one plane through the middle of the body, 512 x 512, from 0 (black) to 1."""

    name = "radiograph"
    modality: Modality = "DX"
    unit: Unit = "a.u."
    options = RadiographOptions

    def scan(self, requests: Sequence[ScanRequest]) -> list[Volume]:
        """The radiograph of each request; rows that the CT does not reach are black.

        Args:
            requests: the scans that are wanted.

        Raises:
            InputError: an option that there is not, or no body in the CT.
        """
        return [self._one(request) for request in requests]

    def _one(self, request: ScanRequest) -> Volume:
        asked = self.options.of(self.name, request.options)
        ct = request.shown.upright()
        hold_field(ct, "a radiograph", _SHORTEST_MM)
        centre = body_centre(ct)
        seen = exposure(ct, centre, asked)
        rng = request.key.generator()
        quanta = Signal(_BEAM).quanta_per_cm2_mas * asked.mas * _per_pixel_cm2()
        total = seen.primary + seen.scatter
        noise = rng.standard_normal(total.shape, dtype=np.float32) * np.sqrt(np.maximum(total, 0) / quanta)
        return _picture(processed(total + noise, seen.covered), centre, asked)


SCANNER = RadiographScanner


def body_centre(ct: Volume) -> np.ndarray:
    """The middle of the body, LPS (x, y, z) mm.

    Args:
        ct: HU, axes upright.

    Raises:
        InputError: it holds no body.
    """
    thin = ct.array[:, ::4, ::4] > _BODY_HU
    hold_body(float(thin.mean()))
    middle = []
    for axes in ((0, 2), (0, 1)):
        filled = thin.sum(axis=axes)
        middle.append(float(np.median(np.flatnonzero(filled > 0.1 * filled.max()))))
    return ct.geometry.lps(((ct.geometry.shape[0] - 1) / 2, 4 * middle[0] + 1.5, 4 * middle[1] + 1.5))


def exposure(ct: Volume, centre: np.ndarray, asked: RadiographOptions) -> Exposure:
    """What a CT leaves of the beam, and what it scatters.

    Args:
        ct: HU, axes upright.
        centre: LPS (x, y, z) of the isocentre, mm.
        asked: the view.
    """
    angle = {"pa": np.pi, "ap": 0.0, "lateral": -np.pi / 2}[asked.view]
    step = _step_mm()
    at = (np.arange(_PIXELS) - (_PIXELS - 1) / 2) * step
    beam = Beam(np.array([angle]), at, at, _SOURCE_MM, True)
    paths = [project(m, ct.geometry, beam, centre) / 10 for m in soft_and_bone(ct.array)]
    p = Signal(_BEAM).attenuation(*paths)
    scatter = Scatter(asked.grid, _SCATTER, _SPREAD).of(p, np.ones(_PIXELS), (step, step))
    edge = (ct.geometry.shape[0] / 2 - 0.5) * ct.geometry.spacing_mm[0]
    return Exposure(np.exp(-p[0]), scatter[0], np.abs(at) <= edge)


def processed(signal: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """A picture as it is looked at: logarithm, wide structures held back, fine ones lifted, a sigmoid table of greys.

    Args:
        signal: (nu, nv) against the open beam.
        covered: (nv,) rows to show; the rest is black.

    Returns:
        (nu, nv) float32 from 0 to 1, dense tissue bright.
    """
    from scipy.ndimage import gaussian_filter

    dense = -np.log(np.maximum(signal, 1e-5)).astype(np.float32)
    base = gaussian_filter(dense, _BASE_MM / _step_mm(), truncate=2.5)
    fine = gaussian_filter(dense, 2.0)
    made = _BASE_GAIN * base + (fine - base) + _DETAIL_GAIN * (dense - fine)
    body = (dense > 0.3) & covered
    low, middle, high = np.quantile(made[body], (0.03, 0.55, 0.97)) if body.any() else (0.0, 0.5, 1.0)
    grey = 1 / (1 + np.exp(-4.4 * (made - middle) / max(high - low, 1e-3)))
    return (grey * covered).astype(np.float32)


def _picture(grey: np.ndarray, centre: np.ndarray, asked: RadiographOptions) -> Volume:
    """The picture in the plane of the isocentre, where the patient's axes run."""
    step = _step_mm()
    x, y, z = (float(c) for c in centre)
    first = (_PIXELS - 1) / 2 * step
    # Seen from behind, the detector's columns run to the right; from the right, to the front.
    rows = (grey if asked.view == "ap" else grey[::-1]).T
    if asked.view == "lateral":
        geometry = Geometry((_PIXELS, _PIXELS, 1), (step, step, 1.0), (x, y - first, z - first))
        return Volume(geometry, np.ascontiguousarray(rows[:, :, None]), "DX", "a.u.")
    geometry = Geometry((_PIXELS, 1, _PIXELS), (step, 1.0, step), (x - first, y, z - first))
    return Volume(geometry, np.ascontiguousarray(rows[:, None, :]), "DX", "a.u.")


def _step_mm() -> float:
    """Between pixels, in the plane of the isocentre."""
    return _PANEL_MM / _PIXELS * _SOURCE_MM / (_SOURCE_MM + _BEHIND_MM)


def _per_pixel_cm2() -> float:
    """Of the beam at 1 m, what a pixel takes."""
    return (_PANEL_MM / _PIXELS / 10 * 1000 / (_SOURCE_MM + _BEHIND_MM)) ** 2
