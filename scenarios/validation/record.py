"""The rows of the last whole validation, as the package carries them: what `rt-twin validate --json` printed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from scenarios.validation.row import Row

FROZEN = Path(__file__).parent / "data" / "rows.json"


@cache
def recorded() -> tuple[Row, ...]:
    """The rows that this software carries."""
    return tuple(Row.from_dict(stored) for stored in json.loads(FROZEN.read_text(encoding="utf-8")))
