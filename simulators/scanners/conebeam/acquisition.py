"""What a cone-beam CT's detector reads: primary of many energies, scatter, quantum noise and lag, view by view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.scanners.conebeam.breathing import Breathing
from simulators.scanners.conebeam.system import System
from simulators.scanners.projection import Beam, project
from simulators.scanners.xray import Scatter, ScatterModel, Signal, soft_and_bone
from twin import Volume

LAG = 0.02  # of a frame's signal that is read in the next, amorphous silicon: some per cent [quoted from memory]
_LEAST = 1e-6  # of the open beam, so that a logarithm exists


@dataclass(frozen=True, eq=False)
class Acquisition:
    """What was read, against what is read without a patient: both (views, nu, nv), of the open beam.

    Args:
        beam: the rays.
        read: primary, scatter, noise and lag, over the air scan of each column.
        primary: without any of these.
        scatter: beside the primary, over the air scan too.
        air: (nu,) what the bow-tie leaves of the open beam.
    """

    beam: Beam
    read: np.ndarray
    primary: np.ndarray
    scatter: np.ndarray
    air: np.ndarray


def acquire(
    ct: Volume, centre: np.ndarray, system: System, beam: Beam, mas: float, breathing: Breathing,
    rng: np.random.Generator, *, scattered: bool = True, scatter_model: ScatterModel | None = None,
) -> Acquisition:  # fmt: skip
    """The views of a patient.

    Args:
        ct: HU, axes upright, on the grid that is projected.
        centre: LPS (x, y, z) of the isocentre, mm.
        system: the scanner.
        beam: its rays.
        mas: of the whole scan.
        breathing: of the patient.
        rng: of the noise.
        scattered: whether the patient scatters; without, a test sees the rest.
        scatter_model: how, in place of the system's own kernels.
    """
    signal = Signal(system.beam)
    bowtie = system.bowtie(beam.u_mm)
    before = signal.attenuation(np.zeros_like(bowtie), bowtie)
    p = _attenuation(ct, centre, beam, breathing, signal, bowtie) - before[None, :, None]
    air = np.exp(-before)
    primary = np.exp(-p)
    scatter = np.zeros_like(primary)
    if scattered:
        model = scatter_model or Scatter(system.grid, system.scatter)
        scatter = model.of(p, air, beam.step_mm) / air[None, :, None]
    total = _lagged(primary + scatter, LAG ** (system.frames / beam.shape[0]))
    grid = 0.706 if system.grid else 1.0
    quanta = grid * system.quanta(signal, mas / beam.shape[0], float(np.sqrt(np.prod(beam.step_mm))))
    read = total + _noise(total, quanta * air, rng)
    return Acquisition(beam, np.maximum(read, _LEAST), primary, scatter, air)


def _attenuation(
    ct: Volume, centre: np.ndarray, beam: Beam, breathing: Breathing, signal: Signal, bowtie: np.ndarray
) -> np.ndarray:
    """(views, nu, nv) minus the logarithm of what bow-tie and patient leave of the primary."""
    hu = ct.array.astype(np.float32)
    out = np.empty(beam.shape, np.float32)
    for level in np.unique(breathing.level):
        chosen = np.flatnonzero(breathing.level == level)
        there = breathing.moved(hu, int(level), ct.geometry.spacing_mm[0])
        some = Beam(beam.angles_rad[chosen], beam.u_mm, beam.v_mm, beam.source_mm, True)
        soft, bone = (project(m, ct.geometry, some, centre) / 10 for m in soft_and_bone(there))
        bone += bowtie[None, :, None].astype(np.float32)
        out[chosen] = signal.attenuation(soft, bone)
    return out


def _lagged(total: np.ndarray, left: float) -> np.ndarray:
    """Views with what is left of those before them."""
    out = total
    if left > 1e-3:
        out = total.copy()
        for view in range(1, len(out)):
            out[view] = (1 - left) * total[view] + left * out[view - 1]
    return out


def _noise(total: np.ndarray, quanta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Of the number of quanta that are read, (nu,) without a patient: Poisson's, which are many enough to be normal."""
    deviation = np.sqrt(np.maximum(total, 0) / quanta[None, :, None].astype(np.float32))
    return rng.standard_normal(total.shape, dtype=np.float32) * deviation
