"""Virtual scanners by name."""

from __future__ import annotations

from models.registry import Registry
from simulators.core.imaging import TASKS, ScanTask
from simulators.core.scanner import VirtualScanner
from twin import InputError

SCANNERS = Registry("scanner", "scanners", "simulators.scanners")  # name -> a class without arguments


def scanner_named(name: str) -> VirtualScanner:
    """The scanner of a name.

    Args:
        name: one of `SCANNERS`, which work by physics, or a task that makes a scan of a scan: `TASK`, or `TASK/NAME`
            for weights of that name; `pet@NAME` is `ct-pet/NAME`, and so with each scanner that a task does of a CT.

    Raises:
        InputError: the name is unknown, or there are no such weights.
    """
    if name in SCANNERS:
        return SCANNERS[name]()
    task, _, weights = _of_a_ct(name).partition("/")
    if task in TASKS and isinstance(TASKS[task], ScanTask):
        from simulators.learned.scanner import translator_named

        return translator_named(task, weights or None)
    learned = [t for t in TASKS if isinstance(TASKS[t], ScanTask)]
    raise InputError(f"unknown scanner {name!r}; there are: {', '.join([*SCANNERS, *learned])}")


def _of_a_ct(name: str) -> str:
    """`TASK/NAME` of `SCANNER@NAME`, where a task does of a CT what the scanner does; else the name itself."""
    scanner, _, weights = name.partition("@")
    task = f"ct-{scanner}"
    return f"{task}/{weights}" if weights and scanner in SCANNERS and task in TASKS else name
