"""The command `rt-twin app`, which this room adds to the others as any package can."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from twin.errors import InputError
from twin.inputs.quantities import Port


def serve_app(
    folder: Annotated[Path, typer.Argument(help="Folder with runs and twins.")] = Path("."),
    port: Annotated[Port, typer.Option(help="Port that is listened on.")] = 8050,
    auth: Annotated[
        Path | None,
        typer.Option(help="File of users (rt-twin user add) who log in, in place of the start link."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address that is listened on; any but this machine's own needs --auth.")
    ] = "127.0.0.1",
) -> None:
    """Open the dashboard on this machine."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has a background command ignore
    try:
        from dashboards.app import serve  # loads dash
    except ModuleNotFoundError as error:
        raise InputError(f"the dashboard needs {error.name}: pip install 'rt-twin[app]'") from None
    serve(folder, port, auth, host)


COMMAND = serve_app
