"""One name or several."""

from __future__ import annotations

from collections.abc import Iterable


def several(names: str | Iterable[str]) -> tuple[str, ...]:
    """Names in their order, each once; a single one may stand alone.

    Example:
        >>> several("GTV-1"), several(["GTV-1", "GTVn", "GTV-1"])
        (('GTV-1',), ('GTV-1', 'GTVn'))
    """
    return (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
