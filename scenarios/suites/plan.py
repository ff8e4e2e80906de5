"""What a suite's file holds: directions, who learns them for how long, and the claims that are put to the test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scenarios.datasets.translations import PEOPLE
from twin import InputError
from twin.inputs.mapping import read_mapping
from twin.inputs.quantities import Few, Seed, SomeFew

SHIPPED = Path(__file__).parent / "data"
_NAME = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
Kind = Literal["in silico", "physics on real", "real"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Contestant(_Part):
    """Who learns.

    Args:
        name: in the tables.
        family: which one.
        training: what its training differs in from the direction's.
        groups: of slices that have a network each, by the family `grouped`: `districts` as they were read by eye, or
            so many clusters.
        together: share of the time for one network of all slices, with whose weights the groups' networks begin.
    """

    name: _NAME
    family: str
    training: dict[str, Any] = {}
    groups: Literal["districts"] | Annotated[int, Field(ge=2, le=20)] | None = None
    together: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _fits(self) -> Contestant:
        if (self.family == "grouped") != (self.groups is not None):
            raise ValueError(f"{self.name}: the family grouped and the entry groups go together")
        if self.together and self.groups is None:
            raise ValueError(f"{self.name}: nothing follows what is learned together: it has no groups")
        return self


class Direction(_Part):
    """One translation, and who learns it.

    Args:
        in_silico: so many people who do not exist.
        first_seed: of the first of them.
        real: whether people of collections take part, where they are there.
        training: what a training differs in from the task's own.
        families: the contestants.
    """

    in_silico: SomeFew = 0
    first_seed: Seed = 0
    real: bool = True
    training: dict[str, Any] = {}
    families: tuple[Contestant, ...] = Field(min_length=1)


class Claim(_Part):
    """Something that others found, put as a comparison of two contestants.

    Args:
        text: the claim.
        task, kind: where it is looked at.
        score: by which.
        better, worse: contestants or yardsticks; several are taken together.
    """

    text: str
    task: str
    kind: Kind
    score: str
    better: tuple[str, ...] = Field(min_length=1)
    worse: tuple[str, ...] = Field(min_length=1)


class Suite(_Part):
    """A benchmark.

    Args:
        name: of the suite.
        about: what it is for, a sentence.
        core_seconds: of training, of each contestant with each seed.
        seeds: of the trainings.
        slices: of a scan that are scored, at most.
        people: of each kind in a direction who are judged on, the first by name; all where None.
        directions: task -> who learns it.
        claims: put to the test.
    """

    name: _NAME
    about: str
    core_seconds: float = Field(gt=0, le=1e7)
    seeds: tuple[Seed, ...] = Field((0,), min_length=1, max_length=20)
    slices: Few = 16
    people: Few | None = None
    directions: dict[str, Direction] = Field(min_length=1)
    claims: tuple[Claim, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Suite:
        from models.registry import FAMILIES

        for task, direction in self.directions.items():
            if task not in PEOPLE:
                raise ValueError(f"{task!r} is none of: {', '.join(PEOPLE)}")
            names = [c.name for c in direction.families]
            if len(set(names)) < len(names):
                raise ValueError(f"two contestants of {task} have one name")
            if task != "ct-pet" and any(c.groups is not None for c in direction.families):
                raise ValueError(f"groups of slices are told apart in a CT of ct-pet, not for {task}")
            unknown = [c.family for c in direction.families if c.family not in FAMILIES]
            if unknown:
                raise ValueError(f"{unknown[0]!r} is none of the families: {', '.join(FAMILIES)}")
        strange = [c.task for c in self.claims if c.task not in self.directions]
        if strange:
            raise ValueError(f"a claim is about {strange[0]}, which the suite does not translate")
        return self


def load_suite(name_or_file: str) -> Suite:
    """A suite by its name or from a YAML file.

    Args:
        name_or_file: of those that are shipped, or a path.

    Raises:
        InputError: there is none, or it does not fit; the message is one sentence.
    """
    shipped = {f.stem: f for f in sorted(SHIPPED.glob("*.yaml"))}
    path = shipped.get(name_or_file, Path(name_or_file))
    if not path.is_file():
        raise InputError(
            f"there is no suite {name_or_file!r}; give a YAML file or one of: {', '.join(shipped)}"
        )
    try:
        return Suite(**read_mapping(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise InputError(f"the suite {path} does not fit: {f'{place}: ' if place else ''}{said}") from None
    except TypeError:
        raise InputError(f"the suite {path} does not fit: its entries are no names") from None
