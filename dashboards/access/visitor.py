"""Who asks. What he may do is held where it is done, as well as where requests come in (`rules`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flask import g, has_request_context

from twin.errors import InputError

Role = Literal["run", "read", "reader"]


@dataclass(frozen=True)
class Visitor:
    """Whoever sent a request.

    Args:
        name: of the user; empty for whoever opened the start link.
        role: "run" may do everything, "read" looks, "reader" reads one reader study and sees nothing else.
        folder: what he has opened, below the dashboard's folder; empty for that itself.
        study: key of a reader's study, below the dashboard's folder.
        password: has logged in, and may log out.
    """

    name: str
    role: Role
    folder: str = ""
    study: str = ""
    password: bool = False


OWNER = Visitor("", "run")
_NOBODY = Visitor("", "reader")


def current() -> Visitor:
    """Who sent the request that is being answered; the owner of the machine where none is."""
    return g.get("visitor", _NOBODY) if has_request_context() else OWNER


def hold_runner() -> None:
    """Refuse whoever may only look; called by whatever starts, changes or keeps something.

    Raises:
        InputError: he may not.
    """
    if current().role != "run":
        raise InputError("you may look at this, not run or change anything; ask whoever keeps the dashboard")
