"""A task: what is translated into what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from models.channel import Channel
from models.condition import Condition


class Task(BaseModel):
    """What is translated into what; everything that a family has to know of it.

    Args:
        name: by which it is asked for.
        source: channels that are given.
        target: channels that are wanted; those that are shares come last.
        layers: what the target is composed of where that is more than the target itself: two images and the share by
            which the second is laid over the first (`models.networks.heads.Overlay`).
        start: for each layer (each target channel where there are no layers) the source channels that it may begin as,
            the first that is not hidden; none where it begins from nothing.
        conditions: numbers that a translation is told.
        drawn: the condition that a model draws from the others where it is missing, or "".
        paired: whether source and target of an example lie on one another.

    Raises:
        ValueError: the names do not fit together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    source: tuple[Channel, ...]
    target: tuple[Channel, ...]
    layers: tuple[Channel, ...] = ()
    start: tuple[tuple[str, ...], ...] = ()
    conditions: tuple[Condition, ...] = ()
    drawn: str = ""
    paired: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for what in self._misfits():
            raise ValueError(f"task {self.name}: {what}")
        return self

    def _misfits(self) -> Iterator[str]:
        names, conditions = [c.name for c in self.source], [c.name for c in self.conditions]
        if len(set(names)) < len(names):
            yield "two source channels have one name"
        if len(set(conditions)) < len(conditions):
            yield "two conditions have one name"
        wholes = [c.whole for c in self.source]
        if wholes != sorted(wholes):
            yield "channels of the whole volume come last"
        for channels in (self.target, self.painted):
            shares = [c.share for c in channels]
            if shares != sorted(shares):
                yield "shares come after images"
        if self.layers and ([c.share for c in self.layers], len(self.target)) != ([False, False, True], 2):
            yield "layers are two images and the share by which the second is laid over the first"
        if len(self.start) != len(self.painted):
            yield f"{len(self.painted)} layers need as many starts, not {len(self.start)}"
        seen = {c.name for c in self.source if not c.whole}
        unknown = {n for options in self.start for n in options} - seen
        if unknown:
            yield f"it starts from {sorted(unknown)}, which is no source channel of single slices"
        if self.drawn and self.drawn not in conditions:
            yield f"it draws {self.drawn!r}, which is no condition"

    @property
    def painted(self) -> tuple[Channel, ...]:
        """The channels that a network makes: the layers, or the target where there are none."""
        return self.layers or self.target

    def index(self, name: str) -> int:
        """The place of a source channel in a batch.

        Raises:
            ValueError: there is none of this name.
        """
        return [c.name for c in self.source].index(name)

    def condition(self, name: str) -> int:
        """The place of a condition in the vector.

        Raises:
            ValueError: there is none of this name.
        """
        return [c.name for c in self.conditions].index(name)

    def grouped(self, groups: Iterable[str]) -> tuple[str, ...]:
        """The names of the source channels and conditions of some groups."""
        away = set(groups) - {""}
        channels = [c.name for c in self.source if c.group in away]
        return (*channels, *(c.name for c in self.conditions if c.group in away))

    def begins(self, hidden: Iterable[str] = ()) -> list[int | None]:
        """For each layer the place of the source channel that it begins as, None where it begins from nothing.

        Args:
            hidden: names of source channels that a model is not shown.
        """
        away = set(hidden)
        seen = [next((n for n in options if n not in away), None) for options in self.start]
        return [None if n is None else self.index(n) for n in seen]
