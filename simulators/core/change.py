"""Constants with other values: a frozen dataclass is changed field by field, and says what is not usual in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

from twin import InputError

_T = TypeVar("_T")


def changed(usual: _T, changes: Mapping[str, Any], what: str) -> _T:
    """A frozen dataclass with other values.

    Args:
        usual: what it is like.
        changes: field -> a value like the former: a number, as many numbers, or factors by name, of which those that
            are not named stay. One number for a pair is its mean or median; the spread stays.
        what: it is, for a sentence.

    Raises:
        InputError: an unknown field, or a value that cannot be.

    Example:
        >>> from simulators.outcome.cases import EFFECTS
        >>> changed(EFFECTS, {"volume_hazard": 0.2}, "the effects").volume_hazard
        (0.2, 0.1)
    """
    known = [f.name for f in fields(usual) if f.init]  # type: ignore[arg-type]
    for name in changes:
        if name not in known:
            raise InputError(f"{what} has no {name!r}; it has: {', '.join(known)}")
    found = {name: _like(getattr(usual, name), value, f"{name} of {what}") for name, value in changes.items()}
    return replace(usual, **found)  # type: ignore[type-var]


def _like(former: Any, value: Any, what: str) -> Any:
    """A value in the form of a former one."""
    if is_dataclass(former) and isinstance(value, Mapping):
        return changed(former, value, what)
    try:
        found, numbers = _formed(former, value)
    except (TypeError, ValueError, AttributeError):
        found, numbers = None, [np.nan]
    if not all(x >= 0.0 for x in numbers):
        raise InputError(f"{what} cannot be {value!r}: it is like {former!r}, and no number is negative")
    return found


def _formed(former: Any, value: Any) -> tuple[Any, list[float]]:
    """The value, and the numbers in it."""
    if isinstance(former, Mapping):
        factors = {str(k): float(v) for k, v in value.items()}
        return {**former, **factors}, [*factors.values()]
    if isinstance(former, tuple):
        one = np.ndim(value) == 0
        several = (float(value), *former[1:]) if one else tuple(float(v) for v in value)
        if len(several) != len(former) or (one and len(former) != 2):
            raise ValueError(value)
        return several, [*several]
    if isinstance(former, (int, float)) and not isinstance(former, bool):
        return float(value), [float(value)]
    if not isinstance(value, type(former)):
        raise ValueError(value)
    return value, []


def differences(whole: Any, usual: Any) -> dict[str, Any]:
    """Field -> value where it is not the usual one, parts of parts too; `changed` of them is the whole again.

    Args:
        whole: a frozen dataclass.
        usual: another of its class.
    """
    found: dict[str, Any] = {}
    for f in fields(whole):
        value, former = getattr(whole, f.name), getattr(usual, f.name)
        if value is former:
            continue
        if is_dataclass(value) and type(value) is type(former):
            if inner := differences(value, former):
                found[f.name] = inner
        elif not _equal(value, former):
            found[f.name] = value
    return found


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and np.array_equal(one, other)
    return bool(one == other)


def plain(value: Any) -> Any:
    """A value as JSON has it: numbers, words, lists and mappings; of anything else what it holds, in full.

    Args:
        value: of a field.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
