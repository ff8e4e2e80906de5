"""The real-patient comparison as a whole process: seconds, peak memory, and the time of each step.

Usage: python benchmarks/comparison.py PATIENT.twin
"""

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    patient = sys.argv[1]
    for label in ("cold", "warm"):  # the first run may compile kernels
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            plans = ["--plan", "60/30", "--plan", "55/20", "--days", "180"]
            begun = time.perf_counter()
            subprocess.run(
                ["rt-twin", "compare", patient, *plans, "--out", out], check=True, capture_output=True
            )
            seconds = time.perf_counter() - begun
            record = json.loads((out / "run.json").read_text())
        peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        images = sum(i["kind"] == "ct" for i in record["images"])
        print(
            f"{label}: {seconds:.1f} s, peak {peak_gb:.2f} GB, {images} follow-up CTs, steps {record['timings_s']}"
        )
    print(platform.processor() or platform.machine(), platform.python_version())


if __name__ == "__main__":
    main()
