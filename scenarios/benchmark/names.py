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
