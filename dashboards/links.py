"""Addresses of pages, and what they ask for."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode


def link(page: str, **query: str) -> str:
    """The address of a page with its query.

    Args:
        page: path of the page.
        **query: what it asks for.

    Example:
        >>> link("/compare", run="study/demo 1")
        '/compare?run=study%2Fdemo+1'
    """
    return f"{page}?{urlencode(query)}" if query else page


def query_of(search: str | None) -> dict[str, str]:
    """What an address asks for, the last of each name.

    Args:
        search: its part from the question mark on, or None.

    Example:
        >>> query_of("?run=study%2Fdemo+1&day=30&day=60")
        {'run': 'study/demo 1', 'day': '60'}
    """
    return {name: values[-1] for name, values in parse_qs((search or "").lstrip("?")).items()}
