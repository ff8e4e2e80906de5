"""Addresses of pages."""

from __future__ import annotations

from urllib.parse import urlencode


def link(page: str, **query: str) -> str:
    """The address of a page with its query.

    Example:
        >>> link("/compare", run="study/demo 1")
        '/compare?run=study%2Fdemo+1'
    """
    return f"{page}?{urlencode(query)}" if query else page
