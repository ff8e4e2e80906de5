"""Volumes a second of each family and of the projector, and the share of the device's measured peak that each uses.

python benchmarks/gpu.py [DEVICE] [SIDE] [SLICES]       cuda, 256 pixels, 96 slices where nothing is said
"""

import sys
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from models import FAMILIES, Batch, Channel, FamilyConfig, Task
from models.data.stack import channels
from simulators.scanners.projection import Beam, project, reconstruct
from twin import Geometry

CT = Channel(name="ct", unit="HU", low=-1024.0, high=1024.0)
TASK = Task(name="gpu", source=(CT,), target=(CT,), start=(("ct",),))
WIDTHS, REPEATS = (32, 48, 64, 96), 3
VIEWS, PER_RAY, PER_VOXEL = (
    180,
    7,
    9,
)  # of a turn; operations where a ray meets a plane, and of a voxel in a view

device = torch.device(sys.argv[1] if len(sys.argv) > 1 else "cuda")
side, slices = (int(sys.argv[k]) if len(sys.argv) > k else n for k, n in ((2, 256), (3, 96)))


def seconds(work) -> float:
    """The least of some runs, after one that is not counted."""
    found = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - began)
    return min(found[1:])


def peak(n: int) -> float:
    """Operations a second of a large product of matrices in bfloat16."""
    a, b = (torch.randn(n, n, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * n**3 / seconds(lambda: a @ b)


def told(name: str, took: float, operations: float) -> None:
    share = 100 * operations / took / most
    print(f"{name:28} {1 / took:8.2f} volumes/s {share:6.2f} % of the peak", flush=True)


def projector() -> None:
    """A fan beam's projections of a volume, and the image from them."""
    mm = 400.0 / side
    grid = Geometry((slices, side, side), (mm, mm, mm), ((1 - side) * mm / 2,) * 2 + ((1 - slices) * mm / 2,))
    u, v = ((np.arange(n) - (n - 1) / 2) * mm for n in (round(1.5 * side), slices))
    beam = Beam(np.linspace(0, 2 * np.pi, VIEWS, endpoint=False), u, v, 1000.0)
    volume, middle, on = np.full(grid.shape, 0.02, np.float32), np.zeros(3), str(device)
    seen = project(volume, grid, beam, middle, device=on)
    took = seconds(lambda: project(volume, grid, beam, middle, device=on))
    told("projector, forward", took, float(VIEWS * u.size * v.size * side * PER_RAY))
    took = seconds(lambda: reconstruct(seen, beam, grid, middle, device=on))
    told("projector, back", took, float(VIEWS * volume.size * PER_VOXEL))


most = peak(8192 if device.type == "cuda" else 512)
print(f"{device}: {most / 1e12:.2f} Top/s in bfloat16; volumes of {slices} x {side} x {side}", flush=True)
for name, family in FAMILIES.items():
    torch.manual_seed(0)
    model = family(FamilyConfig(family=name, task=TASK, widths=WIDTHS)).eval().to(device)
    source = torch.zeros(slices, channels(TASK.source, model.slices), side, side, device=device)
    noise = torch.randn(slices, model.noise_channels, side, side, device=device)
    batch = Batch(source, source.new_zeros(slices, 0), noise)
    with FlopCounterMode(display=False) as counted:
        model.sample(batch)
    took = seconds(lambda model=model, batch=batch: model.sample(batch))
    told(name, took, counted.get_total_flops())
projector()
