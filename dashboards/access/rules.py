"""Which requests a role may make: readers those of a list, lookers all but those that start or change something."""

from __future__ import annotations

from flask import request

from dashboards.access.visitor import Visitor

CALLBACKS = "/_dash-update-component"
READING = "reading"  # what a reader's voxels are asked for as; ids of his parts begin so
_ROUTED = ["page.children", "header-page.children"]  # opens a page; it looks itself who asks
_OF_READERS = (
    "/",
    "/readers",
    "/logout",
    "/_dash-layout",
    "/_dash-dependencies",
    "/_favicon.ico",
    "/favicon.ico",
)
_BELOW = ("/_dash-component-suites/", "/assets/")
_VOXELS = (
    "/data/baseline",
    "/data/structures",
    "/data/layer/",
)  # of a case, where they are asked for as such
_FILM = "/film"
_STARTS = "job.data"  # what a callback that starts a child process answers with


def may_ask(visitor: Visitor) -> bool:
    """Whether a visitor's role allows the request that is being answered.

    Args:
        visitor: who asks.
    """
    if visitor.role == "run" or request.path == "/logout":
        return True
    reader = visitor.role == "reader"
    if request.path == CALLBACKS and request.method == "POST":
        outputs = _outputs()
        if reader:
            return outputs == _ROUTED or all(output.startswith(READING) for output in outputs)
        return not any(output.partition("@")[0] == _STARTS for output in outputs)
    if request.path == _FILM:  # which changes nothing
        return not reader
    return request.method in ("GET", "HEAD") and (not reader or _of_readers())


def _of_readers() -> bool:
    """Whether a page or file that is asked for is one that a reader needs."""
    if request.path.startswith(_VOXELS):
        return request.args.get("of") == READING
    return request.path in _OF_READERS or request.path.startswith(_BELOW)


def _outputs() -> list[str]:
    """What the called callback answers with, as `id.property` each; one that none has where it cannot be told."""
    body = request.get_json(silent=True)
    text = body.get("output") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text:
        return [_STARTS]
    return text[2:-2].split("...") if text.startswith("..") else [text]
