"""Volumes a second of each family, and the share of the device's measured peak that a family uses.

python benchmarks/gpu.py [DEVICE] [SIDE] [SLICES]       cuda, 256 pixels, 96 slices where nothing is said
"""

import sys
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from models import FAMILIES, Batch, Channel, FamilyConfig, Task
from models.data.stack import channels

CT = Channel(name="ct", unit="HU", low=-1024.0, high=1024.0)
TASK = Task(name="gpu", source=(CT,), target=(CT,), start=(("ct",),))
WIDTHS, REPEATS = (32, 48, 64, 96), 3

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
    share = counted.get_total_flops() / took / most
    print(f"{name:28} {1 / took:8.2f} volumes/s {100 * share:6.1f} % of the peak", flush=True)
