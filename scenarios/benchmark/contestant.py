"""Who is judged: generators, and the yardsticks that know the truth."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from scenarios.benchmark.names import label
from scenarios.benchmark.patient import Case, HeldOut
from simulators.core.treatment import FollowUp
from simulators.learned.treatment import LearnedTreatment, learned_treatment
from simulators.learned.weights import SMOOTH
from simulators.names.generators import generator_named
from twin import InputError
from twin.inputs.bounds import check
from twin.inputs.quantities import Few

ORACLE, ACQUIRED = "oracle", "acquired"
YARDSTICKS = ("copy", "mechanistic", ORACLE, ACQUIRED)


@dataclass(frozen=True, eq=False)
class Shown:
    """An image that was made for a case, on the start's whole grid.

    Args:
        hu: (z, y, x) float32.
        gtv: (z, y, x) bool.
        seconds: that it took; nan where nothing was computed.
    """

    hu: np.ndarray
    gtv: np.ndarray
    seconds: float = float("nan")


class Contestant(Protocol):
    """Whoever answers a case with an image and a forecast."""

    name: str
    treatment: Any | None  # the generator under judgement; a yardstick that knows the truth has none

    def outside(self, held: HeldOut, case: Case, *, guided: bool) -> str | None:
        """Why the case lies outside what it can do, or None; of a free one nothing is known of how it ended."""
        ...

    def image(self, held: HeldOut, case: Case, *, guided: bool, sample: int) -> Shown | None:
        """An image, or None where it makes none of this kind."""
        ...

    def volumes(self, held: HeldOut, case: Case, n: int) -> np.ndarray | None:
        """(n,) draws of the tumour's volume, cm3, from dose, time and record alone; None where it makes none."""
        ...


class Generated:
    """A virtual treatment under judgement."""

    def __init__(self, name: str, treatment: Any) -> None:
        self.name, self.treatment = name, treatment

    def outside(self, held: HeldOut, case: Case, *, guided: bool) -> str | None:
        """By the generator's own domain; guided, it is told the true volume."""
        return self.treatment.domain(held.request(case, guided=guided))

    def image(self, held: HeldOut, case: Case, *, guided: bool, sample: int) -> Shown | None:
        """What the generator makes."""
        request = held.request(case, guided=guided, sample=sample)
        before = time.perf_counter()
        followup = self.treatment.generate([request])[0]
        return whole(held, followup, time.perf_counter() - before)

    def volumes(self, held: HeldOut, case: Case, n: int) -> np.ndarray | None:
        """Of its samples; None where it knows volumes only by its images."""
        drawn = self.treatment.volumes_cm3(held.request(case, guided=False), n)
        return drawn if np.isfinite(drawn).all() else None


class Oracle:
    """The truth itself, without scanner noise; its forecast is the best that is possible."""

    name, treatment = ORACLE, None

    def outside(self, held: HeldOut, case: Case, *, guided: bool) -> str | None:
        """Nothing lies outside."""
        return None

    def image(self, held: HeldOut, case: Case, *, guided: bool, sample: int) -> Shown | None:
        """The truth; it is no forecast."""
        return Shown(*held.truth(case)) if guided else None

    def volumes(self, held: HeldOut, case: Case, n: int) -> np.ndarray | None:
        """The simulator's own predictive distribution; of a centre's patient nobody knows it."""
        expected = held.expected_cm3(case, n)
        return expected if expected.size else None


class Acquired:
    """The follow-up as it was acquired, noise, set-up and breathing included; known under the factual plan only."""

    name, treatment = ACQUIRED, None

    def outside(self, held: HeldOut, case: Case, *, guided: bool) -> str | None:
        """Other plans than the one that was given."""
        return None if case.plan == held.factual else "not given"

    def image(self, held: HeldOut, case: Case, *, guided: bool, sample: int) -> Shown | None:
        """The later scan."""
        return Shown(*held.later(case)) if guided else None

    def volumes(self, held: HeldOut, case: Case, n: int) -> np.ndarray | None:
        """A scan is no forecast."""
        return None


def whole(held: HeldOut, followup: FollowUp, seconds: float = float("nan")) -> Shown:
    """A follow-up on the start's whole grid: the stored crop in its place, the start around it."""
    geometry = held.start.volume.geometry
    box = geometry.box_of(followup.scan.geometry)
    hu = held.start.volume.array.astype(np.float32)
    hu[box] = followup.scan.array
    gtv = np.zeros(geometry.shape, dtype=bool)
    gtv[box] = followup.gtv.array > 0
    return Shown(hu, gtv, seconds)


@lru_cache(maxsize=32)
def contestant(name: str) -> Contestant:
    """Whoever a name stands for.

    Args:
        name: `oracle`, `acquired`, or what `generator_named` takes; weights may be followed by `@N` for N network
            evaluations, and by `+smooth` to leave out the scan's grain.

    Raises:
        InputError: the name is unknown.
    """
    if name == ORACLE:
        return Oracle()
    if name == ACQUIRED:
        return Acquired()
    plain = name.removesuffix(SMOOTH)
    weights, _, steps = plain.partition("@")
    if plain == name and not steps:
        return Generated(label(name), generator_named(name))
    treatment = learned_treatment(weights)
    if steps:
        evaluations = check(Few, steps, f"{weights}@N: the number N of network evaluations")
        if "steps" not in treatment.family.config.options:
            raise InputError(f"{weights} has no steps to choose: it takes one network evaluation")
        treatment = replace(treatment, steps=evaluations)
    return Generated(label(name), replace(treatment, grain=plain == name))


def network_evaluations(name: str) -> int | None:
    """Of one image; None for who has no network."""
    treatment = getattr(contestant(name), "treatment", None)
    return (
        treatment.steps or treatment.family.evaluations if isinstance(treatment, LearnedTreatment) else None
    )
