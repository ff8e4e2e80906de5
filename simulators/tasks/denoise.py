"""The task `denoise`: from a noisy CT to the same CT with less noise; whole scans, with a tumour or none."""

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
from simulators.core.chance import Key, Purpose
from simulators.core.imaging import Learned, Paired, Progress
from simulators.insilico.sets import patient_of, twins_in
from simulators.insilico.thorax.texture import ct_noise
from simulators.tasks.body import body
from simulators.tasks.cache import cached_subjects
from simulators.tasks.regrid import best_voxelwise
from simulators.tasks.scan_numbers import scan_numbers
from simulators.tasks.scan_pairs import ScanPair, has_pairs, pairs_in
from twin import InputError, PatientTwin, Volume
from twin.volume import Modality

_CT = Channel(name="ct", unit="HU", low=-1024.0, high=1024.0)
_TASK = Task(name="denoise", source=(_CT,), target=(_CT,), start=(("ct",),))
_SLAB = 16  # slices of a patient that are kept at each level of noise
_PATH_MM = 60.0  # over which tissue is averaged to say how much a ray has met
_JUDGED_HU, _BINS_HU = 40.0, 8.0
_GUARDED_MM, _GUARD_MM, _AIR_HU = 100.0, 2.0, -1000.0  # the middle that a guard looks at, and its voxels


@dataclass(frozen=True)
class DenoiseTask:
    """Slices of a scan as they are, each with its neighbours; what is added to the scan is what the network changes."""

    version: str = "1"
    preferred: str = "regression"
    yardsticks: tuple[str, ...] = ("voxel-wise", "oracle")
    reads: Modality = "CT"
    modality: Modality = "CT"
    training: Mapping[str, Any] = field(
        default_factory=lambda: {
            "window": 96,
            "near_share": 0.0,
            "near_weight": 8.0,
            "widths": (32, 48, 64, 96),
        }
    )
    task: Task = _TASK

    def learned(
        self, sources: Sequence[Path], cache: Path, options: Mapping[str, Any], progress: Progress
    ) -> Learned:
        """The baseline CTs of all twins of some folders, with noise added to them; or pairs as they lie there.

        Args:
            sources: folders of twins, or twins; or folders of pairs (`simulators.tasks.scan_pairs`).
            cache: a twin or pair that lies there already is not read again; a changed one is.
            options: `noise_hu` ((15, 30, 60)), of twins the SDs in the middle of the body, one example each; `grain`
                (false), of pairs of one dose: whether the network's images have `grain_share` given back. That is
                for families whose image is the mean of what may be; others make noise of their own.
            progress: is told what goes on, and which share is done.

        Raises:
            InputError: there is none, an option is unknown, or nobody knows how much grain there was.
        """
        own = dict(options)
        levels, grain = [float(v) for v in own.pop("noise_hu", (15.0, 30.0, 60.0))], own.pop("grain", False)
        if own:
            raise InputError(f"the task denoise knows no option {min(own)!r}; it knows noise_hu and grain")
        if all(map(has_pairs, sources)):
            return self._learned_pairs(sources, cache, grain, progress)
        if grain:
            raise InputError("grain is given back by the dose of pairs; of twins' noise it is not known")
        twins = [twin for folder in sources for twin in twins_in(folder)]
        how = f"{self.task.name} {self.version} {levels}"
        found = cached_subjects(twins, patient_of, cache, how, lambda p, s: _write(p, s, levels), progress)
        return Learned(found, 0, {"domain": {"noise_hu": [min(levels), max(levels)]}})

    def _learned_pairs(
        self, sources: Sequence[Path], cache: Path, grain: bool, progress: Progress
    ) -> Learned:
        pairs = {p.folder: p for folder in sources for p in pairs_in(folder, self.reads)}
        facts = {"grain": grain_share(_dose_of(list(pairs.values())))} if grain else {}
        how = f"{self.task.name} pairs {self.version}"
        found = cached_subjects(
            list(pairs),
            lambda p: pairs[p].patient,
            cache,
            how,
            lambda p, s: _write_pair(pairs[p], s),
            progress,
        )
        return Learned(found, 0, facts)

    def upgraded(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """As it is: there is no older form."""
        return config

    def domain(self, scan: Volume) -> str | None:
        """Why a scan lies outside, or None: it takes CTs."""
        return None if scan.modality == "CT" else f"the scan is {scan.modality}, not CT"

    def numbers(self, scan: Volume) -> np.ndarray:
        """(f,) by which a guard tells how far a CT is from what was learned: of its middle in voxels of 2 mm."""
        n = scan.geometry.shape[0]
        reach = int(_GUARDED_MM / 2 / scan.geometry.spacing_mm[0]) + 1
        part = scan.crop((slice(max(0, n // 2 - reach), n // 2 + reach), slice(None), slice(None)))
        grid = part.geometry.resampled(_GUARD_MM)
        hu = part.on(grid, fill=_AIR_HU)
        found = scan_numbers(hu, np.ones(grid.shape, bool), body(hu), _GUARD_MM)
        return np.append(found, scan.geometry.spacing_mm[:2])

    def encode(self, scan: Volume, slices: int) -> Batch:
        """All slices of a scan, without noise and conditions.

        Args:
            scan: CT in HU.
            slices: that the network sees.
        """
        import torch

        source = stack(torch.from_numpy(_CT.numbers(scan.array)[None]), self.task.source, slices)
        return Batch(source, source.new_zeros(len(source), 0))

    def decode(self, made: np.ndarray, scan: Volume) -> Volume:
        """The scan with what the network changed; what lies beyond its range keeps its value.

        Args:
            made: (z, 1, y, x) numbers.
            scan: what was encoded.
        """
        change = (made[:, 0] - _CT.numbers(scan.array)) * np.float32(_CT.unit_size)
        hu = np.rint(scan.array + change)
        return Volume(scan.geometry, np.clip(hu, -32768, 32767).astype(np.int16), "CT", "HU")

    def patients(self, folder: Path) -> dict[str, Path]:
        """Of several truths of a patient the first, since all have his one baseline scan; or his pairs."""
        if has_pairs(folder):
            return {p.patient: p.folder.parent for p in pairs_in(folder, self.reads)}
        return {patient_of(path): path for path in reversed(twins_in(folder))}

    def cases(self, folder: Path) -> Iterator[Paired]:
        """Each patient of a folder of twins with noise of 40 HU added to his baseline CT, a slab in the middle; or each
        pair of a folder of pairs."""
        if has_pairs(folder):
            yield from (_paired(p.patient, p.source, p.target) for p in pairs_in(folder, self.reads))
            return
        for path in twins_in(folder):
            twin = PatientTwin.load(path)
            clean = _slab(twin.baseline.volume, 0.5)
            chance = Key(0, twin.id, Purpose.IMAGE).generator()
            yield _paired(twin.id, noisy(clean, _JUDGED_HU, chance), clean)

    def figures(self, made: Volume, case: Paired) -> dict[str, float]:
        """No more than errors."""
        return {}

    def classical(self, scan: Volume) -> Volume:
        """Non-local means, slice by slice (Buades, Coll and Morel, CVPR 2005)."""
        from simulators.tasks.nonlocal_means import denoised

        smooth = denoised(scan.array, body(scan.array))
        return Volume(scan.geometry, np.rint(smooth).astype(np.int16), "CT", "HU")


def grain_share(dose: float) -> float:
    """Share of what a network took from a CT of a low dose that makes it as noisy again as one of the whole dose.

    At a share d of the dose noise is the whole dose's, of variance 1, and what the lower dose adds to it, 1/d - 1. The
    best guess of the first is d times their sum (regression of a part on the sum): that is what a network keeps that
    comes as near as it can to the whole dose's CT. Of variance 1 is sqrt(d) times the sum. So (sqrt(d) - d) / (1 - d)
    of what was taken is lacking.

    Args:
        dose: of the CT, a share of the whole, below 1.

    Example:
        >>> round(grain_share(0.25), 4)
        0.3333
    """
    return float(np.sqrt(dose) / (1.0 + np.sqrt(dose)))


def noisy(scan: Volume, sd_hu: float, chance: np.random.Generator) -> Volume:
    """A CT with the coloured noise of a filtered back-projection added, more of it behind more tissue.

    Noise grows as the root of the number of photons lost, exp(mu L / 2) (Kalender, Computed Tomography, 2011, chapter
    4); L is taken from tissue averaged around each voxel, so that this is no projection: it makes pairs to learn from.

    Args:
        scan: CT in HU.
        sd_hu: SD where there is as much tissue as in the middle of the scan's densest slice.
        chance: of the noise.
    """
    from scipy.ndimage import gaussian_filter

    z, y, x = scan.geometry.spacing_mm
    density = np.clip(scan.array / 1000.0 + 1.0, 0.0, 2.0).astype(np.float32)
    met = gaussian_filter(density, (_PATH_MM / z / 2, _PATH_MM / y, _PATH_MM / x), mode="constant")
    level = np.exp(1.5 * (met / met.max() - 1.0))
    hu = scan.array + sd_hu * level * ct_noise(scan.array.shape, y, chance)
    return Volume(scan.geometry, np.rint(hu).astype(np.int16), "CT", "HU")


def _slab(scan: Volume, at: float) -> Volume:
    """Some slices of a scan; `at` says where, from 0 to 1."""
    n = scan.geometry.shape[0]
    first = round(at * max(0, n - _SLAB))
    return scan.crop((slice(first, min(n, first + _SLAB)), slice(None), slice(None)))


def _paired(patient: str, source: Volume, truth: Volume) -> Paired:
    region = body(truth.array)
    guess = best_voxelwise(source.array, truth.array, region, _BINS_HU)
    guessed = Volume(source.geometry, np.rint(guess).astype(np.int16), "CT", "HU")
    return Paired(patient, source, truth, region, {}, {"voxel-wise": guessed, "oracle": truth})


def _dose_of(pairs: Sequence[ScanPair]) -> float:
    doses = {p.facts.get("dose") for p in pairs}
    if len(doses) > 1 or None in doses:
        raise InputError("grain is given back where all pairs are of one dose, as their pair.json says it")
    return float(doses.pop())  # type: ignore[arg-type]  # there is none among them


def _write_pair(pair: ScanPair, subject: Subject) -> None:
    seen, clean = pair.source, pair.target
    if not seen.geometry.same_grid(clean.geometry):
        raise InputError(f"{pair.folder}: source and target of denoise must lie on one grid")
    near = body(clean.array)
    example = Example(_CT.numbers(seen.array)[None], _CT.numbers(clean.array)[None], near=near)
    subject.write(subject.patient, subject.stem, [example], np.empty((1, 0)))


def _write(path: Path, subject: Subject, levels: Sequence[float]) -> None:
    twin = PatientTwin.load(path)
    chance = Key(0, twin.id, Purpose.IMAGE).generator()
    examples = []
    for sd_hu in levels:
        clean = _slab(twin.baseline.volume, chance.uniform())
        seen = noisy(clean, sd_hu, chance)
        inside = body(clean.array)
        examples.append(Example(_CT.numbers(seen.array)[None], _CT.numbers(clean.array)[None], near=inside))
    subject.write(subject.patient, subject.stem, examples, np.empty((len(examples), 0)))


TASK = DenoiseTask()
