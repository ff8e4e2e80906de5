"""How long a synthetic CT of 256 x 256 x 64 voxels takes, step by step, in one run.

python benchmarks/translation_speed.py PAIR [--weights NAME] [--threads 2]

`PAIR` holds the `source.nii.gz` of a whole thorax in voxels of 2 mm, whose slices are made larger by what is outside
its field of view. Seconds are those of the processor, of all threads together, and of the wall. The network is run in
the precision in which this processor uses it, and in float32 and bfloat16; the two images are compared in the body.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from models.data.noise import volume_noise
from simulators.learned.scanner import ScanTranslator, translator_named
from simulators.tasks.body import body
from twin import Geometry, Volume
from twin.files.nifti import read

SHAPE = (64, 256, 256)


def timed(name: str, work: Callable[[], Any]) -> Any:
    """What some work gives; prints how long it took."""
    processor, wall = process_time(), perf_counter()
    found = work()
    print(f"| {name} | {process_time() - processor:.2f} | {perf_counter() - wall:.2f} |", flush=True)
    return found


def enlarged(scan: Volume) -> Volume:
    """The scan's middle slices, with so much around them as makes the wanted shape."""
    first = (scan.geometry.shape[0] - SHAPE[0]) // 2
    scan = scan.crop((slice(first, first + SHAPE[0]), slice(None), slice(None)))
    low = [(n - m) // 2 for n, m in zip(SHAPE, scan.geometry.shape, strict=True)]
    high = [n - m - a for n, m, a in zip(SHAPE, scan.geometry.shape, low, strict=True)]
    array = np.pad(scan.array, list(zip(low, high, strict=True)), mode="edge")
    origin = tuple(float(v) for v in scan.geometry.lps(-np.array(low, float)))
    grid = Geometry(SHAPE, scan.geometry.spacing_mm, origin, scan.geometry.direction)  # type: ignore[arg-type]
    return Volume(grid, array, "CBCT", "HU")


def steps(by: ScanTranslator, scan: Volume) -> tuple[Volume, Volume]:
    """The synthetic CT in float32 and in bfloat16."""
    family, task = by.network.family, by.task
    timed("whether it is in the domain", lambda: task.domain(scan))
    batch = timed("what the network is shown", lambda: task.encode(scan, family.slices))
    if family.pixel_noise:
        shape = (len(batch), *batch.source.shape[-2:])
        noise = volume_noise(np.random.default_rng(0), family.noise_channels, shape)
        batch = replace(batch, noise=torch.from_numpy(noise))
    made = []
    for kind, half in (("float32", False), ("bfloat16", True)):
        with patch(
            "models.family.half_precision",
            lambda d, on=half: torch.autocast("cpu", torch.bfloat16, enabled=on),
        ):
            made.append(timed(f"the network in {kind}", lambda: family.sample(batch)).float().numpy())
    back = timed("back on the scan's grid", lambda: task.decode(made[0], scan))
    return back, task.decode(made[1], scan)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("pair", type=Path)
    asked.add_argument("--weights", default=None)
    asked.add_argument("--threads", type=int, default=1)
    told = asked.parse_args()
    torch.set_num_threads(told.threads)
    scan = enlarged(read(told.pair / "source.nii.gz", "CBCT", "HU"))
    by = translator_named("cbct-ct", told.weights)
    by.translate(scan.crop((slice(0, 8), slice(None), slice(None))))
    print(f"{by.version}, {told.threads} threads\n\n| step | processor, s | wall, s |\n|---|---|---|")
    full, half = steps(by, scan)
    timed("all at once", lambda: by.translate(scan))
    off = np.abs(half.array.astype(float) - full.array)[body(scan.array) & by.task.field(scan)]
    print(
        f"\nbfloat16 against float32 in the body: mean {off.mean():.2f} HU, 99 % within {np.quantile(off, 0.99):.0f} HU"
    )


if __name__ == "__main__":
    main()
