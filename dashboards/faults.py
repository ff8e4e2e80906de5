"""What people are told when something cannot be shown; the rest of the page goes on."""

from __future__ import annotations

import logging

from twin.errors import InputError

_LOG = logging.getLogger(__name__)


def words_of(error: BaseException) -> str:
    """Why something cannot be shown, in a sentence; the terminal says more of what was not foreseen.

    Args:
        error: that reading or drawing it raised.

    Example:
        >>> words_of(InputError("outcomes.parquet is missing"))
        'outcomes.parquet is missing'
    """
    if isinstance(error, InputError):
        return str(error)
    _LOG.error("not foreseen", exc_info=error)
    first = (str(error).splitlines() or [""])[0]
    return f"its content does not fit together ({type(error).__name__}: {first[:200]})"
