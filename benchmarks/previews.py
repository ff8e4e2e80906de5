"""How soon a preview of the page Scanners is there: `python benchmarks/previews.py TWIN [SCANNER ...]`.

Prints JSON for each scanner that reads the patient's CT: processor seconds of the process that makes the picture (first
of its kind: kernels and weights are not loaded yet), and seconds until the server has it, of which other work on the
machine takes its part.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from importlib import import_module
from pathlib import Path

from dashboards.jobs.preview import Previews
from dashboards.jobs.scan_look import look
from dashboards.parts.scan_form import scanners_of
from scenarios.engine.scanning import part_of
from twin import PatientTwin

LONGEST_S = 120.0
LOADED = "dashboards.jobs.loaded"  # as the dashboard has it


def worked(told, *asked) -> None:
    before = time.process_time()
    look(*asked)
    told.send(time.process_time() - before)


def main(path: Path, names: list[str]) -> dict[str, dict[str, float]]:
    twin = PatientTwin.load(path)
    previews = Previews(LOADED)
    previews.of("", int, longest_s=LONGEST_S)  # as a server does at its start
    found = {}
    import_module(LOADED)
    for name in names or [name for name, _ in scanners_of("CT")]:
        part = part_of(twin, twin.baseline.name, name)
        start = time.perf_counter()
        previews.of("a form", look, part, name, {}, longest_s=LONGEST_S)
        wall = time.perf_counter() - start
        answers, told = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=worked, args=(told, part, name, {}))
        process.start()
        found[name] = {"processor_s": round(answers.recv(), 2), "wall_s": round(wall, 2)}
        process.join()
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2:]), indent=1))
