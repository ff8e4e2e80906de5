"""A run of the opened folder."""

from __future__ import annotations

import re
from functools import cached_property

import polars as pl

from dashboards.files.entry import Entry
from dashboards.files.subject import Frame, Subject
from scenarios.records.layer import Layer
from scenarios.records.run import RunRecord, read_record, read_run_table
from twin import PatientTwin, Volume
from twin.files.nifti import read

_FALLBACK = re.compile(r"\d+ of \d+ follow-up CTs were made by (.+?) \((.+)\)")  # scenarios.engine.render


class RunFolder(Subject):
    """A run of the opened folder.

    Args:
        entry: where it lies.

    Raises:
        InputError: it is broken, or of a newer release.
    """

    def __init__(self, entry: Entry) -> None:
        self.record: RunRecord = read_record(entry.path)
        super().__init__(entry, PatientTwin.load(entry.inside(self.record.baseline)))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that the run lists."""
        return self.record.layers

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """Every follow-up, by plan in the run's order, sample and day."""
        found: dict[tuple, Frame] = {}
        order = {plan.slug: n for n, plan in enumerate(self.record.plans)}
        for image in self.record.images:
            key = (order.get(image.plan, len(order)), image.sample, image.day)
            frame = found.setdefault(key, Frame(image.plan, image.sample, image.day, {}, {}))
            frame.files[image.kind] = image.file
            frame.generators[image.kind] = image.generator
        return tuple(found[key] for key in sorted(found))

    def read(self, frame: Frame, layer: Layer) -> Volume:
        """A file that the run names, whose voxels are read when first used.

        Args:
            frame: the day.
            layer: what is wanted of it.
        """
        return read(self.entry.inside(frame.files[layer.name]), layer.modality, layer.unit)

    @property
    def fallbacks(self) -> dict[str, str]:
        """Generator -> why it made images in place of the one that was asked for."""
        found = (_FALLBACK.fullmatch(note) for note in self.record.notes)
        return {match[1]: match[2] for match in found if match}

    def table(self, name: str) -> pl.DataFrame:
        """One table of the run; one that its release did not know yet is empty.

        Args:
            name: of the table.

        Raises:
            InputError: it is missing or broken.
        """
        return read_run_table(self.entry.path, name)

    @property
    def shown_sample(self) -> int:
        """The sample that stands for all."""
        return self.record.shown_sample

    def standing(self, frame: Frame) -> str:
        """The percentile that a frame's sample has among all on its day.

        Args:
            frame: the day.
        """
        found = self._percentiles.get((frame.plan, frame.sample, round(frame.day, 6)))
        return "" if found is None else f", percentile {found:.0f}"

    @cached_property
    def _percentiles(self) -> dict[tuple[str, int, float], float]:
        rows = self.table("imaged").iter_rows(named=True)
        return {(r["plan"], r["sample"], round(r["day"], 6)): r["percentile"] for r in rows}

    @cached_property
    def stands_for(self) -> dict[int, str]:
        """What each sample with images stands for: median, low, high or between."""
        table = self.table("imaged")
        return dict(zip(table["sample"].to_list(), table["stands_for"].to_list(), strict=True))

    def imaged(self, name: str) -> pl.DataFrame:
        """The rows of a table that all samples share, and those of the sample that stands for all.

        Args:
            name: of the table.
        """
        sample = pl.col("sample")
        return self.table(name).filter(sample.is_null() | (sample == self.shown_sample))
