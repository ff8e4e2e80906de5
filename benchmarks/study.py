"""Studies of growing cohorts, each as a whole cold process: seconds, processor seconds and peak memory.

Draws `docs/images/study-scaling.png`. Three plans over a year, weekly bands, effects, contrasts and all.

Usage: python benchmarks/study.py [--samples 200] [N ...]      default: 100 1000 10000 100000
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "study-scaling.png"
PLANS = ["--plan", "60/30", "--plan", "55/20", "--plan", "54/3"]


def measure(n: int, samples: int) -> tuple[float, float, float]:
    """Seconds, processor seconds, and peak memory in GB of one study."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["--n", str(n), "--days", "365", "--samples", str(samples), "--out", f"{folder}/study"]
        begun = time.perf_counter()
        command = [sys.executable, "-m", "scenarios.cli", "cohort", *PLANS, *asked]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        assert status == 0
        return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6


def plot(sizes: list[int], results: list[tuple[float, float, float]], samples: int) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (time_axis, memory_axis) = pyplot.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    wall, work, memory = zip(*results, strict=True)
    time_axis.loglog(sizes, work, "o-", label="processor seconds")
    time_axis.loglog(sizes, wall, "s--", label="seconds")
    per_patient = work[-1] / sizes[-1]
    time_axis.loglog(
        sizes, [per_patient * n for n in sizes], ":", color="grey", label="proportional to patients"
    )
    time_axis.set(xlabel="patients", ylabel="s", title=f"three plans, {samples} samples, 365 days")
    time_axis.legend(frameon=False)
    memory_axis.semilogx(sizes, memory, "o-")
    memory_axis.set(xlabel="patients", ylabel="GB", title="peak memory", ylim=(0, 1.05))
    memory_axis.axhline(1.0, color="grey", linestyle=":")
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="*", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--samples", type=int, default=200)
    asked = parser.parse_args()
    results = []
    for n in asked.sizes:
        load = os.getloadavg()[0]
        results.append(measure(n, asked.samples))
        seconds, work, memory = results[-1]
        print(
            f"{n} patients: {seconds:.1f} s, {work:.1f} processor s, {memory:.2f} GB (load before {load:.1f})",
            flush=True,
        )
    if len(results) > 1:
        plot(asked.sizes, results, asked.samples)


if __name__ == "__main__":
    main()
