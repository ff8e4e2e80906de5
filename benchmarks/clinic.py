"""A department over a year with 1,000 referrals, warm. Run: .venv/bin/python benchmarks/clinic.py

Seconds of processor time are given too: on a shared machine they say more than the clock.
"""

import time

from scenarios import Referrals, simulate_clinic


def main() -> None:
    simulate_clinic(days=30)
    for samples in (0, 64):
        wall, cpu = [], []
        for seed in range(3):
            begin, used = time.perf_counter(), time.process_time()
            run = simulate_clinic(referrals=Referrals(per_year=1000), seed=seed, samples=samples)
            wall.append(time.perf_counter() - begin)
            cpu.append(time.process_time() - used)
        what = f"with control of {samples} samples" if samples else "without control"
        print(
            f"{run.patients.height} patients, {run.visits.height} visits, {what}: {sorted(wall)[1]:.2f} s "
            f"(best {min(wall):.2f}; processor {sorted(cpu)[1]:.2f} s)"
        )
    for name, value, unit in run.summary.iter_rows():
        print(f"  {name:45s} {value:12.4g} {unit}")


if __name__ == "__main__":
    main()
