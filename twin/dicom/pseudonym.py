"""What stands for a patient: the same patient gets the same pseudonym here, and nobody goes back from it."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from twin.errors import InputError
from twin.files.atomic import atomic_file
from twin.files.lock import held


def pseudonym(patient_id: str) -> str:
    """A keyed pseudonym of a hospital number.

    Args:
        patient_id: the hospital number; it is stored nowhere.

    Returns:
        "P-" and 12 hexadecimal digits.
    """
    return f"P-{keyed(patient_id)[:12]}"


def keyed(text: str) -> str:
    """HMAC-SHA256 (RFC 2104) of a text under this installation's key, 64 hexadecimal digits.

    The key is the environment's RT_TWIN_KEY, or one drawn at random once and kept in the user's folder. Without it a
    list of all hospital numbers leads nobody back.
    """
    return hmac.new(_key(), text.encode(), "sha256").hexdigest()


def _key() -> bytes:
    given = os.environ.get("RT_TWIN_KEY")
    if given:
        return given.encode()
    home = os.environ.get("XDG_CONFIG_HOME")
    path = (Path(home) if home else Path.home() / ".config") / "rt-twin" / "key"
    try:
        if not path.exists():
            with held(path):
                if not path.exists():  # two first imports at once draw one key
                    with atomic_file(path) as part:
                        part.chmod(0o600)
                        part.write_text(secrets.token_hex(32))
        return path.read_text().strip().encode()
    except OSError as error:
        raise InputError(f"cannot read the key {path}: {error.strerror}; set RT_TWIN_KEY instead") from error
