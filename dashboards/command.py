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
    port: Annotated[Port, typer.Option(help="Port on the loopback interface.")] = 8050,
) -> None:
    """Open the dashboard on this machine."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has a background command ignore
    try:
        from dashboards.app import serve  # loads dash
    except ModuleNotFoundError as error:
        raise InputError(f"the dashboard needs {error.name}: pip install 'rt-twin[app]'") from None
    serve(folder, port)


COMMAND = serve_app
