"""The users of a shared dashboard: one file with roles and the hashes of passwords."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashboards.access.visitor import Role, Visitor
from twin.errors import InputError
from twin.files.atomic import atomic_file
from twin.files.json_file import read_json
from twin.files.lock import held

FORMAT = "rt-twin-users/1"
SHORTEST_PASSWORD = 12
_LONGEST_PASSWORD = 1024
_PLAIN = "^[a-z][a-z0-9-]{0,29}$"

Plain = Annotated[str, Field(pattern=_PLAIN)]


class User(BaseModel):
    """One user.

    Args:
        name: of letters, digits and dashes.
        role: run, read or reader.
        folder: what he opens, below the dashboard's folder.
        study: key of a reader's study, below the dashboard's folder; empty for others.
        secret: the hash of his password (Argon2id).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Plain
    role: Role
    folder: Plain
    study: str = ""
    secret: str

    @property
    def visitor(self) -> Visitor:
        """The user as whoever sends a request."""
        return Visitor(self.name, self.role, self.folder, self.study, password=True)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["rt-twin-users/1"] = "rt-twin-users/1"
    users: tuple[User, ...] = ()


class Users:
    """The users of a file, read again whenever it has changed: who was removed is out at once.

    Args:
        path: the file.

    Raises:
        InputError: it is missing or broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._found: dict[str, User] = {}
        self.find("")

    def find(self, name: str) -> User | None:
        """The user of a name.

        Args:
            name: of the user.

        Raises:
            InputError: the file is gone or broken.
        """
        try:
            stat = self.path.stat()
        except OSError:
            raise InputError(f"{self.path} is missing") from None
        if (stat.st_mtime_ns, stat.st_ino) != self._stamp:
            self._found = {user.name: user for user in _read(self.path)}
            self._stamp = (stat.st_mtime_ns, stat.st_ino)
        return self._found.get(name)


def keep_user(path: Path, user: User) -> None:
    """Add a user to a file, or give one of the same name other rights and another password.

    Args:
        path: the file; it is made where there is none, for its owner's eyes only.
        user: whom.

    Raises:
        InputError: the file is broken or cannot be written.
    """
    with held(path):
        others = [u for u in (_read(path) if path.exists() else ()) if u.name != user.name]
        _write(path, [*others, user])


def remove_user(path: Path, name: str) -> None:
    """Take a user out of a file.

    Args:
        path: the file.
        name: of the user.

    Raises:
        InputError: there is none of that name.
    """
    with held(path):
        users = _read(path)
        left = [user for user in users if user.name != name]
        if len(left) == len(users):
            raise InputError(f"{path} has no user {name!r}")
        _write(path, left)


def new_user(name: str, role: str, password: str, *, folder: str = "", study: str = "") -> User:
    """A user with the hash of a password.

    Args:
        name: of small letters, digits and dashes.
        role: run, read or reader.
        password: of 12 characters or more.
        folder: what he opens, below the dashboard's folder; one of his own name where empty.
        study: of a reader: the study's folder below the dashboard's.

    Raises:
        InputError: a name, role or folder that is none, too short a password, or a reader without a study.
    """
    from argon2 import PasswordHasher

    if not SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
        raise InputError(f"a password needs {SHORTEST_PASSWORD} characters or more")
    if (role == "reader") != bool(study):
        raise InputError("a reader needs --study, and nobody else has one")
    try:
        return User.model_validate(
            {
                "name": name,
                "role": role,
                "folder": folder or name,
                "study": study,
                "secret": PasswordHasher().hash(password),
            }
        )
    except ValidationError as error:
        where = error.errors()[0]["loc"][0]
        words = "run, read or reader" if where == "role" else "of small letters, digits and dashes"
        raise InputError(f"the {where} of a user must be {words}") from None


def _read(path: Path) -> tuple[User, ...]:
    try:
        found = _File.model_validate(read_json(path)).users
    except ValidationError:
        raise InputError(f"{path} is no file of users (rt-twin user add FILE NAME), or broken") from None
    if len({user.name for user in found}) < len(found):
        raise InputError(f"{path} is broken: two users have one name")
    return found


def _write(path: Path, users: list[User]) -> None:
    with atomic_file(path) as part:
        part.chmod(0o600)
        part.write_text(_File(users=tuple(users)).model_dump_json(indent=1), encoding="utf-8")
