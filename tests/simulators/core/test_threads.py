"""Threads that share the rows of a kernel."""

import numba
import numpy as np
import pytest

from simulators.core.threads import in_threads


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("threads", [1, 2])
def test_each_row_is_done_once(n, threads):
    done = np.zeros(n, int)

    def kernel(first, beyond, add, rows):
        rows[first:beyond] += add

    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    try:
        in_threads(kernel, n, 3, done)
    finally:
        numba.set_num_threads(before)
    assert (done == 3).all()


def test_what_goes_wrong_in_a_thread_is_raised():
    def kernel(first, beyond):
        if beyond == 4:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_threads(kernel, 4)
