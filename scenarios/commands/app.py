"""The command `rt-twin app`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from twin.errors import InputError


def serve_app(
    folder: Annotated[Path, typer.Argument(help="Folder with runs and twins.")] = Path("."),
    port: Annotated[int, typer.Option(help="Port on the loopback interface.")] = 8050,
) -> None:
    """Open the dashboard on this machine."""

    # The dashboards stand above this floor: they are started by name, never imported.
    try:
        serve = import_module("dashboards.app").serve
    except ModuleNotFoundError as error:
        raise InputError(f"the dashboard needs {error.name}: pip install 'rt-twin[app]'") from None
    serve(folder, port)


COMMAND = serve_app
