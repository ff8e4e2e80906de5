"""The cone-beam CTs of two vendors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from simulators.scanners.projection import Beam
from simulators.scanners.xray.signal import ALUMINIUM_AS_BONE, Signal
from twin.inputs.mapping import read_mapping

SystemName = Literal["varian", "elekta"]
_ALUMINIUM_G_CM3 = 2.699
_BOWTIE_POWER = 0.8  # of the distance from the axis: 16.8 mm on average in a half-fan field


@dataclass(frozen=True)
class System:
    """One system.

    Args:
        source_mm, detector_mm: from the source to the isocentre and to the detector.
        width_mm, height_mm: of the detector.
        offset_mm: by which it is moved sideways for a half-fan field.
        seconds: of a turn.
        frames: of a turn.
        beam: its spectrum.
        mas: of a scan, unless others are asked for.
        grid: it has a scatter grid.
        scatter: strength of scatter in a patient, over that of kernels set behind acrylic.
        bowtie_mm: aluminium at the edge of the field.
        hann: end of the ramp's window, over the pixels' limit.
    """

    source_mm: float
    detector_mm: float
    width_mm: float
    height_mm: float
    offset_mm: float
    seconds: float
    frames: int
    beam: str
    mas: float
    grid: bool
    scatter: float
    bowtie_mm: float
    hann: float

    @classmethod
    def named(cls, name: SystemName) -> System:
        """A system of the table."""
        return cls(**read_mapping(Path(__file__).with_name("data") / "systems.yaml")[name])

    @property
    def scale(self) -> float:
        """From the detector to the isocentre."""
        return self.source_mm / self.detector_mm

    def rays(self, views: int, pixel_mm: float, half_fan: bool) -> Beam:
        """The rays of a whole turn.

        Args:
            views: how many.
            pixel_mm: of the detector as it is read out, at the isocentre.
            half_fan: whether the detector is moved sideways.
        """
        nu, nv = (max(2, round(mm * self.scale / pixel_mm)) for mm in (self.width_mm, self.height_mm))
        u_mm = (np.arange(nu) - (nu - 1) / 2) * pixel_mm + (self.offset_mm * self.scale if half_fan else 0.0)
        v_mm = (np.arange(nv) - (nv - 1) / 2) * pixel_mm
        return Beam(2 * np.pi / views * np.arange(views), u_mm, v_mm, self.source_mm, True)

    def field_radius_mm(self, half_fan: bool) -> float:
        """Of the cylinder that every view or its opposite sees."""
        edge = (self.width_mm / 2 + (self.offset_mm if half_fan else 0.0)) * self.scale
        return edge / float(np.hypot(1, edge / self.source_mm))

    def bowtie(self, u_mm: np.ndarray) -> np.ndarray:
        """(nu,) g/cm2 of bone that harden the beam as the bow-tie does, by the place of a ray at the isocentre."""
        edge = (self.width_mm / 2 + self.offset_mm) * self.scale
        thick_cm = self.bowtie_mm / 10 * np.minimum(np.abs(u_mm) / edge, 1.0) ** _BOWTIE_POWER
        return ALUMINIUM_AS_BONE * _ALUMINIUM_G_CM3 * thick_cm

    def quanta(self, signal: Signal, mas: float, pixel_mm: float) -> float:
        """That a pixel of the open beam takes in a scan of one view, at the isocentre's scale.

        Args:
            signal: of its beam.
            mas: of that view.
            pixel_mm: at the isocentre.
        """
        side_cm = pixel_mm / self.scale / 10
        return signal.quanta_per_cm2_mas * mas * side_cm**2 * (1000 / self.detector_mm) ** 2
