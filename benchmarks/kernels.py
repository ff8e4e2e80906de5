"""A real CT made softer, and brought back to its own kernel by the learned task and by a Gaussian.

    RT_TWIN_WEIGHTS=FOLDER python benchmarks/kernels.py PATIENT.twin [SLICES]

The CT is taken as one of the kernel `standard`, whatever it was; its middle slices, with their noise, are given the MTF
of `soft`. Printed are mean absolute errors in the body, in HU, and how far radiomics lie from the CT's own, as the
benchmark has them.
"""

import sys

import numpy as np

from models.metrics.radiomics import radiomics
from scenarios.engine.scanning import changer
from simulators.scanners.quality.kernel import Kernel, softened
from simulators.tasks.body import body
from twin import PatientTwin, Volume

ct = PatientTwin.load(sys.argv[1]).baseline.volume
n = int(sys.argv[2]) if len(sys.argv) > 2 else 24
z = (ct.geometry.shape[0] - n) // 2
true = ct.crop((slice(z, z + n), slice(None), slice(None)))
of, to = Kernel.named("standard"), Kernel.named("soft")
soft = softened(true.array, true.geometry.spacing_mm[1:], of, to)
source = Volume(true.geometry, np.rint(soft).astype(np.int16), "CT", "HU")
by = changer("harmonise", "standard")
there = body(true.array)
made = {
    "source": source,
    "a Gaussian": by.task.classical(source),
    "learned": by.translate(source),
}
own = radiomics(true.array.astype(np.float32), there, -1024.0, 1024.0)
for name, volume in made.items():
    error = np.abs(volume.array.astype(np.float32) - true.array)[there].mean()
    other = radiomics(volume.array.astype(np.float32), there, -1024.0, 1024.0)
    apart = np.abs(other - own) / np.maximum(np.abs(own), 1e-6)
    print(f"{name:12} {error:6.2f} HU, radiomics {100 * apart.mean():5.2f} %")
