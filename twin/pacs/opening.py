"""Archives by their connections."""

from __future__ import annotations

from twin.errors import InputError
from twin.pacs.archive import Archive
from twin.pacs.connection import Connection, credentials


def opened(name: str, connection: Connection) -> Archive:
    """The archive of a connection.

    Args:
        name: of the connection, under which the environment holds its credentials.
        connection: how to reach it.

    Raises:
        InputError: what it needs is not installed or not there.
    """
    known = credentials(name, connection)
    try:
        if connection.dicomweb is not None:
            from twin.pacs.web import WebArchive

            return WebArchive(connection, known)
        from twin.pacs.dimse import DimseArchive

        return DimseArchive(connection, known)
    except ModuleNotFoundError as error:
        raise InputError(
            f"archives need {error.name}; install it with: pip install 'rt-twin[pacs]'"
        ) from error
