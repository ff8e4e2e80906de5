"""Numbers are held to the bounds of their types where they enter: a sentence says which is wrong, before any work."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from twin.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")
_LONGEST = 40  # characters of a wrong value that are repeated


def check(kind: Any, value: Any, name: str) -> Any:
    """A value held to a quantity's bounds.

    Args:
        kind: one of `twin.inputs.quantities`, or a type made of it, as `Seed | None`.
        value: what was given; text that says a number will do.
        name: what it is called where it was given.

    Returns:
        The value as a number of that type.

    Raises:
        InputError: it lies outside.

    Example:
        >>> from twin.inputs.quantities import Horizon
        >>> check(Horizon, "30", "days")
        30.0
        >>> check(Horizon, 1e9, "days")
        Traceback (most recent call last):
        twin.errors.InputError: days must lie between 1 and 36525, not 1000000000.0
    """
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError:
        raise InputError(f"{name} must {_words(kind)}, not {shortened(value)}") from None


def check_fields(record: Any) -> None:
    """Hold the fields of a dataclass to the quantities that they are annotated with; call it in `__post_init__`.

    Args:
        record: a dataclass, frozen or not; its fields become numbers of their types.

    Raises:
        InputError: one lies outside.
    """
    owner: Any = type(record)
    for name, kind in _quantities(owner).items():
        object.__setattr__(record, name, check(kind, getattr(record, name), name))


def bounded(function: Callable[P, T], *, option: bool = False) -> Callable[P, T]:
    """A function whose arguments are held to the quantities that they are annotated with, before it begins.

    Args:
        function: any; arguments of other types pass unchanged.
        option: call the arguments as the command line does, `--image-samples`.

    Example:
        >>> from twin.inputs.quantities import Seed
        >>> @bounded
        ... def draw(seed: Seed) -> int:
        ...     return seed
        >>> draw(-1)
        Traceback (most recent call last):
        twin.errors.InputError: seed must lie between 0 and 9223372036854775807, not -1
    """

    @wraps(function)
    def held(*args: P.args, **kwargs: P.kwargs) -> T:
        given = inspect.signature(function).bind(*args, **kwargs)
        for name, kind in _quantities(function).items():
            if name in given.arguments:
                called = f"--{name.strip('_').replace('_', '-')}" if option else name
                given.arguments[name] = check(kind, given.arguments[name], called)
        return function(*given.args, **given.kwargs)

    return held


def shortened(value: Any) -> str:
    """A wrong value as an error repeats it: never a page of it.

    Args:
        value: what was given.

    Example:
        >>> shortened("7" * 99)
        "'777777777777777777777777777777777777777..."
    """
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "so large a number"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def _quantities(owner: Any) -> dict[str, Any]:
    """The annotations of a function or class that have bounds, by name."""
    return {
        name: kind
        for name, kind in get_type_hints(owner, include_extras=True).items()
        if name != "return" and any(_limits(kind))
    }


def _limits(kind: Any) -> Iterator[Any]:
    """All bounds in a type, however deep."""
    for part in (*get_args(kind), *getattr(kind, "__metadata__", ())):
        if isinstance(part, FieldInfo):
            yield from (m for m in part.metadata if {"ge", "gt", "le", "lt"} & set(dir(m)))
        elif not isinstance(part, str):
            yield from _limits(part)


def _words(kind: Any) -> str:
    """What a value of a type must do."""
    ends = {
        side: getattr(m, side) for m in _limits(kind) for side in ("ge", "gt", "le", "lt") if hasattr(m, side)
    }
    low, high = ends.get("ge", ends.get("gt")), ends.get("le", ends.get("lt"))
    if isinstance(high, int) and "lt" in ends:
        high -= 1
    above = "be above 0 and at most" if ends.get("gt") == 0 else f"lie between {_number(low)} and"
    return f"{above} {_number(high)}"


def _number(value: Any) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
