"""The library as each user of a shared dashboard sees it: his own folder below the whole one."""

from __future__ import annotations

from threading import Lock
from typing import cast

from werkzeug.local import LocalProxy

from dashboards.access.visitor import current
from dashboards.files.library import Library
from twin.errors import InputError


def opened_by_visitors(whole: Library) -> Library:
    """A library that is, in each request, that of whoever asks: one user's files are never another's.

    Args:
        whole: the dashboard's folder.
    """
    libraries: dict[str, Library] = {}
    lock = Lock()

    def opened() -> Library:
        name = current().folder
        if not name:
            raise InputError("nothing is opened; log in first")
        with lock:
            if name not in libraries:
                place = whole.root / name
                place.mkdir(mode=0o700, exist_ok=True)
                if place.is_symlink():
                    raise InputError("your folder is a link, which is not followed")
                libraries[name] = Library(place)
            return libraries[name]

    return cast(Library, LocalProxy(opened))
