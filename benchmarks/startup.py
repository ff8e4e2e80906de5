"""Seconds of `rt-twin --help` and of the light imports, as whole processes: minimum and median of nine."""

import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "rt-twin --help": [str(Path(sys.executable).with_name("rt-twin")), "--help"],
    "import twin, scenarios": [sys.executable, "-c", "import twin, scenarios"],
    "python itself": [sys.executable, "-c", "pass"],
}


def main() -> None:
    for name, command in COMMANDS.items():
        seconds = []
        for _ in range(9):
            begun = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - begun)
        print(f"{name}: {min(seconds):.2f} s, median {statistics.median(seconds):.2f} s")
    print(platform.machine(), platform.python_version())


if __name__ == "__main__":
    main()
