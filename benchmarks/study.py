"""Studies of growing cohorts, each as a whole cold command: seconds, processor seconds and peak memory.

Memory is that of all processes of the command together, looked at five times a second.

Writes `docs/study-scaling.csv` row by row as the studies end, and draws `docs/images/study-scaling.png` from it.
Three plans over a year, weekly bands, effects, contrasts and all.

Usage: python benchmarks/study.py [--samples 200] [N ...]      default: 100 1000 10000 100000
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PICTURE, NUMBERS = DOCS / "images" / "study-scaling.png", DOCS / "study-scaling.csv"
COLUMNS = ("patients", "samples", "seconds", "processor_seconds", "peak_memory_gb", "load_before")
ALONE = 2.0  # load average below which nothing else ran
PLANS = ["--plan", "60/30", "--plan", "55/20", "--plan", "54/3"]


def measure(n: int, samples: int) -> tuple[float, float, float]:
    """Seconds, processor seconds, and peak memory in GB of one study."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["--n", str(n), "--days", "365", "--samples", str(samples), "--out", f"{folder}/study"]
        begun = time.perf_counter()
        command = [sys.executable, "-P", "-m", "scenarios.commands.main", "cohort", *PLANS, *asked]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        peak_gb = 0.0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            peak_gb = max(peak_gb, resident_gb(process.pid))
            time.sleep(0.2)
        seconds = time.perf_counter() - begun
        assert ended[1] == 0
        return seconds, ended[2].ru_utime + ended[2].ru_stime, peak_gb


def resident_gb(session: int) -> float:
    """Memory of the processes of a session, GB; what they share counts for each."""
    found = subprocess.run(
        ["ps", "-s", str(session), "-o", "rss="], capture_output=True, text=True, check=False
    )
    return sum(int(word) for word in found.stdout.split()) / 1e6


def plot() -> None:
    """The picture of the numbers on file."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    with NUMBERS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sizes, wall, work, memory = (
        [float(r[name]) for r in rows] for name in (COLUMNS[0], COLUMNS[2], COLUMNS[3], COLUMNS[4])
    )
    figure, (time_axis, memory_axis) = pyplot.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    time_axis.loglog(sizes, work, "o-", label="processor seconds")
    if all(float(r["load_before"]) < ALONE for r in rows):  # beside other work they say nothing
        time_axis.loglog(sizes, wall, "s--", label="seconds")
    per_patient = work[-1] / sizes[-1]
    time_axis.loglog(
        sizes, [per_patient * n for n in sizes], ":", color="grey", label="proportional to patients"
    )
    title = f"three plans, {rows[-1]['samples']} samples, 365 days"
    time_axis.set(xlabel="patients", ylabel="s", title=title)
    time_axis.legend(frameon=False)
    memory_axis.semilogx(sizes, memory, "o-")
    memory_axis.set(xlabel="patients", ylabel="GB", title="peak memory", ylim=(0, 1.1))
    memory_axis.axhline(1.0, color="grey", linestyle=":")
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="*", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--samples", type=int, default=200)
    asked = parser.parse_args()
    with NUMBERS.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for n in asked.sizes:
            load = os.getloadavg()[0]
            seconds, work, memory = measure(n, asked.samples)
            table.writerow(
                (n, asked.samples, f"{seconds:.1f}", f"{work:.1f}", f"{memory:.2f}", f"{load:.1f}")
            )
            file.flush()
            print(f"{n} patients: {seconds:.1f} s, {work:.1f} processor s, {memory:.2f} GB", flush=True)
    if len(asked.sizes) > 1:
        plot()


if __name__ == "__main__":
    main()
