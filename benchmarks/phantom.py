"""Seconds and peak memory of making in-silico patients: `python benchmarks/phantom.py [how many]`."""

import os
import platform
import resource
import sys
import time

from simulators.insilico.patient import make_patient


def main() -> None:
    make_patient(seed=0)  # compiles the kernels, or loads them
    seconds = []
    for seed in range(1, 1 + int(sys.argv[1]) if len(sys.argv) > 1 else 6):
        start = time.perf_counter()
        make_patient(seed=seed, nodes=seed % 2 == 0, site=("central", "peripheral")[seed % 2])
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"in-silico patient: median {sorted(seconds)[len(seconds) // 2]:.1f} s, worst {max(seconds):.1f} s")
    print(f"peak memory {peak:.2f} GB")


if __name__ == "__main__":
    main()
