"""What a vendor's software makes of the views: scatter taken off as it estimates it, and water that is flat.

The estimate is that of scatter kernels applied again and again to what is left (Sun and Star-Lack 2010), on the same
physics but weaker by 5 %, with kernels wider by a tenth, blind to bone, and held to 0.9 of what is read:
it leaves what real corrections leave.
"""

from __future__ import annotations

import numpy as np

from simulators.scanners.conebeam.acquisition import Acquisition
from simulators.scanners.conebeam.system import System
from simulators.scanners.xray import Scatter, Signal

_ITERATIONS, _RELAXATION = 8, 0.5  # without the latter, estimates of strong scatter swing
_STRENGTH, _SPREAD = 0.95, 1.1
_MOST = 0.9  # of what is read


def line_paths(
    seen: Acquisition, system: System, *, corrected: bool, believed: Scatter | None = None
) -> np.ndarray:
    """(views, nu, nv) paths of water, mm: what is reconstructed.

    Args:
        seen: the views.
        system: the scanner.
        corrected: whether scatter is taken off.
        believed: the software's model of scatter, in place of its usual one.
    """
    read = seen.read
    if corrected:
        read = read - _estimated(seen, believed or Scatter(system.grid, _STRENGTH * system.scatter, _SPREAD))
    p = -np.log(read)
    signal, bowtie = Signal(system.beam), system.bowtie(seen.beam.u_mm)
    out = np.empty_like(p)
    for column, behind in enumerate(bowtie):
        out[:, column] = 10 * signal.water_path(p[:, column], float(behind))
    return out


def _estimated(seen: Acquisition, model: Scatter) -> np.ndarray:
    """The scatter that the software believes in, over the air scan."""
    air = seen.air[None, :, None].astype(np.float32)
    estimate = np.zeros_like(seen.read)
    for _ in range(_ITERATIONS):
        p = -np.log(np.maximum(seen.read - estimate, (1 - _MOST) * seen.read))
        new = np.minimum(model.of(p, seen.air, seen.beam.step_mm) / air, _MOST * seen.read)
        estimate += _RELAXATION * (new - estimate)
    return estimate
