"""exp, exp - 1 and log of plain arithmetic: in a loop the compiler does several numbers at a time.

Argument reduction by powers of two and Taylor series (Abramowitz and Stegun 1964, 4.1.27 and 4.2.1), within three units
in the last place. Products are added unrounded where this file says so and nowhere else, so that a number does not
depend on which others are done beside it. Compiled by numba; loaded only by kernels.
"""

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

_LOG2E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # of ln 2; the first ends in 20 zero bits
_LEAST, _MOST = -708.0, 709.0  # beyond them a float64 is not normal
_HALF_ROOT = np.int64(0x3FE6A09E667F3BCD)  # bits of the square root of 1/2
_BIAS, _BITS = np.int64(1023), np.int64(52)


_njit: Any = njit  # its types do not know all that it takes
_OURS = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # quicker to compile
part = _njit(**_OURS)  # a part of a kernel, called by no Python
inlined = _njit(forceinline=True, **_OURS)


def _multiplied_and_added(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), made


_fma: Any = intrinsic(_multiplied_and_added)


@inlined
def _parts(x):
    """2**n and exp(r) - 1 of x = n ln 2 + r, of which exp(x) is made."""
    x = min(max(x, _LEAST), _MOST)
    n = np.floor(_fma(x, _LOG2E, 0.5))
    r = _fma(n, -_LN2_LOW, _fma(n, -_LN2_HIGH, x))
    q = r * r  # even and odd powers side by side
    even = _fma(q, _fma(q, 1 / 479001600, 1 / 3628800), 1 / 40320)
    even = _fma(q, _fma(q, _fma(q, even, 1 / 720), 1 / 24), 1 / 2)
    odd = _fma(q, _fma(q, 1 / 6227020800, 1 / 39916800), 1 / 362880)
    odd = _fma(q, _fma(q, odd, 1 / 5040), 1 / 120)
    rest = _fma(q, _fma(r, _fma(q, odd, 1 / 6), even), r)
    return np.int64((np.int64(n) + _BIAS) << _BITS).view(np.float64), rest


@inlined
def exponential(x):
    """exp(x); 0 where that is no normal number, and exp(709) above 709."""
    power, rest = _parts(x)
    return _fma(power, rest, power) if x >= _LEAST else 0.0


@inlined
def exponential_less_one(x):
    """exp(x) - 1, near 0 with all its digits."""
    power, rest = _parts(x)
    return _fma(power, rest, power - 1.0)


@inlined
def logarithm(x):
    """ln(x) of a positive normal number."""
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _HALF_ROOT) >> _BITS  # so that what remains lies between the roots of 1/2 and of 2
    m = np.int64(bits - (exponent << _BITS)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    w = q * q
    even = _fma(w, _fma(w, _fma(w, _fma(w, 2 / 19, 2 / 15), 2 / 11), 2 / 7), 2 / 3)
    odd = _fma(w, _fma(w, _fma(w, _fma(w, 2 / 21, 2 / 17), 2 / 13), 2 / 9), 2 / 5)
    n = np.float64(exponent)
    return _fma(n, _LN2_HIGH, _fma(2.0, s, _fma(s * q, _fma(q, odd, even), n * _LN2_LOW)))
