"""What a run holds: plans compared for one patient, their tables and images, and `run.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from scenarios.records.former import modern
from scenarios.records.layer import Draw, Layer, layers_of_first_format
from scenarios.records.schema import (
    ADDED,
    FIRST_RUN_FORMAT,
    FOURTH_RUN_FORMAT,
    RUN_FORMAT,
    SCHEMAS,
    SECOND_RUN_FORMAT,
    SIMULATED,
    THIRD_RUN_FORMAT,
    table,
)
from twin import InputError, PatientTwin, Volume
from twin.files.atomic import is_taken
from twin.files.json_file import read_json
from twin.files.lock import put_back
from twin.files.tables import read_table


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlanRecord(_Frozen):
    """One plan of a run: what was asked for, how long it took, why it may lie outside the context of use, and by which
    method its dose was calculated."""

    slug: str
    label: str
    total_gy: float
    fractions: int
    end_days: float
    grid: str | None
    context: tuple[str, ...]
    scenario: dict[str, Any]
    dose_method: str | None = None


class PatientRecord(_Frozen):
    """Whom the run is about."""

    id: str
    gtv_cm3: float
    in_silico: bool
    now_days: float


class ImageRecord(_Frozen):
    """One image file of a run, of which layer it is (`kind`), and what made it."""

    plan: str
    sample: int
    day: float
    kind: str
    file: str
    generator: str


class RunRecord(_Frozen):
    """`run.json`: all that is needed to run the comparison again, and what it cost.

    `request` is a hash of what was asked for; runs with equal hashes have equal tables. `layers` says what the kinds of
    its images are and how they are drawn; `assumptions` what is not usual in the prior, the models and the templates,
    in full (`scenarios.records.assumptions.assumed` reads it again); `shown_sample` is the sample with images that
    stands for all, and `scanner_options` how each virtual scanner was set.
    """

    format: Literal["rt-twin-run/5"] = "rt-twin-run/5"
    simulated: str = SIMULATED
    patient: PatientRecord
    plans: tuple[PlanRecord, ...]
    days: float
    samples: int
    image_samples: int
    shown_sample: int = 0
    seed: int
    generator: str
    scanners: tuple[str, ...]
    scanner_options: Mapping[str, Mapping[str, Any]] = {}
    kinetics: str = "standard"
    outcomes: str = "standard"
    dose: str = "approximate"
    assumptions: Mapping[str, Any] = {}
    level: float
    belief: Literal["prior", "posterior"]
    versions: dict[str, str]
    device: str
    request: str
    timings_s: dict[str, float]
    notes: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    images: tuple[ImageRecord, ...] = ()
    baseline: str = "baseline.twin"

    def drawn(self, how: Draw) -> tuple[Layer, ...]:
        """The layers that are drawn in one way, in the order of the list."""
        return tuple(layer for layer in self.layers if layer.draw == how)

    def layer(self, name: str) -> Layer:
        """The layer of a name, which the run has."""
        return next(layer for layer in self.layers if layer.name == name)


@dataclass(frozen=True, eq=False)
class RunImage:
    """One generated image: its record and its voxels (CT and outlines as crops of the baseline's grid)."""

    record: ImageRecord
    volume: Volume


@dataclass(frozen=True, eq=False)
class Run:
    """One twin under several plans with common random numbers, as a run folder keeps it.

    Args:
        record: what was asked for and how it went.
        twin: the patient at the start.
        tables: polars frames by name, with the schemas of `scenarios.records.schema`.
        images: generated images.
    """

    record: RunRecord
    twin: PatientTwin
    tables: Mapping[str, pl.DataFrame]
    images: tuple[RunImage, ...] = ()

    def __getattr__(self, name: str) -> pl.DataFrame:
        tables = self.__dict__.get("tables", {})
        if name in tables:
            return tables[name]
        raise AttributeError(f"a comparison has no {name!r}; its tables are {', '.join(tables)}")

    def __repr__(self) -> str:
        days, samples = f"{self.record.days:g} days", f"{self.record.samples} samples"
        plans = ", ".join(p.label for p in self.record.plans)
        return f"<{type(self).__name__} of {self.twin.id}: {plans}; {days}, {samples}, {len(self.images)} images>"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.tables]

    def stored(self, plan: str, day: float, kind: str, sample: int | None = None) -> Volume | None:
        """The image of a plan's slug on exactly a day, or None where none was made; of the sample that stands for all
        where None is named."""
        sample = self.record.shown_sample if sample is None else sample
        for image in self.images:
            r = image.record
            if (r.plan, r.kind, r.sample) == (plan, kind, sample) and abs(r.day - day) < 1e-6:
                return image.volume
        return None

    def whole(self, part: Volume) -> Volume:
        """A stored part on the grid of the baseline CT: around a CT lies the baseline, around anything else nothing.

        Args:
            part: a follow-up CT or an outline, on a crop of that grid.

        Raises:
            InputError: it lies on other voxels.
        """
        baseline = self.twin.baseline.volume
        box = baseline.geometry.box_of(part.geometry)
        around = (
            baseline.array if part.modality == "CT" else np.zeros(baseline.geometry.shape, part.array.dtype)
        )
        array = np.array(around, dtype=part.array.dtype)
        array[box] = part.array
        return Volume(baseline.geometry, array, part.modality, part.unit)

    def image(
        self, plan: str, day: float, kind: str = "ct", sample: int | None = None, *, within_days: float = 1.0
    ) -> Volume:
        """The image of a plan that was made nearest to a day: a CT or outline as stored, the part that changed.

        Args:
            plan: its label (60/30) or slug (60-30).
            day: from day 0.
            kind: name of the layer: ct, gtv, dose, or a scanner's, as pet-scan.
            sample: of the belief; the one that stands for all where None.
            within_days: how far from the day the image may be, days.

        Raises:
            InputError: there is none; the sentence lists what there is.
        """
        sample = self.record.shown_sample if sample is None else sample
        slugs = {p.label: p.slug for p in self.record.plans}
        slug = slugs.get(plan, plan)
        if slug not in slugs.values():
            raise InputError(f"the run has no plan {plan!r}; its plans are: {', '.join(slugs)}")
        made = [i for i in self.images if i.record.plan == slug]
        for name, wanted in (("kind", kind), ("sample", sample)):
            there = sorted({getattr(i.record, name) for i in made})
            made = [i for i in made if getattr(i.record, name) == wanted]
            if not made:
                listed = ", ".join(map(str, there)) or "none, as none was drawn"
                raise InputError(
                    f"the run has no image of {name} {wanted!r} under {plan}; there are: {listed}"
                )
        nearest = min(made, key=lambda i: abs(i.record.day - day))
        if abs(nearest.record.day - day) > within_days:
            days = ", ".join(f"{i.record.day:.4g}" for i in made)
            near = "a day" if within_days == 1 else f"{within_days:g} days"
            raise InputError(f"the run has no {kind} of {plan} within {near} of day {day:g}; days: {days}")
        return nearest.volume


def may_write(target: Path, request: str) -> bool:
    """Whether the folder holds an earlier run of the same request, which is replaced.

    Raises:
        InputError: it holds something else.
    """
    if not is_taken(target):
        return False
    if target.is_dir() and (target / "run.json").is_file() and read_record(target).request == request:
        return True
    raise InputError(f"{target} exists with other content; choose another --out or remove it")


def read_record(path: Path) -> RunRecord:
    """The `run.json` of a run folder.

    Raises:
        InputError: no such run, a newer format, or a broken file.
    """
    put_back(path)
    file = path / "run.json"
    if not file.exists():
        raise InputError(f"{path} is not a run folder: it has no run.json")
    data = read_json(file)
    found = data.get("format") if isinstance(data, dict) else None
    if found == FIRST_RUN_FORMAT:
        data = _from_first_format(data)
    elif found in (SECOND_RUN_FORMAT, THIRD_RUN_FORMAT, FOURTH_RUN_FORMAT):
        data = {**data, "format": RUN_FORMAT}
    elif found != RUN_FORMAT:
        raise InputError(f"{file} has the format {found!r}; this version reads {RUN_FORMAT}: update rt-twin")
    try:
        record = RunRecord.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{file} is broken at {where}: {first['msg']}") from None
    unlisted = {image.kind for image in record.images} - {layer.name for layer in record.layers}
    if unlisted:
        raise InputError(
            f"{file} is broken: it has images of {', '.join(sorted(unlisted))} but no such layer"
        )
    return record


def read_run_table(folder: Path, name: str) -> pl.DataFrame:
    """One table of a run folder; a table that its release did not know yet is empty, and a column null.

    Args:
        folder: the run.
        name: of the table.

    Raises:
        InputError: it is missing or damaged.
    """
    file = folder / f"{name}.parquet"
    if name in ADDED and not file.exists():
        return table(name, [])
    schema = SCHEMAS[name]
    try:
        return read_table(file, schema, lambda frame: modern(name, frame, schema))
    except InputError as error:
        raise InputError(f"{error}; run the comparison again") from None


def _from_first_format(data: dict[str, Any]) -> dict[str, Any]:
    """The record of a run that was made before runs listed their layers."""
    images = data.get("images")
    kinds = [str(i.get("kind")) for i in images if isinstance(i, dict)] if isinstance(images, list) else []
    return {**data, "format": RUN_FORMAT, "layers": layers_of_first_format(kinds)}
