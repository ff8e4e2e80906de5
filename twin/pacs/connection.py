"""How to reach an archive: one YAML file for all of them, credentials from the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from twin.errors import InputError
from twin.inputs.mapping import read_mapping

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_ENDPOINT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_HERE = ("localhost", "127.0.0.1", "[::1]")


def _endpoint(value: str) -> str:
    found = _ENDPOINT.fullmatch(value)
    if not found or not 1 <= int(found[2]) <= 65_535:
        raise ValueError("it is HOST:PORT, for example pacs.example:104")
    return value


def _title(value: str) -> str:
    if value != value.strip() or "\\" in value:
        raise ValueError("an application entity title has no backslash and no space at its ends")
    return value


Endpoint = Annotated[str, Field(max_length=260), AfterValidator(_endpoint)]
Title = Annotated[str, Field(pattern=r"^[ -~]{1,16}$"), AfterValidator(_title)]


class Connection(BaseModel):
    """One archive: a DICOMweb service, or an application entity that speaks DIMSE.

    Args:
        dicomweb: root of the service, that QIDO-RS, WADO-RS and STOW-RS share, as https://pacs.example/dicom-web.
        dimse: HOST:PORT of the application entity.
        title: its title.
        own_title: this side's title, as the archive's list of partners names it.
        tls: whether DIMSE goes through TLS.
        retrieve: C-GET, or C-MOVE to own_title at `listen`.
        listen: HOST:PORT here at which a C-MOVE arrives.
        timeout_s: how long to wait for an answer, s.
        tries: how often in a row something may fail before it is given up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dicomweb: str | None = Field(default=None, max_length=1000, pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")
    dimse: Endpoint | None = None
    title: Title = "ANY-SCP"
    own_title: Title = "RT-TWIN"
    tls: bool = False
    retrieve: Literal["get", "move"] = "get"
    listen: Endpoint | None = None
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    tries: int = Field(default=5, ge=1, le=20)

    @model_validator(mode="after")
    def _one_kind(self) -> Connection:
        if (self.dicomweb is None) == (self.dimse is None):
            raise ValueError("it has either dicomweb or dimse")
        if self.dicomweb is not None and self.model_fields_set & {
            "title",
            "own_title",
            "tls",
            "retrieve",
            "listen",
        }:
            raise ValueError("title, own_title, tls, retrieve and listen belong to dimse")
        if (self.retrieve == "move") != (self.listen is not None):
            raise ValueError("retrieve: move and listen belong together")
        return self


@dataclass(frozen=True)
class Credentials:
    """What the environment says of an archive; RT_TWIN_PACS_NAME_USER and so on, NAME in capitals.

    Args:
        user: user name.
        password: password.
        token: bearer token, for DICOMweb.
        ca: file of the certificates that the archive's is checked with, instead of the system's.
        cert: file of this side's certificate.
        key: file of its key.
    """

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


def connections_file() -> Path:
    """Where the connections stand: RT_TWIN_PACS, or `pacs.yaml` in the user's folder for this program."""
    given = os.environ.get("RT_TWIN_PACS")
    home = os.environ.get("XDG_CONFIG_HOME")
    return (
        Path(given) if given else (Path(home) if home else Path.home() / ".config") / "rt-twin" / "pacs.yaml"
    )


def connection_named(name: str) -> Connection:
    """The archive of a name.

    Args:
        name: as the file of connections has it.

    Raises:
        InputError: no such file or name, or an entry that cannot be.
    """
    path = connections_file()
    entries = _entries(path)
    if name not in entries:
        raise InputError(f"{path} has no archive {name!r}; there are: {', '.join(entries) or 'none'}")
    try:
        return Connection.model_validate(entries[name])
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, (name, *first["loc"])))
        raise InputError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}") from None


def credentials(name: str, connection: Connection) -> Credentials:
    """What the environment says of an archive.

    Raises:
        InputError: a half of a pair, a file that is not there, or a secret that would cross a network in the clear.
    """
    start = f"RT_TWIN_PACS_{name.upper()}_"
    found = Credentials(
        **{k: os.environ.get(start + k.upper()) or None for k in Credentials.__dataclass_fields__}
    )
    for one, other in (("user", "password"), ("cert", "key")):
        if (getattr(found, one) is None) != (getattr(found, other) is None):
            raise InputError(f"{start}{one.upper()} and {start}{other.upper()} belong together")
    for which in ("ca", "cert", "key"):
        file = getattr(found, which)
        if file is not None and not Path(file).is_file():
            raise InputError(f"{start}{which.upper()}: no such file: {file}")
    if (found.password or found.token) and not _private(connection):
        raise InputError(
            f"a password or token for {name} would cross the network in the clear; use https or tls"
        )
    return found


def _private(connection: Connection) -> bool:
    """Whether nobody between here and there can listen."""
    if connection.dicomweb is None:
        host = str(connection.dimse).rpartition(":")[0]
        return connection.tls or host in _HERE
    scheme, _, rest = connection.dicomweb.partition("://")
    return scheme == "https" or re.sub(r":\d+$", "", rest.partition("/")[0]) in _HERE


def _entries(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise InputError(
            f"no archive is known: {path} is not there; docs/patient_data.md says how to write it"
        )
    entries = read_mapping(path) if path.stat().st_size else {}
    if not all(isinstance(n, str) and _NAME.fullmatch(n) for n in entries):
        raise InputError(
            f"{path} names archives by small letters, digits and _, each with its entries below it"
        )
    return entries
