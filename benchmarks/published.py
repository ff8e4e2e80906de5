"""The published simulator, warm: 10,000 patients x 60 days. Run: .venv/bin/python benchmarks/published.py"""

import time

import numba

from simulators.published.simulator import Benchmark


def main() -> None:
    print(f"{numba.config.NUMBA_NUM_THREADS} threads")
    for kill in ("linear", "exponential"):
        benchmark = Benchmark(gamma=4, kill=kill)
        benchmark.factual(10)
        times = []
        for _ in range(7):
            begin = time.perf_counter()
            benchmark.factual(10_000)
            times.append(time.perf_counter() - begin)
        print(f"10,000 patients x 60 days, {kill} kill: {sorted(times)[3]:.3f} s (best {min(times):.3f})")
    begin = time.perf_counter()
    rows = len(Benchmark(gamma=4).one_step(1000)["sequence_lengths"])
    print(f"one-step counterfactuals of 1,000 patients: {rows} rows in {time.perf_counter() - begin:.2f} s")
    begin = time.perf_counter()
    rows = len(Benchmark(gamma=4).sequences(1000)["sequence_lengths"])
    print(f"sliding sequences of 1,000 patients: {rows} rows in {time.perf_counter() - begin:.2f} s")


if __name__ == "__main__":
    main()
