"""The real-patient comparison as a whole process: seconds, processor seconds, peak memory, and the time of each step.

With optimised plans cold (nothing is kept of former ones) and warm, and with approximate doses.

Usage: python benchmarks/comparison.py PATIENT.twin
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    patient = sys.argv[1]
    with tempfile.TemporaryDirectory() as kept:
        os.environ["RT_TWIN_PLANS"] = kept
        compared("plans made", patient)  # the first run may compile kernels as well
        compared("plans kept", patient)
        compared("approximate doses", patient, "--dose", "approximate")
    print(platform.processor() or platform.machine(), platform.python_version())


def compared(label: str, patient: str, *more: str) -> None:
    """Print what one comparison takes."""
    plans = ["--plan", "60/30", "--plan", "55/20", "--days", "180", *more]
    with tempfile.TemporaryDirectory() as folder:
        out, begun, before = Path(folder) / "run", time.perf_counter(), used()
        command = [
            sys.executable,
            "-P",
            "-m",
            "scenarios.commands.main",
            "compare",
            patient,
            *plans,
            "--out",
            out,
        ]
        subprocess.run(command, check=True, capture_output=True)
        seconds, work = time.perf_counter() - begun, used() - before
        record = json.loads((out / "run.json").read_text())
    peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    images = sum(i["kind"] == "ct" for i in record["images"])
    print(
        f"{label}: {seconds:.1f} s, {work:.1f} processor s, peak {peak_gb:.2f} GB, {images} follow-up CTs, "
        f"steps in seconds {record['timings_s']}",
        flush=True,
    )


def used() -> float:
    """Processor seconds of all commands so far."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


if __name__ == "__main__":
    main()
