"""JSON files that anybody may have changed: read whole, or refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twin.errors import InputError


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Args:
        path: the file.

    Raises:
        InputError: it is missing, no regular file, not to be read, or no JSON.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise InputError(f"{path} is missing" if not path.exists() else f"{path} is no regular file")
        return json.loads(path.read_text(encoding="utf-8"))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path} is broken: it is not valid JSON") from None
