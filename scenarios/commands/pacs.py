"""The command `rt-twin pacs`: test a connection to an archive, list what it holds of a patient."""

from __future__ import annotations

from typing import Annotated

import typer

from twin.pacs import Address, connection_named, listed, opened
from twin.pacs.connection import connections_file
from twin.pacs.retry import Patience

COMMAND = typer.Typer(
    no_args_is_help=True,
    help="Test a connection to an archive, list what it holds of a patient.",
    add_completion=False,
)


@COMMAND.command()
def echo(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the archive, in the file of connections.")],
) -> None:
    """Test a connection."""
    connection = connection_named(name)
    archive = opened(name, connection)
    Patience(name, 1).until(archive.echo)
    print(f"{name} answers ({connection.dicomweb or connection.dimse}, of {connections_file()})")


@COMMAND.command("list")
def list_(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="pacs://NAME?PatientID=...")],
) -> None:
    """List a patient's series that an import reads, with what an address may name."""
    wanted = Address.parse(address)
    connection = connection_named(wanted.name)
    for series in listed(opened(wanted.name, connection), wanted, Patience(wanted.name, connection.tries)):
        others = f" and {series.others} that no import reads" if series.others else ""
        frame = f" FrameOfReferenceUID={series.frame}" if series.frame else ""
        print(
            f"{series.modality:<9} {len(series.objects)} objects{others}: "
            f"StudyInstanceUID={series.study} SeriesInstanceUID={series.series}{frame}"
        )
