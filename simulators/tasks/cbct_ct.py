"""The task `cbct-ct`: from the cone-beam CT of the day to a CT of the day (a synthetic CT); whole scans of any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.batch import Batch
from models.channel import Channel
from models.condition import Condition
from models.data.examples import Example, Subject
from models.data.stack import stack
from models.guard import Guard
from models.task import Task
from simulators.core.chance import Key, Purpose
from simulators.core.imaging import Learned, Paired, Progress
from simulators.tasks.body import body
from simulators.tasks.cache import cached_pairs
from simulators.tasks.cone_beam import (
    AXIS,
    CBCT,
    GRID_MM,
    WIDE,
    Prepared,
    about_body,
    field_of_view,
    on_working_grid,
    prepared,
    shown,
    within,
    working_grid,
)
from simulators.tasks.regrid import nearest_beyond
from simulators.tasks.scan_numbers import scan_numbers
from simulators.tasks.scan_pairs import ScanPair, pairs_in
from simulators.tasks.scan_scores import figures, regions, yardsticks
from simulators.tasks.scan_traces import scan_traces
from twin import InputError, Volume
from twin.files.atomic import atomic_file
from twin.structures import bounding_box
from twin.volume import Modality

_CT = Channel(name="ct", unit="HU", low=-1024.0, high=2048.0)
_TASK = Task(
    name="cbct-ct",
    source=(CBCT, WIDE, AXIS),
    target=(_CT,),
    start=(("cbct",),),
    conditions=tuple(Condition(name=n) for n in ("soft_hu", "lung_hu", "noise_hu", "voxel_mm")),
)
_COARSEST_MM = 6.0
_SHORTEST = 3  # slices
_LEAST_CM3 = 500.0  # of a body
READ = ("dose", "scatter", "motion", "kernel")  # of how a scan was taken, by its guard
_MARGIN = 12  # voxels around the body that are learned from
# Of each pair a second example, with its smooth error taken times a number of this range; how smooth.
_SHADING, _SHADING_MM = (-1.2, 1.8), (8.0, 25.0)


@dataclass(frozen=True)
class CbctCtTask:
    """Slices of 2 mm, each with its neighbours; what lies outside the field of view keeps its value."""

    version: str = "4"
    preferred: str = "bridge"
    yardsticks: tuple[str, ...] = ("uncorrected", "voxel-wise", "oracle")
    reads: Modality = "CBCT"
    modality: Modality = "CT"
    training: Mapping[str, Any] = field(
        default_factory=lambda: {
            "window": 96,
            "near_share": 0.0,
            "near_weight": 12.0,
            "batch_slices": 8,
            "batch_volumes": 8,
            "widths": (32, 48, 64, 96),
            "embedding": 64,
            "drop": {"each": 0.0, "all": 0.0, "drawn": 0.0, "quantiles": 0.0},
            "ema": 0.995,
            "warmup_steps": 50,
            "sharpened": (0.0, 0.05),  # errors of a scanner are no rare events
        }
    )
    task: Task = _TASK

    field = staticmethod(field_of_view)
    figures = staticmethod(figures)

    def learned(
        self, sources: Sequence[Path], cache: Path, options: Mapping[str, Any], progress: Progress
    ) -> Learned:
        """The pairs of some folders (`simulators.tasks.scan_pairs`) around the body, each with other shading too.

        Args:
            sources: folders of pairs.
            cache: a pair that lies there already is not read again; a changed one is.
            options: none.
            progress: is told what goes on, and which share is done.

        Raises:
            InputError: there is none, or an option is given.
        """
        both: tuple[Modality, Modality] = (self.reads, "CT")
        found = cached_pairs(self.task.name, self.version, both, sources, cache, options, _write, progress)
        told = [np.load(_numbers_file(s)) for s in found]
        guard = guard_of(
            [t[: -len(READ)] for t in told], [t[-len(READ) :] for t in told], [s.patient for s in found]
        )
        return Learned(found, 0, {"guard": guard.facts()})

    def numbers(self, scan: Volume) -> np.ndarray:
        """(f,) by which a guard tells how far a scan is from what was learned (`models.guard`)."""
        return _numbers(scan, *on_working_grid(scan, self.field(scan)))

    def upgraded(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """As it is: there is no older form."""
        return config

    def domain(self, scan: Volume) -> str | None:
        """Why a scan lies outside, or None: it takes cone-beam CTs that show a body."""
        if scan.modality != self.reads:
            return f"the scan is {scan.modality}, not {self.reads}"
        coarsest = max(scan.geometry.spacing_mm)
        if coarsest > _COARSEST_MM:
            return f"its voxels are {coarsest:g} mm long; {_COARSEST_MM:g} mm is the most"
        if scan.geometry.shape[0] < _SHORTEST:
            return f"it has {scan.geometry.shape[0]} slices; {_SHORTEST} are the fewest"
        cm3 = np.count_nonzero(body(scan.array) & self.field(scan)) * scan.geometry.voxel_cm3
        return None if cm3 >= _LEAST_CM3 else "no body is found in it"

    def encode(self, scan: Volume, slices: int) -> Batch:
        """All slices of a scan about its body, in pixels of 2 mm.

        Args:
            scan: cone-beam CT in HU.
            slices: that the network sees.
        """
        import torch

        given = prepared(scan, self.field(scan))
        rows, columns = about_body(scan, self.field(scan))
        seen = np.ascontiguousarray(given.source[:, :, rows, columns])
        source = stack(torch.from_numpy(seen), self.task.source, slices)
        return Batch(source, torch.from_numpy(given.vector).expand(len(source), -1).contiguous())

    def decode(self, made: np.ndarray, scan: Volume) -> Volume:
        """The synthetic CT on the scan's grid; what is outside its field, far from the body or above the range stays.

        Args:
            made: (z, 1, y, x) numbers, in voxels of 2 mm.
            scan: what was encoded.
        """
        inside = self.field(scan)
        whole, near = working_grid(scan.geometry), about_body(scan, inside)
        grid = whole.crop((slice(0, whole.shape[0]), *near))
        hu = Volume(grid, _CT.values(made[:, 0]), "CT", "HU")
        inside = inside & within(grid, scan.geometry) & (scan.array <= CBCT.high)
        there = nearest_beyond(hu).on(scan.geometry)
        out = np.where(inside, np.rint(there), scan.array)
        return Volume(scan.geometry, np.clip(out, -32768, 32767).astype(np.int16), "CT", "HU")

    def patients(self, folder: Path) -> dict[str, Path]:
        """Each patient of a folder of pairs; all his scans are judged."""
        return {p.patient: p.folder.parent for p in pairs_in(folder, self.reads)}

    def cases(self, folder: Path) -> Iterator[Paired]:
        """The pairs of a folder, each on its source's grid, judged where the field of view shows the body."""
        for pair in pairs_in(folder, self.reads):
            grid = pair.source.geometry
            truth = Volume(grid, np.rint(pair.target.on(grid, fill=-1000.0)).astype(np.int16), "CT", "HU")
            region = body(truth.array) & self.field(pair.source) & self._seen(pair)
            if not region.any():
                raise InputError(f"{pair.folder}: source and target show no body in one place")
            yield Paired(pair.patient, pair.source, truth, region, regions(truth, region, pair.mask("gtv", grid)),
                         yardsticks(pair, truth, region))  # fmt: skip

    @staticmethod
    def _seen(pair: ScanPair) -> np.ndarray:
        """(z, y, x) bool on the source's grid: where there is a target at all."""
        ones = Volume(pair.target.geometry, np.ones(pair.target.geometry.shape, np.float32), "MASK", "1")
        return ones.on(pair.source.geometry) > 0.5

    def classical(self, scan: Volume) -> Volume:
        """Histograms matched by tissue: lung and soft tissue are moved to -820 and 40 HU, linearly between them."""
        given = prepared(scan, self.field(scan))
        soft, lung = float(given.vector[0]), float(given.vector[1])
        hu = np.interp(scan.array, [-1024.0, lung, soft, soft + 2000.0], [-1024.0, -820.0, 40.0, 2040.0])
        out = np.where(self.field(scan), np.rint(hu), scan.array)
        return Volume(scan.geometry, out.astype(np.int16), "CT", "HU")


def _write(pair: ScanPair, subject: Subject) -> None:
    given = prepared(pair.source, TASK.field(pair.source))
    grid = given.scan.geometry
    truth = pair.target.on(grid, fill=-1000.0)
    box = bounding_box(given.body, (0, _MARGIN, _MARGIN))
    wanted = np.where(given.field, truth, given.scan.array)[box]
    near = (body(truth) & given.field)[box]
    examples = [Example(given.source[(slice(None), *box)], _CT.numbers(wanted)[None], near=near)]
    shaded = _shaded(given, truth, near_of=body(truth) & given.field, patient=pair.patient)
    examples.append(Example(shaded.source[(slice(None), *box)], examples[0].target, near=near))
    with atomic_file(_numbers_file(subject)) as part, part.open("wb") as file:
        np.save(file, np.append(_numbers(pair.source, given.scan, given.field, given.body), taken(pair)))
    subject.write(subject.patient, subject.stem, examples, np.stack([given.vector, shaded.vector]))


def taken(pair: ScanPair) -> np.ndarray:
    """(r,) of `READ`: how a scan was taken, nan where its `pair.json` does not say.

    Args:
        pair: the scan's.
    """
    told = pair.facts
    if not {"dose", "scatter", "believed", "breath_mm", "hann"} <= set(told):
        return np.full(len(READ), np.nan)
    left = told["scatter"] * (1 - told["believed"])  # of scatter, after the vendor's correction
    return np.array([np.log(told["dose"]), left, told["breath_mm"], told["hann"]])


def guard_of(numbers: Sequence[np.ndarray], how: Sequence[np.ndarray], patients: Sequence[str]) -> Guard:
    """The guard of some scans; it reads how they were taken where that is known of all.

    Args:
        numbers, how: of each scan, as `CbctCtTask.numbers` and `taken`.
        patients: whose each is.
    """
    known = {
        name: column
        for name, column in zip(READ, np.transpose(how), strict=True)
        if np.isfinite(column).all()
    }
    return Guard.fitted(np.stack(numbers), patients, known)


def _numbers(scan: Volume, even: Volume, inside: np.ndarray, there: np.ndarray) -> np.ndarray:
    whole = scan_numbers(even.array, inside, there, GRID_MM)
    traces = scan_traces(scan.array, body(scan.array) & TASK.field(scan), scan.geometry.spacing_mm[0])
    return np.array([*whole, max(scan.geometry.spacing_mm), *traces])


def _numbers_file(subject: Subject) -> Path:
    return subject.stem.with_name(f"{subject.stem.name}.numbers.npy")


def _shaded(given: Prepared, truth: np.ndarray, near_of: np.ndarray, patient: str) -> Prepared:
    """The same scan with its shading stronger, weaker or the other way round: corrections err in both directions.

    Args:
        given: the scan.
        truth: (z, y, x) HU.
        near_of: (z, y, x) bool, where both show the body.
        patient: whose; the change is his own.
    """
    from scipy.ndimage import gaussian_filter

    chance = Key(0, patient, Purpose.IMAGE).generator()
    sigma = float(np.exp(chance.uniform(*np.log(_SHADING_MM)))) / GRID_MM
    share = gaussian_filter(near_of.astype(np.float32), sigma, mode="nearest", truncate=2.5)
    error = np.where(near_of, given.scan.array - truth, 0.0).astype(np.float32)
    smooth = gaussian_filter(error, sigma, mode="nearest", truncate=2.5) / np.maximum(share, 0.05)
    change = (chance.uniform(*_SHADING) - 1.0) * smooth * np.minimum(1.0, 2.0 * share)
    image = np.where(given.field, given.scan.array + change.astype(np.float32), given.scan.array)
    scan = Volume(given.scan.geometry, image, given.scan.modality, given.scan.unit)
    return shown(scan, given.field, given.body, float(given.vector[-1]))


TASK = CbctCtTask()
