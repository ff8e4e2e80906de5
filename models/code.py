"""What a part that others wrote does, as a digest: results that were made by other code are other results."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

OWN = frozenset(
    {"twin", "models", "simulators", "scenarios", "dashboards"}
)  # their code has the version's number


def code_digest(*parts: Any) -> str:
    """A digest of the code of parts from outside this project; empty where all are its own.

    It covers a class with its bases, fields and methods, and whatever functions, classes and constants these name,
    as far as they belong to the same package or to the user's own files: editing a docstring, a comment or another
    part of the same file changes nothing. Libraries are not followed.

    Args:
        parts: classes, functions, or objects, of which their class counts.

    Example:
        >>> from scenarios.policies.none import POLICY
        >>> code_digest(POLICY)
        ''
    """
    seen: dict[int, Any] = {}  # what was visited, kept alive so that no number is given twice
    codes = [part if isinstance(part, (type, FunctionType)) else type(part) for part in parts]
    said = [line for code in codes for line in _lines(code, code.__module__.partition(".")[0], seen)]
    return hashlib.blake2b("\n".join(said).encode(), digest_size=16).hexdigest() if said else ""


def _lines(part: Any, home: str, seen: dict[int, Any]) -> Iterator[str]:
    """What is said of a function, class, module or value that the code at `home` uses."""
    if isinstance(part, (staticmethod, classmethod)):
        part = part.__func__
    if isinstance(part, property):
        for accessor in (part.fget, part.fset):
            yield from _lines(accessor, home, seen) if accessor else ()
    elif isinstance(part, FunctionType):
        yield from _function(part, home, seen)
    elif isinstance(part, ModuleType):
        yield part.__name__ if _foreign(part.__name__, home) else _source(part)
    elif isinstance(part, type):
        yield from _class(part, home, seen)
    elif _foreign(type(part).__module__, home):
        yield _value(part)
    else:
        yield from _class(type(part), home, seen)
        yield _value(getattr(part, "__dict__", None))


def _class(kind: type, home: str, seen: dict[int, Any]) -> Iterator[str]:
    if _foreign(kind.__module__, home) or id(kind) in seen:
        return
    seen[id(kind)] = kind
    yield kind.__qualname__
    for base in kind.__bases__:
        yield from _class(base, home, seen)
    for name, field in sorted(getattr(kind, "model_fields", {}).items()):
        yield f"{name} {_value(field)}"
    for name, member in sorted(vars(kind).items()):
        if not (name.startswith(("__pydantic", "_abc", "model_")) or name in _INCIDENTAL):
            yield name
            yield from _lines(member, home, seen)


_INCIDENTAL = frozenset(
    {"__doc__", "__module__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__", "__annotations__"}
    | {"__annotate__", "__annotate_func__", "__class_vars__", "__private_attributes__", "__signature__", "__fields__"}
    | {"__abstractmethods__", "__hash__", "__qualname__"}
)  # fmt: skip


def _function(function: FunctionType, home: str, seen: dict[int, Any]) -> Iterator[str]:
    function = inspect.unwrap(function)
    if not isinstance(function, FunctionType) or _foreign(function.__module__, home) or id(function) in seen:
        return
    seen[id(function)] = function
    yield function.__qualname__
    yield _value(function.__defaults__)
    yield _value(function.__kwdefaults__)
    names: list[str] = []
    for code in _codes(function.__code__):
        yield f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {_constants(code, function.__doc__)}"
        names += code.co_names
    for name in sorted(set(names) & set(function.__globals__)):
        yield name
        yield from _lines(function.__globals__[name], home, seen)
    for cell in function.__closure__ or ():
        yield from _lines(cell.cell_contents, home, seen)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code and that of the functions inside it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _constants(code: CodeType, doc: str | None) -> list[str]:
    return [_value(c) for c in code.co_consts if not isinstance(c, CodeType) and (c is None or c != doc)]


def _value(value: Any) -> str:
    """A value by what it holds, the same in every process."""
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_value, value)))}}}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(sorted(f'{_value(k)}: {_value(v)}' for k, v in value.items()))}}}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.blake2b(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))  # an address says where it lies, not what it is


def _source(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    return Path(file).read_text(encoding="utf-8") if file and file.endswith(".py") else module.__name__


def _foreign(module: str | None, home: str) -> bool:
    """Whether a module is this project's, a library's or Python's, as seen from a user's package."""
    top = (module or "builtins").partition(".")[0]
    if top in OWN or top in sys.stdlib_module_names - {"__main__"}:
        return True
    if top in (home, "__main__", "__mp_main__"):
        return False
    file = getattr(sys.modules.get(module or ""), "__file__", None)
    return file is None or "site-packages" in file or "dist-packages" in file
