"""What tasks on pairs of scans that lie on one another have in common: slice by slice, in pixels of one size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.batch import Batch
from models.channel import Channel
from models.data.examples import Example, Subject
from models.data.stack import stack
from models.task import Task
from simulators.core.imaging import Learned, Paired, Progress
from simulators.tasks.cache import cached_pairs
from simulators.tasks.regrid import best_voxelwise, brought, nearest_beyond
from simulators.tasks.scan_pairs import UNITS, ScanPair, pairs_in
from twin import Geometry, InputError, Volume
from twin.structures import bounding_box
from twin.volume import Modality

_MARGIN = 4  # pixels around what is looked at that are learned from
_BINS = 200  # of the source's values, for the best voxel-wise guess


@dataclass(frozen=True)
class Registered:
    """A scan becomes another one on its own grid; outside `inside` it gets the value of `outside`.

    Args:
        task: what is translated: one source channel, one target channel.
        reads, modality: of source and target.
        outside: value of the target where nothing is judged.
        pixel_mm: in plane, on which the network works; slices stay as they are; the scan's own pixels where 0.
        coarsest_mm: of a scan's voxels.
        version, preferred, yardsticks, training: as `simulators.core.imaging.ScanTask`.
    """

    task: Task
    reads: Modality
    modality: Modality
    outside: float = 0.0
    pixel_mm: float = 0.0
    coarsest_mm: float = 8.0
    version: str = "1"
    preferred: str = "regression"
    yardsticks: tuple[str, ...] = ("voxel-wise", "oracle")
    training: Mapping[str, Any] = field(
        default_factory=lambda: {
            "window": 96,
            "near_share": 0.0,
            "near_weight": 12.0,
            "batch_slices": 8,
            "batch_volumes": 8,
            "widths": (32, 48, 64, 96),
            "embedding": 64,
            "ema": 0.995,
            "warmup_steps": 50,
            "sharpened": (0.0, 0.05),
            "validation_share": 0.15,
        }
    )

    # -- what the tasks define

    def inside(self, scan: Volume) -> np.ndarray:
        """(z, y, x) bool: where a source shows something to translate."""
        raise NotImplementedError

    def shown(self, scan: Volume) -> np.ndarray:
        """(z, y, x) bool: of what a network is shown the source."""
        return self.inside(scan)

    def source_numbers(self, scan: Volume) -> np.ndarray:
        """(z, y, x) of the source channel, on the scan's own grid: in the channel's unit."""
        return scan.array.astype(np.float32)

    def target_values(self, target: Volume, region: np.ndarray) -> np.ndarray:
        """(z, y, x) of the target channel: in the channel's unit.

        Args:
            target: as it was read, on the source's grid.
            region: (z, y, x) bool, where it is judged.
        """
        return target.array.astype(np.float32)

    def parts(self, truth: Volume, region: np.ndarray, drawn: np.ndarray | None) -> dict[str, np.ndarray]:
        """name -> (z, y, x) bool, where errors are told apart.

        Args:
            truth: what is wanted.
            region: (z, y, x) bool.
            drawn: (z, y, x) bool of the tumour or lesions, where they are drawn.
        """
        return {} if drawn is None else {"lesion": drawn & region}

    def more_yardsticks(self, source: Volume, truth: Volume, region: np.ndarray) -> dict[str, Volume]:
        """What a case has beside the best voxel-wise guess and the oracle."""
        return {}

    def vector(self, facts: Mapping[str, Any] | None) -> np.ndarray:
        """(f,) the task's conditions.

        Args:
            facts: of a pair that is learned from or judged; None of a scan that is translated.
        """
        return np.empty(0, np.float32)

    def judged(self, pair: ScanPair) -> bool:
        """Whether a pair is one of those that a translation without options is judged on."""
        return True

    def figures(self, made: Volume, case: Paired) -> dict[str, float]:
        """No more than errors."""
        return {}

    def classical(self, scan: Volume) -> Volume:
        """What is done without learning."""
        raise NotImplementedError

    # -- the protocol

    def learned(
        self, sources: Sequence[Path], cache: Path, options: Mapping[str, Any], progress: Progress
    ) -> Learned:
        """The pairs of some folders (`simulators.tasks.scan_pairs`), around what they show.

        Args:
            sources: folders of pairs.
            cache: a pair that lies there already is not read again; a changed one is.
            options: none.
            progress: is told what goes on, and which share is done.

        Raises:
            InputError: there is none, or an option is given.
        """
        both = (self.reads, self.modality)
        found = cached_pairs(
            self.task.name, self.version, both, sources, cache, options, self._write, progress
        )
        return Learned(found, 0, {})

    def upgraded(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """As it is: there is no older form."""
        return config

    def numbers(self, scan: Volume) -> np.ndarray | None:
        """None: there is no guard yet."""
        return None

    def domain(self, scan: Volume) -> str | None:
        """Why a scan lies outside, or None."""
        if scan.modality != self.reads:
            return f"the scan is {scan.modality}, not {self.reads}"
        coarsest = max(scan.geometry.spacing_mm)
        if coarsest > self.coarsest_mm:
            return f"its voxels are {coarsest:g} mm long; {self.coarsest_mm:g} mm is the most"
        return None if self.inside(scan).any() else "nothing is found in it that could be translated"

    def encode(self, scan: Volume, slices: int) -> Batch:
        """All slices of a scan, on the network's pixels.

        Args:
            scan: the source.
            slices: that the network sees.
        """
        import torch

        numbers = self._shown(scan, self.grid(scan.geometry))[None]
        source = stack(torch.from_numpy(numbers), self.task.source, slices)
        vector = torch.from_numpy(self.vector(None))
        return Batch(source, vector.expand(len(source), -1).contiguous())

    def decode(self, made: np.ndarray, scan: Volume) -> Volume:
        """The target on the scan's own grid.

        Args:
            made: (z, 1, y, x) numbers, on the network's pixels.
            scan: what was encoded.
        """
        values = self._target.values(made[:, 0])
        grid = self.grid(scan.geometry)
        there = nearest_beyond(Volume(grid, values, self.modality, self._unit)).on(scan.geometry)
        return self.volume(scan.geometry, np.where(self.inside(scan), there, self.outside))

    def patients(self, folder: Path) -> dict[str, Path]:
        """Each patient of a folder of pairs; all his scans are judged."""
        return {p.patient: p.folder.parent for p in pairs_in(folder, self.reads, self.modality)}

    def cases(self, folder: Path) -> Iterator[Paired]:
        """The pairs of a folder, each on its source's grid, judged where the source shows something."""
        for pair in filter(self.judged, pairs_in(folder, self.reads, self.modality)):
            truth, region = self._truth(pair)
            if not region.any():
                raise InputError(f"{pair.folder}: source and target show nothing in one place")
            drawn = pair.mask("gtv", pair.source.geometry)
            parts = {k: v for k, v in self.parts(truth, region, drawn).items() if v.any()}
            low, high = self._source.low, self._source.high
            guess = best_voxelwise(
                np.clip(self.source_numbers(pair.source), low, high),
                truth.array,
                region,
                (high - low) / _BINS,
            )
            beside = {
                "voxel-wise": self.volume(truth.geometry, np.where(region, guess, self.outside)),
                "oracle": truth,
            } | self.more_yardsticks(pair.source, truth, region)
            yield Paired(pair.patient, pair.source, truth, region, parts, beside, pair.folder.name)

    # -- what they share

    def grid(self, geometry: Geometry) -> Geometry:
        """The grid on which the network works, of a scan's own."""
        z, *own = geometry.spacing_mm
        if not self.pixel_mm or np.allclose(own, self.pixel_mm, rtol=0.03):
            return geometry
        return geometry.resampled((z, self.pixel_mm, self.pixel_mm))

    def volume(self, geometry: Geometry, values: np.ndarray) -> Volume:
        """A target of some values: whole HU, other units as they are."""
        if self._unit == "HU":
            values = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
        return Volume(geometry, values if values.dtype == np.int16 else values.astype(np.float32),
                      self.modality, self._unit)  # fmt: skip

    @property
    def _source(self) -> Channel:
        return self.task.source[0]

    @property
    def _target(self) -> Channel:
        return self.task.target[0]

    @property
    def _unit(self):
        return UNITS[self.modality]

    def _shown(self, scan: Volume, grid: Geometry) -> np.ndarray:
        """(z, y, x) float32 numbers of the source channel on the network's grid."""
        values = np.where(self.shown(scan), self.source_numbers(scan), self._source.low)
        return self._source.numbers(brought(Volume(scan.geometry, values, scan.modality, scan.unit), grid))

    def _truth(self, pair: ScanPair) -> tuple[Volume, np.ndarray]:
        """What is wanted on the source's grid, and where."""
        grid = pair.source.geometry
        region = self.inside(pair.source)
        ones = Volume(pair.target.geometry, np.ones(pair.target.geometry.shape, np.float32), "MASK", "1")
        region = region & (ones.on(grid) > 0.5)
        drawn = pair.mask("region", grid)
        if drawn is not None:
            region &= drawn
        there = Volume(grid, pair.target.on(grid, fill=self.outside), self.modality, self._unit)
        values = np.where(region, self.target_values(there, region), self.outside)
        return self.volume(grid, values), region

    def _write(self, pair: ScanPair, subject: Subject) -> None:
        truth, region = self._truth(pair)
        if not region.any():
            raise InputError(f"{pair.folder}: source and target show nothing in one place")
        grid = self.grid(pair.source.geometry)
        there = (
            brought(Volume(region_grid := pair.source.geometry, region.astype(np.float32), "MASK", "1"), grid)
            > 0.5
        )
        wanted = self._target.numbers(
            brought(Volume(region_grid, truth.array, self.modality, self._unit), grid)
        )
        box = bounding_box(there, (0, _MARGIN, _MARGIN))
        shown = self._shown(pair.source, grid)[None][(slice(None), *box)]
        example = Example(shown, wanted[None][(slice(None), *box)], near=there[box])
        subject.write(subject.patient, subject.stem, [example], self.vector(pair.facts)[None])
