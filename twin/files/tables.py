"""Tables on disk, by their literal names: a `[` in a path is a character, no pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.errors import InputError

if TYPE_CHECKING:
    import polars as pl


def read_table(
    path: Path,
    schema: Mapping[str, Any] | None = None,
    modern: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """A Parquet table, with the types that it is to have.

    Args:
        path: the file.
        schema: type of each column that it must have; further ones are kept as they are.
        modern: gives a table of a former format its columns of today.

    Raises:
        InputError: it is missing or damaged, or has other columns.
    """
    import polars as pl

    try:
        if not path.is_file():
            raise InputError(f"{path} is missing")
        frame = pl.read_parquet(path.absolute(), glob=False, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(f"{path} is damaged: {_first(error)}") from None
    frame = modern(frame) if modern else frame
    lacking = [name for name in schema or () if name not in frame.columns]
    if lacking:
        raise InputError(f"{path} is damaged: it has no column {lacking[0]!r}")
    try:
        return frame.cast(dict(schema or {}))  # type: ignore[arg-type]
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path} is damaged: {_first(error)}") from None


def scan_table(path: Path | Sequence[Path]) -> pl.LazyFrame:
    """A Parquet table, or several of one kind as one, without reading it.

    Args:
        path: the file or the files.
    """
    import polars as pl

    files = [path] if isinstance(path, Path) else path
    return pl.scan_parquet([file.absolute() for file in files], glob=False, hive_partitioning=False)


def _first(error: BaseException) -> str:
    """What an error says, without the pages that follow it."""
    return (str(error).splitlines() or [type(error).__name__])[0]
