"""A run of the opened folder."""

from __future__ import annotations

import re
from functools import cached_property

import polars as pl

from dashboards.files.acquired import acquired_frames, acquired_layers, read_acquired
from dashboards.files.entry import Entry
from dashboards.files.subject import Frame, Subject
from scenarios.records.layer import Layer
from scenarios.records.run import RunRecord, read_record, read_run_table
from scenarios.report.dose_statistics import dose_statistics
from twin import PatientTwin, Volume
from twin.files.nifti import read

DOSE_STATISTICS = "dose-statistics"  # beside the run's own tables: made of `dvh`
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

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that the run lists, and those of scans that the patient brought along."""
        known = {layer.name: layer for layer in (*acquired_layers(self.twin), *self.record.layers)}
        listed = [layer.name for layer in self.record.layers]
        return tuple(known[name] for name in (*listed, *(n for n in known if n not in listed)))

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """Every follow-up, by plan in the run's order, sample and day, and then what the patient brought along."""
        found: dict[tuple, Frame] = {}
        order = {plan.slug: n for n, plan in enumerate(self.record.plans)}
        for image in self.record.images:
            key = (order.get(image.plan, len(order)), image.sample, image.day)
            frame = found.setdefault(key, Frame(image.plan, image.sample, image.day, {}, {}))
            frame.files[image.kind] = image.file
            frame.generators[image.kind] = image.generator
        return (*(found[key] for key in sorted(found)), *acquired_frames(self.twin))

    def read(self, frame: Frame, layer: Layer) -> Volume:
        """A file that the run names, whose voxels are read when first used.

        Args:
            frame: the day.
            layer: what is wanted of it.
        """
        if not frame.plan:
            return read_acquired(self.twin, frame.files[layer.name], layer)
        return read(self.entry.inside(frame.files[layer.name]), layer.modality, layer.unit)

    def fractions_in(self, frame: Frame) -> int:
        """The fractions that a plan has given up to a day.

        Args:
            frame: the day.
        """
        events = self.imaged("events").filter(
            (pl.col("plan") == frame.plan)
            & (pl.col("kind") == "fraction")
            & (pl.col("day") <= frame.day + 1e-6)
        )
        return len(events)

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

    @cached_property
    def dose_statistics(self) -> pl.DataFrame:
        """What the histograms say in numbers, with the columns of `scenarios.report.dose_statistics.SCHEMA`."""
        volumes = {s.name: s.cm3 for s in self.twin.contours}
        return dose_statistics(self.table("dvh"), self.record.plans, volumes)

    @property
    def shown_sample(self) -> int:
        """The sample that stands for all."""
        return self.record.shown_sample

    def standing(self, frame: Frame) -> str:
        """Where a frame's sample lies among all on its day, the volume in its image, and which others are shown.

        Args:
            frame: the day.
        """
        day = round(frame.day, 6)
        found = self._percentiles.get((frame.plan, frame.sample, day))
        if found is None:
            return ""
        cm3 = self._drawn_cm3.get((frame.plan, frame.sample, day))
        others = [
            _ordinal(share)
            for (plan, sample, on), share in sorted(self._percentiles.items(), key=lambda item: item[1])
            if (plan, on) == (frame.plan, day) and sample != frame.sample
        ]
        volume = "" if cm3 is None else f", {cm3:.1f} cm\u00b3 on this day"
        also = f"; shown also: {', '.join(others)}" if others else ""
        return f": {_ordinal(found)} percentile{volume}{also}"

    @cached_property
    def _percentiles(self) -> dict[tuple[str, int, float], float]:
        rows = self.table("imaged").iter_rows(named=True)
        return {(r["plan"], r["sample"], round(r["day"], 6)): r["percentile"] for r in rows}

    @cached_property
    def _drawn_cm3(self) -> dict[tuple[str, int, float], float]:
        rows = self.table("recist").drop_nulls("plan").iter_rows(named=True)
        return {(r["plan"], r["sample"], round(r["day"], 6)): r["cm3"] for r in rows}

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


def _ordinal(percent: float) -> str:
    """A percentile in words.

    Example:
        >>> [_ordinal(p) for p in (50.4, 11.0, 1.6, 92.9)]
        ['50th', '11th', '2nd', '93rd']
    """
    whole = round(percent)
    ending = "th" if 10 < whole % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(whole % 10, "th")
    return f"{whole}{ending}"
