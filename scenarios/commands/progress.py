"""The progress of long work, on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_bar() -> Iterator[Callable[[str, float], None]]:
    """A bar, or nothing where stderr is no terminal; lines where RT_TWIN_PROGRESS asks for them.

    Yields:
        What is told the step in hand and the share of the work that is done.
    """
    if (
        os.environ.get("RT_TWIN_PROGRESS") == "lines"
    ):  # for programs that start this one and show its progress
        yield lambda step, share: print(f"progress {share:.3f} {step}", file=sys.stderr, flush=True)
        return
    columns = (TextColumn("{task.description:<14}", markup=False), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda step, share: bar.update(task, description=step, completed=share)
