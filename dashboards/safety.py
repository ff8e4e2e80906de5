"""What keeps other people and other web pages out: its own name and pages only, its start link or log-in only."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from html import escape
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit

from flask import Flask, Response, abort, g, request

from dashboards.access.audit import noted
from dashboards.access.rules import may_ask
from dashboards.access.visitor import OWNER, Visitor
from twin.errors import InputError

KEY = "token"  # of the start link's query
READER = "reader"  # of a reader's
STRANGER = "X-RT-Twin-Stranger"  # marks answers to a browser that has not opened the start link
_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_LARGEST_REQUEST = 4 * 2**20  # bytes; uploads have a limit of their own
_SHORTEST_TOKEN = 16
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>RT-Twin</title>{head}</head><body>{body}</body></html>"""
_CLOSED = """<h1>This dashboard opens with its start link</h1>
<p>It shows patients, and other people may use this machine. Open the address that <code>rt-twin app</code> printed in
its terminal when it was started: it ends in <code>?token=</code> and a long word. A new start has a new link.</p>"""


class Entrance(Protocol):
    """How people get in."""

    def enter(self) -> Visitor | Response | None:
        """Who sends the request; None for what everybody may ask; else what a stranger is told."""
        ...


class StartLink:
    """The entrance of a dashboard of one user: the link that was printed when it was started.

    Another user of the machine can reach 127.0.0.1 too, but knows no start link.

    Args:
        token: the secret of the start link, at least 16 characters.
        reader: the reader of a reader study whose link has a code; None where there is none.

    Raises:
        InputError: the token is too short to be a secret.
    """

    def __init__(self, token: str, reader: Callable[[str], Visitor | None]) -> None:
        if len(token) < _SHORTEST_TOKEN:
            raise InputError(f"the token of a dashboard needs at least {_SHORTEST_TOKEN} characters")
        self._token, self._reader = token, reader

    def enter(self) -> Visitor | Response | None:
        """Who sends the request, or what a stranger is told."""
        asked = request.args if request.method == "GET" else {}
        for key in (KEY, READER):
            if (given := asked.get(key)) and self._known(given):
                return _welcome(given)
        found = self._known(request.cookies.get(_cookie()))
        if found is not None:
            return found
        headers = {STRANGER: "1", "Cache-Control": "no-store"}
        return Response(_PAGE.format(head="", body=_CLOSED), 403, headers, mimetype="text/html")

    def _known(self, given: str | None) -> Visitor | None:
        if given is None or len(given) < _SHORTEST_TOKEN:
            return None
        if hmac.compare_digest(given.encode(errors="replace"), self._token.encode()):
            return OWNER  # in a time that does not tell how much of it was right
        return self._reader(given)


def guard(server: Flask, script_hashes: Sequence[str], entrance: Entrance, *, own_name: bool = True) -> None:
    """Refuse who has no way in or not the right, and foreign hosts and origins; let nothing be loaded from elsewhere.

    A page of another site can make a browser call this machine; by rebinding its own DNS name it could even read the
    answers. Such calls carry the other site's name in Host or Origin.

    Args:
        server: the Flask application.
        script_hashes: hashes of the inline scripts that Dash writes into its page (Content-Security-Policy).
        entrance: how people get in.
        own_name: answer to the names of this machine for itself only.
    """
    server.config["MAX_CONTENT_LENGTH"] = _LARGEST_REQUEST
    policy = (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
        f"script-src 'self' {' '.join(script_hashes)}; connect-src 'self'; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )

    @server.before_request
    def own_pages_only() -> None:
        if own_name and not _own_name(request.host):
            abort(403, "this dashboard answers to localhost and 127.0.0.1 only")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            abort(403, "this dashboard answers its own pages only")

    @server.before_request
    def known_visitors_only() -> Response | None:
        found = entrance.enter()
        if not isinstance(found, Visitor):
            return found
        g.visitor = found
        if may_ask(found):
            return None
        noted("refused", request.path)
        return Response("you may not see or do this", 403)

    @server.after_request
    def headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


def start_link(address: str, token: str) -> str:
    """The address that opens a dashboard in a browser which does not know its token yet.

    Args:
        address: of any of its pages, without a query.
        token: the secret.

    Example:
        >>> start_link("http://127.0.0.1:8050/", "secret")
        'http://127.0.0.1:8050/?token=secret'
    """
    return f"{address}?{urlencode({KEY: token})}"


def _cookie() -> str:
    """Its name: browsers keep the cookies of all ports of a host together."""
    port = request.host.rpartition(":")[2]
    return f"rt-twin-{port if port.isdecimal() else 80}"


def _welcome(token: str) -> Response:
    """A page that keeps the token in a cookie and goes on to what was asked for.

    A redirect would not do: after a link on another site's page, browsers follow it without strict cookies.
    """
    query = urlencode([(k, v) for k, v in request.args.items(multi=True) if k not in (KEY, READER)])
    target = f"/{quote(request.path.lstrip('/'))}" + (f"?{query}" if query else "")
    head = f'<meta http-equiv="refresh" content="0; url={escape(target)}">'
    answer = Response(
        _PAGE.format(head=head, body=""), headers={"Cache-Control": "no-store"}, mimetype="text/html"
    )
    answer.set_cookie(_cookie(), token, httponly=True, samesite="Strict")
    return answer


def _own_name(host: str) -> bool:
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    return name in _NAMES and (not port or port.isdigit())
