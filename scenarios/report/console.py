"""Where tables are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def wide_console(columns: int = 130) -> Console:
    """The terminal; into a pipe or file tables are at least so many columns wide, and brackets are plain text.

    Args:
        columns: that the tables need.
    """
    from rich.console import Console

    console = Console(markup=False)
    if not console.is_terminal:
        console.width = max(console.width, columns)
    return console
