"""Dose constraints as data files: what may be given to which organ, in which fractionation, and why."""

from __future__ import annotations

import re
from functools import cache
from os import PathLike
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from simulators.dose.dvh import Dvh
from twin import InputError
from twin.inputs.mapping import read_mapping

POINT_CM3 = 0.03  # "maximum point dose": the hottest 0.03 cm3 or less (TG-101 names 0.035 cm3)
_METRIC = re.compile(
    r"(?P<kind>CV|V|D)(?P<value>\d+(?:\.\d+)?)(?P<unit>Gy|%|cc)(?P<cc>\[cc\])?|(?P<word>Dmean|Dmax|Dmin)"
    r"|gEUD\((?P<a>-?\d+(?:\.\d+)?)\)"
)


class Constraint(BaseModel):
    """One goal for one organ.

    Args:
        structure: TG-263 name, or one that `simulators.dose.dvh.region` makes ("Lungs-GTV").
        metric: in the grammar of `metric`.
        limit: in the metric's unit (`metric_unit`).
        at_least: the value must reach the limit; otherwise it must not pass it.
        fractions: the number of fractions for which it holds, or None for any of its set.
        endpoint: what it protects from.
        grade: of the endpoint, where the source names one.
        rate_percent: complication rate at the limit, where the source names one.
        from_memory: the value was quoted from memory and no copy of its source was found to check it against.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    structure: str
    metric: str
    limit: float
    at_least: bool = False
    fractions: int | None = None
    endpoint: str
    grade: str | None = None
    rate_percent: float | None = None
    from_memory: bool = False

    @field_validator("metric")
    @classmethod
    def _known(cls, text: str) -> str:
        metric_unit(text)
        return text

    @property
    def goal(self) -> str:
        """The goal in words.

        Example:
            >>> Constraint(structure="Heart", metric="V25Gy", limit=10, endpoint="x").goal
            'V25Gy <= 10 %'
        """
        return f"{self.metric} {'>=' if self.at_least else '<='} {self.limit:g} {metric_unit(self.metric)}"


class ConstraintSet(BaseModel):
    """Constraints of one source for one way of fractionating.

    Args:
        name: short name.
        title: what it is for.
        source: citation.
        checked: against what its values were checked; those marked `from_memory` apart.
        fraction_gy: least and greatest dose of a fraction for which it holds, Gy.
        constraints: the constraints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    source: str
    checked: str = ""
    fraction_gy: tuple[float, float]
    constraints: tuple[Constraint, ...]

    def holds_for(self, constraint: Constraint, fraction_gy: float, fractions: int) -> bool:
        """Whether a constraint of this set is about such a fractionation.

        Args:
            constraint: of this set.
            fraction_gy: dose of one fraction, Gy.
            fractions: their number.
        """
        low, high = self.fraction_gy
        return low <= fraction_gy <= high and constraint.fractions in (None, fractions)


def constraint_sets(*paths: str | PathLike[str]) -> list[ConstraintSet]:
    """Constraint sets from YAML files; without arguments those that come with the software.

    Raises:
        InputError: a file that cannot be read or does not follow the format.
    """
    return [_read(Path(p)) for p in paths] or list(_shipped())


@cache
def coverage_goals() -> ConstraintSet:
    """What targets should get, set-up errors included; for every fractionation."""
    return _read(Path(__file__).parent / "data" / "coverage.yaml")


@cache
def _shipped() -> tuple[ConstraintSet, ...]:
    return tuple(_read(f) for f in sorted((Path(__file__).parent / "data").glob("constraints_*.yaml")))


def metric(dvh: Dvh, name: str, prescription_gy: float | None = None) -> float:
    """A dose-volume metric of a DVH.

    Args:
        dvh: the DVH.
        name: Dmean, Dmax (hottest 0.03 cm3), Dmin, D95% or D0.35cc (Gy in the hottest part), V20Gy (% of the
            volume with 20 Gy or more), V20Gy[cc] (the same in cm3), V95% or V95%[cc] (of the prescription),
            CV11.6Gy (cm3 with less than that: what is spared), gEUD(8) (exponent a).
        prescription_gy: needed for V and CV in %.

    Returns:
        In the unit of `metric_unit`.

    Raises:
        InputError: an unknown metric, or no prescription where one is needed.
    """
    found = _parse(name)
    word, a = found["word"], found["a"]
    if word:
        points = {"Dmean": dvh.mean_gy, "Dmin": dvh.min_gy}
        return points[word] if word in points else dvh.d_cm3(min(POINT_CM3, dvh.volume_cm3))
    if a is not None:
        return dvh.geud(float(a))
    kind, value, unit = found["kind"], float(found["value"]), found["unit"]
    if kind == "D":
        return dvh.d(value) if unit == "%" else dvh.d_cm3(value)
    if unit == "%":
        if prescription_gy is None:
            raise InputError(f"{name} is a share of the prescribed dose, which is not known")
        value *= prescription_gy / 100.0
    if kind == "CV":
        return dvh.volume_cm3 - dvh.v_cm3(value)
    return dvh.v_cm3(value) if found["cc"] else 100.0 * dvh.v(value)


def metric_unit(name: str) -> str:
    """The unit of a metric: Gy, % or cm3.

    Args:
        name: of the metric.

    Raises:
        InputError: an unknown metric.

    Example:
        >>> metric_unit("V20Gy"), metric_unit("CV11.6Gy"), metric_unit("D0.35cc")
        ('%', 'cm3', 'Gy')
    """
    found = _parse(name)
    if found["kind"] == "CV" or found["cc"]:
        return "cm3"
    return "%" if found["kind"] == "V" else "Gy"


def _parse(name: str) -> re.Match[str]:
    found = _METRIC.fullmatch(name)
    sensible = found and (found["kind"] is None or (found["unit"] == "cc") <= (found["kind"] == "D"))
    if not found or not sensible or (found["kind"] == "D" and (found["unit"] == "Gy" or found["cc"])):
        raise InputError(
            f"unknown dose-volume metric {name!r}; write it like Dmean, D95%, D0.35cc, V20Gy or V95%"
        )
    return found


def _read(path: Path) -> ConstraintSet:
    try:
        return ConstraintSet.model_validate(read_mapping(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"the constraints in {path.name} are not valid at {where}: {first['msg']}") from None
