"""What one image costs: network evaluations, seconds and memory, each generator in a process of its own."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from scenarios.benchmark.contestant import ACQUIRED, ORACLE, contestant, label, network_evaluations
from scenarios.benchmark.follow_ups import FollowUpJudge
from scenarios.benchmark.patient import HeldOut
from simulators.tasks.crop import SHAPE, Crop
from twin.files.atomic import atomic_file

_REPEATS = 3


def cost(folder: Path, generators: Sequence[str]) -> pl.DataFrame:
    """A row for each generator; nothing else should run on the machine.

    Args:
        folder: a set with truth; a patient is taken whose crop has 48 slices.
        generators: by name or folder; those that compute nothing are left out.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    rows = []
    for name in generators:
        if name in (ORACLE, ACQUIRED, "copy"):
            continue
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(pool.submit(_measured, folder, name).result())
    return pl.DataFrame(rows)


def _measured(folder: Path, name: str) -> dict[str, Any]:
    import resource

    held = _ordinary(folder)
    case = held.cases(1, 1)[0]
    start = time.perf_counter()
    who = contestant(name)
    who.image(held, case, guided=True, sample=0)
    first = time.perf_counter() - start
    seconds = []
    for sample in range(1, _REPEATS + 1):
        shown = who.image(held, case, guided=True, sample=sample)
        assert shown is not None
        seconds.append(shown.seconds)
    return {
        "generator": label(name),
        "device": _device(),
        "network_evaluations": network_evaluations(name),
        "seconds_a_volume": statistics.median(seconds),
        "seconds_of_the_first": first,
        "peak_memory, GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    }


def _ordinary(folder: Path) -> HeldOut:
    """The first patient whose crop is of the usual size, or the first."""
    rows = FollowUpJudge().patients(folder)
    for row in rows:
        held = HeldOut.load(folder, row)
        if Crop.of(held.start, held.contours).grid.shape == SHAPE:
            return held
    return HeldOut.load(folder, rows[0])


def _device() -> str:
    """What it ran on: a GPU's name, or the number of CPU threads."""
    import os

    try:
        import torch
    except ImportError:
        return f"CPU, {os.cpu_count()} threads"
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"


def cost_of(out: Path, folder: Path, generators: Sequence[str]) -> pl.DataFrame:
    """The cost as it was measured before in a folder, or measured now and kept there."""
    file = out / "cost.json"
    known = {row["generator"]: row for row in json.loads(file.read_text())} if file.is_file() else {}
    missing = [g for g in generators if label(g) not in known]
    known |= {row["generator"]: row for row in cost(folder, missing).iter_rows(named=True)}
    with atomic_file(file) as part:
        part.write_text(json.dumps(list(known.values()), indent=1))
    return pl.DataFrame(list(known.values()))
