"""A simulated department of the opened folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dashboards.files.entry import Entry
from scenarios.clinic.run import ClinicRun, load_clinic

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class ClinicFolder:
    """A simulated department.

    Args:
        entry: where it lies.
    """

    entry: Entry

    @cached_property
    def run(self) -> ClinicRun:
        """What became of it: its tables, and what was asked for.

        Raises:
            InputError: it is broken, or of a newer release.
        """
        return load_clinic(self.entry.path)

    def table(self, name: str) -> pl.DataFrame:
        """One of its tables, with the schema of `scenarios.clinic.schema`.

        Args:
            name: of the table.
        """
        return self.run.tables[name]
