"""The judge of a benchmark: fifteen scores, radiomics, lesions and detection of each contestant on each person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.metrics.ct import encoded, unpaired_scores
from models.metrics.natural import perceived_spoiling
from models.metrics.observer import detectability
from models.metrics.paired import paired_scores
from models.metrics.radiomics import NAMES, radiomics
from scenarios.benchmark.scans import ScanJudge, by_part
from simulators.anatomy.grain import given_back
from simulators.core.imaging import TASKS, Paired, ScanTask
from twin import Volume

_LEAST_SIDE = 48  # voxels of a slice, so that all windows fit
OF_SCAN = "@"  # before a scan's name, in scores of one scan alone
DETECTED = ("denoise",)  # directions in which lesions must stay to be seen
GRAINED = "classical+grain"
# Of 0 to 0.6 the nearest in noise spectrum, on people who were learned from (`benchmarks/given_back.py`).
_GRAIN = 1 / 3
_NODULE_HU, _APART = 15.0, 24  # height, voxels between two
# Width at half height; channels of wider ones would see the air beside a limb.
_NODULES_MM = {"detection_auc_4mm": 4.0, "detection_auc_6mm": 6.0, "detection_auc": 8.0}
_SQUARE, _MOST_NODULES = 21, 60


@dataclass(frozen=True)
class SuiteJudge(ScanJudge):
    """Beside the yardsticks of the task.

    Args:
        people: who is judged on: the test part of the split.
        slices: of an image that are scored, at most.
    """

    people: tuple[str, ...] = ()
    slices: int = 16

    @property
    def yardsticks(self) -> Sequence[str]:
        """In denoising also what is done without learning with grain given back, so that networks have no advantage."""
        return (*super().yardsticks, *((GRAINED,) if self.task in DETECTED else ()))

    def patients(self, folder: Path) -> list[dict[str, Any]]:
        """The test part of a folder of pairs."""
        return [{"id": name, "path": str((folder / name).resolve())} for name in self.people]

    def request(self, folder: Path) -> Mapping[str, Any]:
        """As `ScanJudge`, and that it is a benchmark's."""
        return {**super().request(folder), "judge": "benchmark/3", "slices": self.slices}

    def made(self, imaging: ScanTask, case: Paired, name: str) -> Volume | None:
        """What a contestant makes of a case; None where the case does not have it."""
        if name == GRAINED:
            return given_back(imaging.classical(case.source), case.source, _GRAIN)
        return super().made(imaging, case, name)

    def values(self, imaging: ScanTask, made: Volume, case: Paired, name: str) -> dict[str, float]:
        """The paired scores in some slices, by part and figures of the whole image, scores without a true image,
        radiomics, and how well nodules are told; of a CT also what good CTs say of it."""
        channel = imaging.task.target[0]
        unit, low, high = channel.unit.lower(), channel.low, channel.high
        one, other, where = self._slices(made, case)
        found = paired_scores(one, other, where, low, high)
        renamed = {"mae": f"mae_{unit}", "rmse": f"rmse_{unit}"}
        values = {renamed.get(k, k): v for k, v in found.items()}
        values[f"bias_{unit}"] = float((made.array.astype(np.float64) - case.truth.array)[case.region].mean())
        values |= by_part(made, case, unit) | imaging.figures(made, case)
        values["piqe"] = perceived_spoiling(one, where, low, high)
        if channel.unit == "HU":
            values |= unpaired_scores(one, where)
            values |= {f"encoder_{k:02}": float(v) for k, v in enumerate(encoded(one, where))}
        lesion = case.regions.get("lesion", case.regions.get("tumour"))
        if lesion is not None:
            values["lesion_cm3"] = float(lesion.sum()) * case.truth.geometry.voxel_cm3
        if self.task in DETECTED and name != "voxel-wise":
            values |= self._detected(case, made, name)
        of = {n: radiomics(v, where, low, high) for n, v in (("made", one), ("true", other))}
        values |= {f"radiomics_{n}": float(v) for n, v in zip(NAMES, of["made"], strict=True)}
        if case.scan:
            values |= {f"radiomics_{n}{OF_SCAN}{case.scan}": values[f"radiomics_{n}"] for n in NAMES}
        apart = np.abs(of["made"] - of["true"]) / np.maximum(np.abs(of["true"]), 1e-6)
        return values | {"radiomics_error": float(apart.mean())}

    def _slices(self, made: Volume, case: Paired) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Some slices of image, truth and part, of a size that all scores can look at."""
        there = np.flatnonzero(case.region.any(axis=(1, 2)))
        some = there[np.unique(np.linspace(0, len(there) - 1, self.slices).round().astype(int))]
        lacks = [(0, max(0, _LEAST_SIDE - n)) for n in case.region.shape[1:]]
        one, other = (
            np.pad(np.asarray(v.array[some], np.float32), [(0, 0), *lacks], mode="edge")
            for v in (made, case.truth)
        )
        return one, other, np.pad(case.region[some], [(0, 0), *lacks])

    def _detected(self, case: Paired, without: Volume, name: str) -> dict[str, float]:
        """How well nodules that are laid into source and truth are told from the same places without them, by size."""
        places, found = _places(case), {}
        if len(places) < _SQUARE:
            return {}
        imaging: ScanTask = TASKS[self.task]
        for score, size_mm in _NODULES_MM.items():
            truth = _laid(case.truth, places, size_mm)
            laid = replace(
                case, source=_laid(case.source, places, size_mm), truth=truth, yardsticks={"oracle": truth}
            )
            made = self.made(imaging, laid, name)
            assert made is not None  # who made the one makes the other
            with_, none = (
                np.stack([_square(v.array, at) for at in places]).astype(np.float64) for v in (made, without)
            )
            found[score] = detectability(with_, none, size_mm / case.source.geometry.spacing_mm[1] * 2)
        return found


def _places(case: Paired) -> np.ndarray:
    """(n, 3) voxels in soft tissue, so far from one another and from its edge that squares about them do not meet."""
    from scipy.ndimage import binary_erosion, uniform_filter

    hu = uniform_filter(case.truth.array.astype(np.float32), (1, 5, 5))
    soft = case.region & (hu > -50) & (hu < 120)
    inner = binary_erosion(soft, np.ones((1, 5, 5), bool))
    half = _SQUARE // 2
    found: list[tuple[int, int, int]] = []
    for z in range(inner.shape[0]):
        free = inner[z].copy()
        free[:half] = free[-half:] = False
        free[:, :half] = free[:, -half:] = False
        while free.any() and len(found) < _MOST_NODULES:
            y, x = np.argwhere(free)[0]
            found.append((z, int(y), int(x)))
            free[max(0, y - _APART) : y + _APART, max(0, x - _APART) : x + _APART] = False
    return np.array(found, int).reshape(-1, 3)


def _laid(scan: Volume, places: np.ndarray, size_mm: float) -> Volume:
    """A scan with nodules, whose density falls off as a Gaussian, each in one slice."""
    hu = scan.array.astype(np.float32).copy()
    sd = size_mm / 2.355 / scan.geometry.spacing_mm[1]
    at = np.arange(_SQUARE) - _SQUARE // 2
    nodule = _NODULE_HU * np.exp(-(at[:, None] ** 2 + at**2) / (2 * sd**2))
    for z, y, x in places:
        box = (z, *(slice(v - _SQUARE // 2, v + _SQUARE // 2 + 1) for v in (y, x)))
        hu[box] += nodule
    return Volume(scan.geometry, np.rint(hu).astype(np.int16), scan.modality, scan.unit)


def _square(image: np.ndarray, at: np.ndarray) -> np.ndarray:
    z, y, x = (int(v) for v in at)
    half = _SQUARE // 2
    return image[z, y - half : y + half + 1, x - half : x + half + 1]
