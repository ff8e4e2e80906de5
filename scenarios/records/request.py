"""What was asked for, as a hash: equal requests give equal tables."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np

from models.code import code_digest
from scenarios.plans.scenario import Scenario
from simulators.belief.prior import VERSION
from simulators.names.generators import GENERATORS
from simulators.names.kinetics import KINETICS
from simulators.names.outcomes import OUTCOMES
from twin import PatientTwin
from twin.inputs.bounds import check_fields
from twin.inputs.quantities import Horizon, Samples, Seed, SomeSamples


@dataclass(frozen=True)
class Request:
    """What a comparison is asked for, besides the patient and the plans.

    Args:
        days: how far to look, days from day 0.
        samples: number of samples of the belief.
        image_samples: how many of these get follow-up images.
        seed: root of all chance.
        generator: of the follow-up CT, by name.
        scanners: virtual scanners by name.
        kinetics: tumour model by name.
        outcomes: outcome model by name.
        dose: method of doses that the twin does not hold, by name.
        assumptions: what is not usual in prior, models and templates (`scenarios.records.assumptions`).

    Raises:
        InputError: a number that cannot be.
    """

    days: Horizon
    samples: Samples
    image_samples: SomeSamples
    seed: Seed
    generator: str
    scanners: tuple[str, ...]
    kinetics: str
    outcomes: str
    dose: str
    assumptions: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)

    def hash(self, twin: PatientTwin, scenarios: Sequence[Scenario]) -> str:
        """Hash of the patient's content, the plans, all settings and assumptions, and the versions that compute."""
        settings = (*astuple(self), sorted(versions().items()))
        parts = [fingerprint(twin), *(s.model_dump_json() for s in scenarios), repr(settings)]
        named = ((KINETICS, self.kinetics), (OUTCOMES, self.outcomes), (GENERATORS, self.generator))
        parts += others_code(scenarios, [registry[name] for registry, name in named if name in registry])
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def fingerprint(twin: PatientTwin) -> str:
    """A hash of the twin's voxels and facts: equal for equal patients, wherever they are stored."""
    digest = hashlib.blake2b(digest_size=16)
    facts = (
        twin.id,
        twin.clinical,
        twin.fractions,
        twin.observations,
        twin.day0_weekday,
        twin.now_days,
        twin.reference,
    )
    digest.update(repr(facts).encode())
    volumes = [(scan.name, scan.time_days, scan.volume) for scan in twin.scans]
    volumes += [
        (f"{d.name} {d.method} {d.fractions}", d.prescription_gy, d.volume) for d in twin.doses.values()
    ]
    for structures in twin.structures:
        volumes += [(f"{s.name} {s.role} {s.estimated}", structures.time_days, s.mask) for s in structures]
    for name, number, volume in volumes:
        digest.update(repr((name, number, volume.geometry)).encode())
        digest.update(np.ascontiguousarray(volume.array).data)
    if twin.belief is not None:
        for name, values in sorted(twin.belief.samples.items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def others_code(scenarios: Sequence[Scenario], parts: Sequence[Any] = ()) -> list[str]:
    """A digest of the policies and other parts that are not this project's own, whose code has no version here.

    Args:
        scenarios: with their policies.
        parts: classes or objects that take part besides.

    Returns:
        One digest, or none where all is the project's own.
    """
    policies = [s.policy for s in scenarios if s.policy is not None]
    digest = code_digest(*policies, *parts)
    return [digest] if digest else []


def versions() -> dict[str, str]:
    """Versions of what the tables depend on."""
    names = ("rt-twin", "numpy", "scipy", "numba", "simpy", "polars")
    return {"python": platform.python_version(), "prior": str(VERSION), **{n: version(n) for n in names}}
