"""Log-in by name and password: Flask-Login over sessions that the server keeps, with CSRF tokens."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from dataclasses import dataclass, field
from html import escape
from threading import Semaphore
from typing import Any

from flask import Flask, Response, redirect, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from dashboards.access.audit import Audit, add_audit, address
from dashboards.access.throttle import Throttle
from dashboards.access.users import User, Users
from dashboards.access.visitor import Visitor
from twin.errors import InputError

_LOG = logging.getLogger(__name__)
CSRF_COOKIE, CSRF_HEADER = "rt-twin-csrf", "X-RT-Twin-CSRF"
_LONGEST_S, _IDLE_S = 12 * 3600.0, 2 * 3600.0
_AT_ONCE = 2  # checks of passwords, each of which takes 64 MB and a core for a moment
_BEFORE = "before"  # of the session of whoever has not logged in yet
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Log in, RT-Twin</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/login.css"></head>
<body><main><h1>RT-Twin</h1><p class="mark">SIMULATED - research use only</p>
<form method="post" action="/login"><input type="hidden" name="csrf" value="{csrf}">
<label>Name<input name="name" autocomplete="username" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<p role="alert">{words}</p><button>Log in</button></form></main></body></html>"""
_STYLE = """:root{color-scheme:light dark}body{font:15px/1.5 Inter,"Segoe UI",system-ui,sans-serif;margin:0}
main{max-width:300px;margin:14vh auto}h1{font-size:22px;margin:0}label{display:block;margin:12px 0}
.mark{background:#ffb000;color:#1a1200;font-weight:700;font-size:12px;padding:3px 10px;display:inline-block}
input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:6px 8px}
[role=alert]{font-weight:600;min-height:1.5em}button{font:inherit;font-weight:600;padding:6px 18px}"""


@dataclass
class Session(UserMixin):
    """One log-in, as Flask-Login has its users: its id is random and new at every log-in.

    Args:
        id: a secret.
        name: of the user.
        began: when.
        seen: when it was used last.
    """

    id: str
    name: str
    began: float = field(default_factory=time.monotonic)
    seen: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether it has ended by itself."""
        now = time.monotonic()
        return now - self.began > _LONGEST_S or now - self.seen > _IDLE_S


class Accounts:
    """The entrance of a shared dashboard.

    Args:
        server: the Flask application.
        users: who may enter.
        audit: where it is noted.
    """

    def __init__(self, server: Flask, users: Users, audit: Audit) -> None:
        from argon2 import PasswordHasher

        self.users, self.audit, self.throttle = users, audit, Throttle()
        self._hasher, self._turn = PasswordHasher(), Semaphore(_AT_ONCE)
        self._nobody = self._hasher.hash(
            secrets.token_urlsafe(16)
        )  # so that no name is told by the time it takes
        self._sessions: dict[str, Session] = {}
        self._secret = secrets.token_bytes(32)
        server.secret_key = secrets.token_bytes(32)
        server.config.update(
            SESSION_COOKIE_NAME="rt-twin-session", SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Strict",
            SESSION_COOKIE_SECURE=True,
        )  # fmt: skip
        manager = LoginManager(server)
        manager.session_protection = None  # sessions are the server's own
        manager.user_loader(self._session)
        add_audit(server, audit)
        server.add_url_rule("/login", "login", self._login, methods=["GET", "POST"])
        server.add_url_rule("/logout", "logout", self._logout, methods=["POST"])
        server.add_url_rule("/login.css", "login_style", lambda: Response(_STYLE, mimetype="text/css"))

    def enter(self) -> Visitor | Response | None:
        """Who sends the request; None for what everybody may ask; else what a stranger is told."""
        if request.path in ("/login", "/login.css"):
            return None
        try:
            user = self.users.find(current_user.name) if current_user.is_authenticated else None
        except InputError as error:  # nobody is let in while it cannot be read
            _LOG.error("%s", error)
            return Response("the file of users cannot be read", 503)
        if user is None:
            return redirect("/login") if request.method == "GET" else Response("log in first", 403)  # type: ignore[return-value]
        if request.method not in ("GET", "HEAD") and not self._own(request.headers.get(CSRF_HEADER)):
            form = request.form.get("csrf") if request.path == "/logout" else None
            if not self._own(form):
                self.audit.add("refused, no token", user.name, request.path)
                return Response("this request carries no token of this session", 403)
        current_user.seen = time.monotonic()
        return user.visitor

    def _session(self, sid: str) -> Session | None:
        found = self._sessions.get(sid)
        if found is not None and found.over:
            self._sessions.pop(sid, None)
            return None
        return found

    def _login(self) -> Any:
        if request.method == "GET":
            return self._form("")
        name, password = request.form.get("name", ""), request.form.get("password", "")
        before = session.get(_BEFORE)
        if not before or not _same(self._token(before), request.form.get("csrf")):
            return self._form("The page was too old; try again.", 403)
        who = (f"name {name[:100]}", f"address {address()}")
        wait = self.throttle.wait_s(*who)
        if wait > 0:
            self.audit.add("log-in held up", name)
            return self._form(f"Too many tries; wait {wait:.0f} s.", 429)
        user = self._checked(name, password)
        if user is None:
            self.throttle.failed(*who)
            self.audit.add("log-in failed", name)
            return self._form("Name or password is wrong.", 403)
        self.throttle.succeeded(who[0])
        session.clear()
        begun = Session(secrets.token_urlsafe(32), user.name)
        self._sessions = {sid: s for sid, s in self._sessions.items() if not s.over} | {begun.id: begun}
        login_user(begun)
        self.audit.add("log-in", user.name)
        answer = redirect("/readers" if user.role == "reader" else "/")
        answer.set_cookie(CSRF_COOKIE, self._token(begun.id), samesite="Strict", secure=True)
        return answer

    def _logout(self) -> Any:
        self._sessions.pop(current_user.get_id(), None)
        self.audit.add("log-out", current_user.name)
        logout_user()
        session.clear()
        answer = redirect("/login")
        answer.delete_cookie(CSRF_COOKIE)
        return answer

    def _form(self, words: str, status: int = 200) -> Response:
        before = session.setdefault(_BEFORE, secrets.token_urlsafe(16))  # one for all of a browser's tabs
        page = _PAGE.format(csrf=self._token(before), words=escape(words))
        # Without a referrer the form would be sent with the origin "null", as another site's.
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
        return Response(page, status, headers, mimetype="text/html")

    def _checked(self, name: str, password: str) -> User | None:
        """The user whose password it is; the time that it takes does not tell whether there is the name."""
        from argon2.exceptions import InvalidHashError, VerificationError

        user = self.users.find(name)
        with self._turn:
            try:
                self._hasher.verify(user.secret if user else self._nobody, password[:1024])
            except (VerificationError, InvalidHashError):
                return None
        return user

    def _own(self, given: str | None) -> bool:
        return _same(self._token(current_user.get_id()), given)

    def _token(self, of: str) -> str:
        return hmac.new(self._secret, of.encode(), hashlib.sha256).hexdigest()


def _same(wanted: str, given: str | None) -> bool:
    """Whether a secret was given, in a time that does not tell how much of it was right."""
    return given is not None and hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
