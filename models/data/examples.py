"""Examples to learn from, as memory-mapped half-precision arrays: more than fit into memory, slice by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.data.stack import depth, offsets

_NEAR_SLICES = 8  # from the tumour's ends count as near it: 16 mm
_SPARSE = 4  # every fourth slice tells how much changed
_NOISE = 0.1  # a change by less, about 100 HU, does not count


@dataclass(frozen=True, eq=False)
class Subject:
    """The examples of one patient in files `STEM.before.npy`, `.after.npy`, `.near.npy`, `.outcomes.npy` and
    `.vectors.npy`.

    Args:
        patient: who, for splits.
        stem: path of the files without their endings.
    """

    patient: str
    stem: Path

    @classmethod
    def write(
        cls,
        patient: str,
        stem: Path,
        volumes: Sequence[tuple[np.ndarray, np.ndarray]],
        vectors: np.ndarray,
        outcomes: np.ndarray | None = None,
    ) -> Subject:
        """Write a patient's examples.

        Args:
            patient: who.
            stem: path of the files without their endings.
            volumes: of each of the first examples, image (c, z, y, x) and target (2, z, y, x); there may be none.
            vectors: (n, f) of all examples, those with volumes first.
            outcomes: (m, f) conditions with the relative volumes that came of them, for whoever forecasts volumes;
                those of the examples where None.
        """
        before = [np.concatenate([i, depth(torch.from_numpy(i[1])).numpy()[None]]) for i, _ in volumes]
        after = [t for _, t in volumes]
        arrays = {
            "before": _slices(before),
            "after": _slices(after),
            "near": np.array([_near(i[1], t[1]) for i, t in volumes]),
            "outcomes": np.asarray(vectors if outcomes is None else outcomes, np.float32),
            "vectors": np.asarray(vectors, np.float32),
        }
        stem.parent.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():  # the vectors last: they say that all is there
            part = stem.with_name(f".{stem.name}.{name}.part.npy")
            np.save(part, np.ascontiguousarray(array))
            part.rename(stem.with_name(f"{stem.name}.{name}.npy"))
        return cls(patient, stem)

    @property
    def exists(self) -> bool:
        """Whether the files are there."""
        return self._file("vectors").is_file()

    @cached_property
    def vectors(self) -> np.ndarray:
        """(n, f)."""
        return np.load(self._file("vectors"))

    @cached_property
    def outcomes(self) -> np.ndarray:
        """(m, f): conditions with the relative volumes that came of them, from the first image on, before treatment.

        From a later one it is not known what was done before: no dose since may mean none at all, or a course that
        has just ended.
        """
        return np.load(self._file("outcomes"))

    @cached_property
    def before(self) -> np.ndarray:
        """(m, z, c + 1, y, x) float16, the depth last."""
        return np.load(self._file("before"), mmap_mode="r")

    @cached_property
    def after(self) -> np.ndarray:
        """(m, z, 2, y, x) float16."""
        return np.load(self._file("after"), mmap_mode="r")

    @cached_property
    def near(self) -> np.ndarray:
        """(m, 2): of each example, the first slice near the tumour before or after, and the first beyond it."""
        return np.load(self._file("near"))

    def _file(self, name: str) -> Path:
        return self.stem.with_name(f"{self.stem.name}.{name}.npy")


@dataclass(frozen=True, eq=False)
class Examples:
    """Batches of slices from the examples of several patients; what is in a batch follows from seed and step alone.

    Args:
        subjects: the patients.
        slices: that a model sees.
        batch: slices in a batch.
        volumes: examples that they come from.
        near_share: how many of them lie in or around the tumour.
        window: pixels of a window at a random place of the slice, a square; the whole slice where 0.
        coarsen: pixels are pooled by this factor.
        seed: of the order.
    """

    subjects: Sequence[Subject]
    slices: int
    batch: int = 16
    volumes: int = 4
    near_share: float = 0.8
    window: int = 0
    coarsen: int = 1
    seed: int = 0

    @cached_property
    def index(self) -> list[tuple[int, int]]:
        """Subject and example of each example with volumes."""
        return [(i, j) for i, s in enumerate(self.subjects) for j in range(len(s.before))]

    @cached_property
    def vectors(self) -> np.ndarray:
        """(n, f) of all examples."""
        return np.concatenate([s.vectors for s in self.subjects])

    @cached_property
    def change_share(self) -> np.ndarray:
        """(n,) share of each example with volumes in all change of images beyond noise, by some of their slices."""
        found = []
        for i, j in self.index:
            before, after = self.subjects[i].before[j, ::_SPARSE, 0], self.subjects[i].after[j, ::_SPARSE, 0]
            beyond = np.abs(after.astype(np.float32) - before) - _NOISE
            found.append(float(np.maximum(beyond, 0.0).mean()))
        change = np.array(found) + 1e-6
        return change / change.sum()

    def at(self, step: int, *, by_change: bool = False) -> Mapping[str, Tensor]:
        """The batch of a step: `image` (b, C, y, x), `vector` (b, f), `target` (b, 2, y, x).

        All examples are gone through in a new order each time, so that none is left out; half of the slices are
        mirrored, left to right.

        Args:
            step: which one.
            by_change: every other example is drawn in proportion to its change instead, so that what happens to few
                patients, but much, is seen often.
        """
        n = len(self.index)
        images, vectors, targets = [], [], []
        for k in range(step * self.volumes, (step + 1) * self.volumes):
            order = np.random.default_rng((self.seed, k // n)).permutation(n)
            chance = np.random.default_rng((self.seed, k, 1))
            which = order[k % n]
            if by_change and k % 2:
                which = chance.choice(n, p=self.change_share)
            i, j = self.index[which]
            subject = self.subjects[i]
            for _ in range(self.batch // self.volumes):
                bounds = (
                    subject.near[j] if chance.random() < self.near_share else (0, subject.before.shape[1])
                )
                z = int(chance.integers(*bounds))
                corner = [int(chance.integers(n + 1)) for n in self._play(subject)]
                image, target = self._slice(subject, j, z, corner)
                turn = -1 if chance.random() < 0.5 else 1
                images.append(image[..., ::turn])
                targets.append(target[..., ::turn])
                vectors.append(subject.vectors[j])
        batch = {"image": np.stack(images), "target": np.stack(targets), "vector": np.stack(vectors)}
        tensors = {k: torch.from_numpy(v) for k, v in batch.items()}
        if self.coarsen > 1:
            for name in ("image", "target"):
                tensors[name] = torch.nn.functional.avg_pool2d(tensors[name], self.coarsen)
        return tensors

    def _play(self, subject: Subject) -> list[int]:
        """How far the window can move along y and x."""
        return [max(0, n - self.window) if self.window else 0 for n in subject.before.shape[-2:]]

    def _slice(
        self, subject: Subject, example: int, z: int, corner: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Image and target of one slice, as `models.data.stack.stack` would give it, in the window from a corner on."""
        y, x = (slice(c, c + self.window if self.window else None) for c in corner)
        before = subject.before[example][..., y, x]
        neighbours = [before[min(max(z + o, 0), len(before) - 1), :-1] for o in offsets(self.slices)]
        image = np.concatenate([*neighbours, before[z, -1:]]).astype(np.float32)
        return image, subject.after[example, z, :, y, x].astype(np.float32)


def _slices(volumes: Sequence[np.ndarray]) -> np.ndarray:
    """(m, z, c, y, x) float16 of m volumes (c, z, y, x)."""
    if not volumes:
        return np.zeros((0, 0, 0, 0, 0), np.float16)
    return np.stack(volumes).astype(np.float16).swapaxes(1, 2)


def _near(before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """First slice near a tumour (z, y, x) on one of two dates, and the first beyond it."""
    has = np.asarray(((before > 0.5) | (after > 0.5)).any(axis=(1, 2)))
    z = np.flatnonzero(has) if has.any() else np.arange(len(has))
    return max(0, int(z[0]) - _NEAR_SLICES), min(len(has), int(z[-1]) + _NEAR_SLICES + 1)
