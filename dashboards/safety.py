"""What keeps other people and other web pages out: loopback only, its own name only, its own pages only."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_LARGEST_REQUEST = 4 * 2**20  # bytes; uploads have a limit of their own


def guard(server: Flask, script_hashes: Sequence[str]) -> None:
    """Refuse foreign hosts and origins, and forbid the browser to load anything from elsewhere.

    A page of another site can make a browser call 127.0.0.1; by rebinding its own DNS name it could even read the
    answers. Such calls carry the other site's name in Host or Origin.

    Args:
        server: the Flask application.
        script_hashes: hashes of the inline scripts that Dash writes into its page (Content-Security-Policy).
    """
    server.config["MAX_CONTENT_LENGTH"] = _LARGEST_REQUEST
    policy = (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
        f"script-src 'self' {' '.join(script_hashes)}; connect-src 'self'; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )

    @server.before_request
    def own_pages_only() -> None:
        if not _own_name(request.host):
            abort(403, "this dashboard answers to localhost and 127.0.0.1 only")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            abort(403, "this dashboard answers its own pages only")

    @server.after_request
    def headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


def _own_name(host: str) -> bool:
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    return name in _NAMES and (not port or port.isdigit())
