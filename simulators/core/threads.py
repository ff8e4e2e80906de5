"""Work on parts of an array in threads of this process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any


def in_threads(kernel: Callable[..., None], n: int, *args: Any) -> None:
    """Call a kernel for equal parts of n rows, planes or blocks, in as many threads as numba would take.

    The kernel holds no lock (`nogil`). One that leaves the threads to this function is compiled in a third of the time
    that one with numba's own (`parallel`) takes.

    Args:
        kernel: called with the first of a part, the one beyond its last, and `args`.
        n: of all.
        args: of the kernel.
    """
    from numba import get_num_threads

    threads = max(1, min(get_num_threads(), n))
    if threads == 1:
        kernel(0, n, *args)
        return
    bounds = [n * i // threads for i in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for part in [pool.submit(kernel, *ends, *args) for ends in pairwise(bounds)]:
            part.result()
