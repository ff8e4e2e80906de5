"""How long the tumour field takes: 64^3 voxels, 90 days, 30 fractions, half-day steps.

Run: .venv/bin/python benchmarks/field.py
"""

import os
import platform
import time
from pathlib import Path

import numpy as np

from simulators.belief.prior import median_parameters
from simulators.core.course import Course, Event
from simulators.tumour.field import FieldKinetics
from twin import Geometry, PatientTwin

TARGET_S = 0.15


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor()


def main() -> None:
    geometry = Geometry((64, 64, 64), (2.0, 2.0, 2.0))
    radius_mm = np.linalg.norm((np.indices(geometry.shape) - 31.5) * 2.0, axis=0)
    occupancy = np.clip((25.0 - radius_mm) / 2.0 + 0.5, 0, 1).astype(np.float32)
    dose = (1.05 - 0.0002 * radius_mm**2).clip(0.1).astype(np.float32)
    kinetics = FieldKinetics(geometry, occupancy, radius_mm < 60, {"60/30": dose})
    days = [d + 0.375 for d in range(42) if d % 7 < 5]
    course = Course(
        np.array([*days, days[-1]]),
        np.array([Event.FRACTION] * 30 + [Event.COURSE_END], dtype=np.int8),
        np.array([2.0] * 30 + [0.0]),
        np.zeros(31, dtype=np.int16),
        np.full(31, 1 / 30),
        ("60/30",),
    )
    patient = PatientTwin("benchmark")
    params = {k: v[0] for k, v in median_parameters(patient).items()}
    start = kinetics.start(patient, params)
    seconds = []
    for _ in range(8):  # the first compiles
        begin = time.perf_counter()
        end = kinetics.advance(start, params, [course], 90.0)
        seconds.append(time.perf_counter() - begin)
    print(f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"64^3, 90 d, 30 fractions: median {np.median(seconds[1:]):.3f} s (target {TARGET_S} s)")
    print(f"first call, with compilation or its cache: {seconds[0]:.1f} s")
    print(f"tumour volume: {float(kinetics.gtv_cm3(start)):.1f} -> {float(kinetics.gtv_cm3(end)):.1f} cm3")


if __name__ == "__main__":
    main()
