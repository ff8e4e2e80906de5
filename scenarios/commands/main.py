"""The command `rt-twin`: its verbs, each a file of this folder or a part of another installed package.

No verb's file is imported before it is asked for; what `rt-twin --help` says of it is read from its text.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import ParameterInfo

from models.registry import Registry
from twin import __version__
from twin.errors import InputError, missing
from twin.files.names import text_of
from twin.files.private import sweep
from twin.inputs.bounds import bounded

COMMANDS = Registry("command", "commands", "scenarios.commands")
_FIRST = (  # in the order of a patient's way; further ones follow by name
    "demo", "phantom", "import", "pacs", "show", "edit", "observe", "scan", "dose", "compare", "export", "cohort",
    "clinic", "app", "train", "evaluate", "benchmark", "ablate", "validate", "bed",
)  # fmt: skip


class _Verb(TyperCommand):
    """A verb that is loaded when it is called."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return _loaded(str(self.name)).make_context(info_name, args, parent, **extra)


class _Verbs(TyperGroup):
    """All verbs, none of them loaded."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        order = [
            *(name for name in _FIRST if name in COMMANDS),
            *(name for name in COMMANDS if name not in _FIRST),
        ]
        self.commands = {name: _Verb(name, callback=None) for name in order}

    def format_help(self, ctx: Any, formatter: Any) -> None:
        for name, verb in self.commands.items():
            verb.short_help = summary(COMMANDS.source(name))
        super().format_help(ctx, formatter)


_PLAIN: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False}
app = typer.Typer(name="rt-twin", cls=_Verbs, no_args_is_help=True, **_PLAIN)


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(f"rt-twin {__version__}")
        raise typer.Exit


@app.callback()
def rt_twin(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Digital-twin simulation of longitudinal radiotherapy. SIMULATED - research use only."""


def main() -> None:
    """Run the command; a user's mistake, or what the machine refuses, is one sentence on stderr and exit status 2.

    Ended from outside by TERM or HUP, it tidies up as after Ctrl+C; what is ignored (nohup) stays ignored.
    """
    # Threads of compiled code that wait for work sleep; to spin takes the cores from those that have some.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for number in (signal.SIGTERM, signal.SIGHUP):
        with suppress(ValueError):  # in a thread of another program, which has its own way to end
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _end)
    try:
        sweep()
        if sys.argv[1:] == ["-"]:
            sys.argv[1:] = _told()
        for argument in sys.argv[1:]:
            if text_of(argument) != argument:
                raise InputError(f"the name {text_of(argument)!r} is no text; rename it")
        app()
    except InputError as error:
        _refuse(str(error))
    except ModuleNotFoundError as error:
        _refuse(str(missing("this needs", error)))
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        _refuse(f"{where}{error.strerror or error}")
    except MemoryError:
        _refuse("there is not enough memory for this; ask for less, e.g. fewer samples")


def _refuse(words: str) -> NoReturn:
    short = re.sub(r"\S{300,}", lambda long: f"{long[0][:60]}\u2026", words)
    print(f"rt-twin: {short}", file=sys.stderr)
    sys.exit(2)


def _told() -> list[str]:
    """Arguments that another process tells, so that the list of processes does not show them.

    They are a JSON list in the first line of the input; its end is the end of the command too.
    """
    told = bytearray()
    while not told.endswith(b"\n") and (byte := os.read(0, 1)):
        told += byte
    threading.Thread(target=_end_with_input, daemon=True).start()
    return [str(argument) for argument in json.loads(told or b"[]")]


def _end_with_input() -> None:
    while os.read(0, 1 << 16):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def summary(source: str) -> str:
    """The first paragraph of what a command says of itself, read without importing its file.

    Args:
        source: where it lies, as `module:attribute`; the attribute is a function of that file, or a name for one.

    Returns:
        Of the function's docstring, or of the file's where there is no such function; empty where there is no file.
    """
    module, _, bound = source.partition(":")
    try:
        spec = find_spec(module)
    except ImportError:
        return ""
    if spec is None or spec.origin is None:
        return ""
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    bindings = [node for node in tree.body if isinstance(node, ast.Assign)]
    names = {bound} | {ast.unparse(b.value) for b in bindings if bound in map(ast.unparse, b.targets)}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    said = ast.get_docstring(functions[-1] if functions else tree) or ""
    return " ".join(said.partition("\n\n")[0].split())


def _held(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A verb whose numbers are held to their bounds; typer sees none, since it would say of them what it likes."""
    held, plain = bounded(verb, option=True), get_type_hints(verb)
    shown = inspect.signature(verb, eval_str=True)

    def without_bounds(p: inspect.Parameter) -> inspect.Parameter:
        kept = [m for m in getattr(p.annotation, "__metadata__", ()) if isinstance(m, ParameterInfo)]
        return p.replace(annotation=Annotated[plain[p.name], *kept] if kept else plain[p.name])

    held.__signature__ = shown.replace(  # type: ignore[attr-defined]
        parameters=[without_bounds(p) for p in shown.parameters.values()]
    )
    held.__annotations__ = {p.name: p.annotation for p in held.__signature__.parameters.values()}  # type: ignore[attr-defined]
    del held.__wrapped__  # type: ignore[attr-defined]
    return held


def _loaded(name: str) -> Any:
    """The command of a name: of a function, whose numbers are held to bounds, or of a Typer app with its own verbs."""
    part = COMMANDS[name]
    if not isinstance(part, typer.Typer):
        whole = typer.Typer(**_PLAIN)
        whole.command(name)(_held(part))
        part = whole
    return typer.main.get_command(part)


if __name__ == "__main__":
    main()
