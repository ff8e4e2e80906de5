"""Examples to learn from, as memory-mapped half-precision arrays: more than fit into memory, slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from models.batch import Batch
from models.data.stack import offsets
from models.router import Router
from models.task import Task
from twin.errors import InputError
from twin.files.atomic import atomic_file

_SPARSE = 4  # every fourth slice tells how much changed
_NOISE = 0.1  # a change by less, a twentieth of the range, does not count


@dataclass(frozen=True, eq=False)
class Example:
    """A source and its target.

    Args:
        source: (c, z, y, x) float32, the task's source channels.
        target: (T, z, y, x) float32.
        near: (z, y, x) bool where an error counts more, or None.
        focus: the first slice of those that are drawn more often, and the first beyond them; all where None.
    """

    source: np.ndarray
    target: np.ndarray
    near: np.ndarray | None = None
    focus: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Subject:
    """The examples of one patient in files `STEM.source.npy`, `.target.npy`, `.near.npy`, `.focus.npy`,
    `.outcomes.npy` and `.vectors.npy`.

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
        examples: Sequence[Example],
        vectors: np.ndarray,
        outcomes: np.ndarray | None = None,
    ) -> Subject:
        """Write a patient's examples.

        Args:
            patient: who.
            stem: path of the files without their endings.
            examples: the first ones, with their images, all of one shape; there may be none.
            vectors: (n, f) conditions of all examples, those with images first.
            outcomes: (m, f) conditions with values of the condition that the task draws, for whoever forecasts it;
                those of the examples where None.

        Raises:
            InputError: they cannot be written.
        """
        arrays = {
            "source": _slices([e.source for e in examples]),
            "target": _slices([e.target for e in examples]),
            "near": np.stack([_near(e) for e in examples]) if examples else np.zeros((0, 0, 0, 0), bool),
            "focus": np.array([e.focus or (0, e.source.shape[1]) for e in examples]),
            "outcomes": np.asarray(vectors if outcomes is None else outcomes, np.float32),
            "vectors": np.asarray(vectors, np.float32),
        }
        subject = cls(patient, stem)
        for name, array in arrays.items():  # the vectors last: they say that all is there
            with atomic_file(subject._file(name)) as part, part.open("wb") as file:
                np.save(file, np.ascontiguousarray(array))
        return subject

    @property
    def exists(self) -> bool:
        """Whether the files are there."""
        return self._file("vectors").is_file()

    @cached_property
    def vectors(self) -> np.ndarray:
        """(n, f)."""
        return self._array("vectors")

    @cached_property
    def outcomes(self) -> np.ndarray:
        """(m, f): conditions with values of the drawn one that came of them."""
        return self._array("outcomes")

    @cached_property
    def source(self) -> np.ndarray:
        """(m, z, c, y, x) float16."""
        return self._array("source", mapped=True)

    @cached_property
    def target(self) -> np.ndarray:
        """(m, z, T, y, x) float16."""
        return self._array("target", mapped=True)

    @cached_property
    def near(self) -> np.ndarray:
        """(m, z, y, x) bool."""
        return self._array("near", mapped=True)

    @cached_property
    def focus(self) -> np.ndarray:
        """(m, 2): of each example, the first slice of those drawn more often, and the first beyond them."""
        return self._array("focus")

    def _array(self, name: str, *, mapped: bool = False) -> np.ndarray:
        file = self._file(name)
        try:
            return np.load(file, mmap_mode="r" if mapped else None)
        except (OSError, ValueError, EOFError):
            raise InputError(
                f"{file} is damaged or missing; remove the folder {file.parent}, and the examples are made again"
            ) from None

    def _file(self, name: str) -> Path:
        return self.stem.with_name(f"{self.stem.name}.{name}.npy")


@dataclass(frozen=True, eq=False)
class Examples:
    """Batches of slices from the examples of several patients; what is in a batch follows from seed and step alone.

    Args:
        subjects: the patients.
        task: what is translated.
        slices: that a network sees.
        batch: slices in a batch.
        volumes: examples that they come from.
        near_share: how many of them lie in an example's focus.
        window: pixels of a window at a random place of the slice, a square; the whole slice where 0. Where some slices
            are smaller than others, their rims are drawn out until all windows have one size.
        coarsen: pixels are pooled by this factor.
        seed: of the order.
        router: says of each slice which groups it is of, by the first channel of the whole slice.
    """

    subjects: Sequence[Subject]
    task: Task
    slices: int
    batch: int = 16
    volumes: int = 4
    near_share: float = 0.8
    window: int = 0
    coarsen: int = 1
    seed: int = 0
    router: Router | None = None

    @cached_property
    def index(self) -> list[tuple[int, int]]:
        """Subject and example of each example with images."""
        return [(i, j) for i, s in enumerate(self.subjects) for j in range(len(s.source))]

    @cached_property
    def side(self) -> tuple[int, ...]:
        """Pixels of every window along y and x."""
        largest = np.max([s.source.shape[-2:] for s in self.subjects if len(s.source)], axis=0)
        return tuple(int(min(self.window, n)) if self.window else int(n) for n in largest)

    @cached_property
    def change_share(self) -> np.ndarray:
        """(n,) share of each example with images in all change beyond noise, by some of their slices."""
        begins = next((i for i in self.task.begins() if i is not None), 0)
        found = []
        for i, j in self.index:
            before = self.subjects[i].source[j, ::_SPARSE, begins]
            after = self.subjects[i].target[j, ::_SPARSE, 0]
            beyond = np.abs(after.astype(np.float32) - before) - _NOISE
            found.append(float(np.maximum(beyond, 0.0).mean()))
        change = np.array(found) + 1e-6
        return change / change.sum()

    @cached_property
    def groups(self) -> dict[tuple[int, int], np.ndarray]:
        """Subject and example -> (z, g) weights of the slices' groups; none without a router."""
        if self.router is None:
            return {}
        return {(i, j): self.router.weights(self.subjects[i].source[j, :, 0]) for i, j in self.index}

    def at(self, step: int, *, by_change: bool = False) -> Batch:
        """The batch of a step, without noise.

        All examples are gone through in a new order each time, so that none is left out; half of the slices are
        mirrored, left to right.

        Args:
            step: which one.
            by_change: every other example is drawn in proportion to its change instead, so that what happens to few
                patients, but much, is seen often.
        """
        import torch

        n = len(self.index)
        sources, vectors, targets, nears, groups = [], [], [], [], []
        for k in range(step * self.volumes, (step + 1) * self.volumes):
            order = np.random.default_rng((self.seed, k // n)).permutation(n)
            chance = np.random.default_rng((self.seed, k, 1))
            which = order[k % n]
            if by_change and k % 2:
                which = chance.choice(n, p=self.change_share)
            i, j = self.index[which]
            subject = self.subjects[i]
            for _ in range(self.batch // self.volumes):
                every = (0, subject.source.shape[1])
                z = int(chance.integers(*(subject.focus[j] if chance.random() < self.near_share else every)))
                corner = [int(chance.integers(n + 1)) for n in self._play(subject)]
                source, target, near = self._slice(subject, j, z, corner)
                turn = -1 if chance.random() < 0.5 else 1
                sources.append(source[..., ::turn])
                targets.append(target[..., ::turn])
                nears.append(near[..., ::turn])
                vectors.append(subject.vectors[j])
                groups += [self.groups[i, j][z]] if self.groups else []
        made = [torch.from_numpy(np.stack(v)) for v in (sources, vectors, targets, nears)]
        told = torch.from_numpy(np.stack(groups)) if groups else None
        return self._pooled(Batch(made[0], made[1], target=made[2], near=made[3], groups=told))

    def _pooled(self, batch: Batch) -> Batch:
        if self.coarsen == 1 or batch.target is None or batch.near is None:
            return batch
        import torch

        pool = torch.nn.functional.avg_pool2d
        near = pool(batch.near.float()[:, None], self.coarsen)[:, 0] > 0
        source, target = (pool(t, self.coarsen) for t in (batch.source, batch.target))
        return replace(batch, source=source, target=target, near=near)

    def _play(self, subject: Subject) -> list[int]:
        """How far the window can move along y and x."""
        return [max(0, n - self.window) if self.window else 0 for n in subject.source.shape[-2:]]

    def _slice(
        self, subject: Subject, example: int, z: int, corner: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Source, target and near of one slice, as `models.data.stack.stack` would give it, in the window from a corner
        on."""
        y, x = (slice(c, c + self.window if self.window else None) for c in corner)
        volume = subject.source[example][..., y, x]
        own = sum(not c.whole for c in self.task.source)
        seen = [volume[min(max(z + o, 0), len(volume) - 1), :own] for o in offsets(self.slices)]
        source = np.concatenate([*seen, volume[z, own:]]).astype(np.float32)
        target = subject.target[example, z, :, y, x].astype(np.float32)
        near = np.asarray(subject.near[example, z, y, x])
        return self._filled(source, "edge"), self._filled(target, "edge"), self._filled(near, "constant")

    def _filled(self, plane: np.ndarray, how: Literal["edge", "constant"]) -> np.ndarray:
        """(..., y, x) up to the size of a window."""
        lacks = [(0, n - there) for n, there in zip(self.side, plane.shape[-2:], strict=True)]
        return np.pad(plane, [(0, 0)] * (plane.ndim - 2) + lacks, how) if np.any(lacks) else plane


def _slices(volumes: Sequence[np.ndarray]) -> np.ndarray:
    """(m, z, c, y, x) float16 of m volumes (c, z, y, x)."""
    if not volumes:
        return np.zeros((0, 0, 0, 0, 0), np.float16)
    return np.stack(volumes).astype(np.float16).swapaxes(1, 2)


def _near(example: Example) -> np.ndarray:
    shape = example.source.shape[1:]
    return np.zeros(shape, bool) if example.near is None else np.asarray(example.near, bool)
