"""A hostile user: calls of the command line, settings, tables, records and page callbacks that no manual asks for.

`python benchmarks/attack --calls 1000` prints how many were refused with a sentence and exit status 2, how many were
taken, the peak memory, and every call that ended otherwise: with a traceback, not within its time, with more than 4 GB,
or leaving something half-written. A case is its number under a seed: `--first N --calls 1` runs it again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from command_line import attack
from pages import attack_pages
from patient import small_patient


def main() -> None:
    """Run the attack and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pages", type=int, default=None, help="callbacks; as many as calls where not given")
    parser.add_argument("--patient", type=Path, default=None, help="folder with a small p.twin")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rt-twin-attacked-") as place:
        folder = asked.patient or Path(place)
        child = (
            0 if asked.patient else os.fork()
        )  # making one starts threads, which this process must not have
        if child == 0 and asked.patient is None:
            small_patient(folder)
            os._exit(0)
        if child:
            os.waitpid(child, 0)
        calls = attack(asked.first, asked.calls, asked.seed, folder / "p.twin")
        print(f"command line: {calls.words()}", flush=True)
        pages = attack_pages(
            asked.first, asked.calls if asked.pages is None else asked.pages, asked.seed, folder
        )
        print(f"pages: {pages.words()}")
    sys.exit(bool(calls.wrong or pages.wrong))


if __name__ == "__main__":
    main()
