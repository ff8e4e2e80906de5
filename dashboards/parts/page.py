"""What a page of the dashboard is, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dash import Dash

from dashboards.files.library import Library
from dashboards.files.uploads import Uploads
from dashboards.jobs.child import Jobs
from dashboards.jobs.preview import Previews


@dataclass(frozen=True)
class Desk:
    """What pages work with.

    Args:
        library: what lies in the opened folder.
        jobs: the child processes that pages start.
        uploads: the files that browsers send.
        previews: what forms would amount to.
        whole: all that lies in the dashboard's folder, where each user has opened a part of it.
    """

    library: Library
    jobs: Jobs
    uploads: Uploads
    previews: Previews
    whole: Library


@dataclass(frozen=True)
class Page:
    """One page of the dashboard; its address is the name of its file.

    Args:
        title: its name in the navigation.
        order: its place there: pages stand in ascending order.
        layout: the page and what it puts into the header, of the opened folder and the address's query; an `InputError`
            that it raises is shown in the page's place.
        register: adds its callbacks to the application.
        listed: whether it stands in the navigation; others are reached from the pages that they belong to.
    """

    title: str
    order: float
    layout: Callable[[Library, Mapping[str, str]], tuple[Any, Any]]
    register: Callable[[Dash, Desk], None] = lambda app, desk: None
    listed: bool = True
