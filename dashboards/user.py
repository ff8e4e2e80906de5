"""The command `rt-twin user`: who may log in to a shared dashboard."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from twin.errors import InputError

COMMAND = typer.Typer(
    no_args_is_help=True,
    help="Who may log in to a shared dashboard (rt-twin app --auth).",
    add_completion=False,
)
FileArg = Annotated[Path, typer.Argument(metavar="FILE", help="File of users; made where there is none.")]
NameArg = Annotated[str, typer.Argument(help="Of small letters, digits and dashes.")]


@COMMAND.command()
def add(
    file: FileArg,
    name: NameArg,
    role: Annotated[
        str, typer.Option(help="run: everything; read: look; reader: one reader study, nothing else.")
    ] = "run",
    folder: Annotated[
        str,
        typer.Option(
            help="What the user opens, below the dashboard's folder; one of his own where not given."
        ),
    ] = "",
    study: Annotated[str, typer.Option(help="Of a reader: the study's folder below the dashboard's.")] = "",
) -> None:
    """Add a user, or give one new rights and a new password, which is asked for on the terminal."""
    try:
        from dashboards.access.users import keep_user, new_user  # loads flask and argon2
    except ModuleNotFoundError as error:
        raise InputError(f"users need {error.name}: pip install 'rt-twin[app]'") from None
    password = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != password:
        raise InputError("the two are not the same")
    keep_user(file, new_user(name, role, password, folder=folder, study=study))
    print(f"{file}: {name} ({role})")


@COMMAND.command()
def remove(file: FileArg, name: NameArg) -> None:
    """Take a user out; whoever is logged in under this name is out at once."""
    from dashboards.access.users import remove_user

    remove_user(file, name)
    print(f"{file}: {name} is no user any more")
