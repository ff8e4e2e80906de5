"""What people are told when something cannot be shown; the rest of the page goes on."""

from __future__ import annotations

import logging
import re

from twin.errors import InputError

_LOG = logging.getLogger(__name__)
_QUOTED = re.compile(r"(['\"])(?:[A-Za-z]:)?[\\/](?:[^'\"\\/]*[\\/])*([^'\"\\/]+)\1")
_PATH = re.compile(r"(?<![^\s(=])(?:[A-Za-z]:)?[\\/](?:[^\s'\"\\/]+[\\/])*([^\s'\"\\/]+)")
_FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)(?:[ =][A-Z]+(?:[=/][A-Z]+)*)?(?![\w-])")
_FIELDS = {  # what a page calls the field that a command has an option for
    "gtv": "the name of the tumour's structure",
    "mask": "a tumour mask",
    "clinical": "a clinical record",
    "gtv-cm3": "the tumour's volume",
    "plan": "a plan",
    "day": "the day",
    "out": "the name",
}


def words_of(error: BaseException) -> str:
    """Why something cannot be shown, in a sentence; the terminal says more of what was not foreseen.

    Args:
        error: that reading or drawing it raised.

    Example:
        >>> words_of(InputError("outcomes.parquet is missing"))
        'outcomes.parquet is missing'
    """
    if isinstance(error, InputError):
        return plain(str(error))
    _LOG.error("not foreseen", exc_info=error)
    return "its content does not fit together; the terminal of the dashboard says more"


def plain(sentence: str) -> str:
    """A sentence without places of the server's disk and without options of commands.

    Args:
        sentence: as a command prints it.

    Example:
        >>> plain("/data/up/x.zip is no zip file; name one with --gtv or see '/data/my scans/b.nii', not 60/30")
        "x.zip is no zip file; name one with the name of the tumour's structure or see 'b.nii', not 60/30"
        >>> plain("--day must be 21 or later")
        'the day must be 21 or later'
    """
    short = _PATH.sub(r"\1", _QUOTED.sub(r"\1\2\1", sentence))
    return _FLAG.sub(lambda found: _FIELDS.get(found[1], found[1].replace("-", " ")), short)
