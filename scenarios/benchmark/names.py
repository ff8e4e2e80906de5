"""How contestants are named."""

from __future__ import annotations

from pathlib import Path


def label(name: str) -> str:
    """A contestant's name in tables: of a folder, its own.

    Example:
        >>> label("runs/weights/bridge@50"), label("mechanistic")
        ('bridge@50', 'mechanistic')
    """
    return Path(name).name


def plain(name: str) -> str:
    """The weights that a contestant's name stands for, without `@N` and `+smooth`.

    Example:
        >>> plain("runs/bridge@50+smooth")
        'runs/bridge'
    """
    return name.removesuffix("+smooth").partition("@")[0]
