"""What was done on a shared dashboard, by whom: lines that are only ever added."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from flask import Flask, current_app, has_request_context, request

from dashboards.access.visitor import current
from twin.files.atomic import append

_KEY = "rt-twin-audit"
_LONGEST = 200  # characters of what a stranger wrote


class Audit:
    """A file of lines.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()

    def add(self, event: str, user: str, what: str = "") -> None:
        """Keep a line; it is on the disk when this returns.

        Args:
            event: what happened, in a word.
            user: who did it.
            what: to what.
        """
        time = datetime.now(UTC).isoformat(timespec="seconds")
        line = {"time": time, "user": user[:_LONGEST], "address": address(), "event": event}
        with self._lock:
            append(self.path, json.dumps({**line, **({"what": what[:_LONGEST]} if what else {})}))


def add_audit(server: Flask, audit: Audit) -> None:
    """Let what happens in requests be noted.

    Args:
        server: the Flask application.
        audit: where.
    """
    server.extensions[_KEY] = audit


def noted(event: str, what: str = "") -> None:
    """Note what whoever asks has done; nothing happens on a dashboard of one user.

    Args:
        event: what happened, in a word.
        what: to what.
    """
    if has_request_context() and (audit := current_app.extensions.get(_KEY)) is not None:
        audit.add(event, current().name, what)


def address() -> str:
    """Where a request came from: what a proxy on this machine says, else the other end itself."""
    direct = request.remote_addr or ""
    told = request.headers.get("X-Forwarded-For", "")
    return told.rpartition(",")[2].strip()[:64] if told and direct in ("127.0.0.1", "::1") else direct
