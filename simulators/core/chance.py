"""Random numbers that depend on who, what for, which sample and which event, and on nothing else.

The scenario is never in the key: two plans for one patient share their chance and differ only by the plan
(common random numbers), and no result depends on workers, batches or order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What the numbers are for; the value is part of the key and is never reused."""

    PRIOR = 1
    CONTROL = 2
    OUTCOME = 3
    IMAGE = 4
    SCANNER = 5
    ANATOMY = 6
    COURSE = 7
    DOSE = 8
    BELIEF = 9
    PUBLISHED = 10
    CLINIC = 11
    COHORT = 12
    TRUTH = 13
    POPULATION = 14
    READING = 15


@dataclass(frozen=True)
class Key:
    """The address of a stream of random numbers.

    Args:
        root: the run's seed.
        patient_id: the twin's id.
        purpose: what the numbers are for.
        sample: index of the belief's sample.
        ordinal: index of the event.
    """

    root: int
    patient_id: str
    purpose: Purpose
    sample: int = 0
    ordinal: int = 0

    @property
    def words(self) -> tuple[int, int, int, int]:
        """(patient hash, purpose, sample, ordinal), each below 2**64."""
        digest = hashlib.blake2b(self.patient_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big"), int(self.purpose), self.sample, self.ordinal

    def at(self, sample: int | None = None, ordinal: int | None = None) -> Key:
        """The same key for another sample or event.

        Args:
            sample: of the belief, or None for the same.
            ordinal: of the event, or None for the same.
        """
        return replace(
            self,
            sample=self.sample if sample is None else sample,
            ordinal=self.ordinal if ordinal is None else ordinal,
        )

    def generator(self) -> np.random.Generator:
        """A generator of its own for this key."""
        return np.random.default_rng(np.random.SeedSequence(self.root, spawn_key=self.words))


def _mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014), a bijection of uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def stream(key: Key) -> np.uint64:
    """Where a key's counter-based numbers begin: all of the key but its sample, hashed.

    Args:
        key: its sample is ignored.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    patient, purpose, _, ordinal = key.words
    state = np.uint64(key.root & 0xFFFFFFFFFFFFFFFF)
    with np.errstate(over="ignore"):
        for word in (patient, purpose, ordinal):
            state = np.uint64(_mix(np.asarray(state * golden + np.uint64(word) + golden)))
    return state


def uniforms(key: Key, samples: np.ndarray, dimensions: int) -> np.ndarray:
    """Uniform numbers in (0, 1) for many samples of one key at once, by a counter-based hash.

    Args:
        key: its `sample` is ignored.
        samples: (n,) sample indices.
        dimensions: how many numbers a sample needs.

    Returns:
        (n, dimensions) float64; row i depends on samples[i] only, column j on j only.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        rows = _mix(stream(key) + golden * (np.asarray(samples, dtype=np.uint64) + np.uint64(1)))
        cells = _mix(rows[:, None] + golden * (np.arange(dimensions, dtype=np.uint64) + np.uint64(1)))
    return ((cells >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def stratified(u: np.ndarray) -> np.ndarray:
    """Uniform numbers in the order of others, one in the middle of each of n strata: a Latin hypercube (McKay 1979).

    So the bounds of an interval need fewer samples; each number depends on how many there are.

    Args:
        u: (..., n, dimensions) uniform numbers.

    Example:
        >>> stratified(np.array([[0.9], [0.1], [0.2], [0.3]])).ravel().tolist()
        [0.875, 0.125, 0.375, 0.625]
    """
    return (u.argsort(axis=-2).argsort(axis=-2) + 0.5) / u.shape[-2]


def many_uniforms(
    root: int, patient_ids: Sequence[str], purpose: Purpose, samples: np.ndarray, dimensions: int
) -> np.ndarray:
    """`uniforms` of many patients at once.

    Args:
        root: the run's seed.
        patient_ids: whose.
        purpose: what the numbers are for.
        samples: (n,) sample indices.
        dimensions: how many numbers a sample needs.

    Returns:
        (patients, n, dimensions) float64; the part of a patient is what `uniforms` gives.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    patients = np.array([Key(root, name, purpose).words[0] for name in patient_ids], dtype=np.uint64)
    state = np.full(len(patients), root & 0xFFFFFFFFFFFFFFFF, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for word in (patients, np.uint64(purpose), np.uint64(0)):
            state = _mix(state * golden + word + golden)
        rows = _mix(state[:, None] + golden * (np.asarray(samples, dtype=np.uint64) + np.uint64(1)))
        cells = _mix(rows[..., None] + golden * (np.arange(dimensions, dtype=np.uint64) + np.uint64(1)))
    return ((cells >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
