"""Virtual scanners by name."""

from __future__ import annotations

from models.registry import Registry
from simulators.core.scanner import VirtualScanner

SCANNERS = Registry("scanner", "scanners", "simulators.scanners")  # name -> a class without arguments


def scanner_named(name: str) -> VirtualScanner:
    """The scanner of a name.

    Raises:
        InputError: the name is unknown.
    """
    return SCANNERS[name]()
