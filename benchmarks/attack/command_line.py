"""The attack on the command line: each call in a process of its own, with its time and memory."""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from calls import CALLS, Case
from found import Found

LIMIT_S, LIMIT_MB = 120, 4000  # of the processor, so that a busy machine changes nothing
_WAITS_S = 1200


def attack(first: int, calls: int, seed: int, twin: Path, say: Callable[[str], None] = print) -> Found:
    """Calls of the command line, each in a process of its own.

    Args:
        first: number of the first case.
        calls: how many.
        seed: of all cases.
        twin: a patient, small so that calls that are taken are short.
        say: told of each call that ends wrongly.
    """
    _load()
    found = Found()
    for number in range(first, first + calls):
        rng = random.Random(f"{seed}/{number}")
        with tempfile.TemporaryDirectory(prefix="rt-twin-attack-") as place:
            case = Case(rng, twin, Path(place))
            words = rng.choices([call for call, _ in CALLS], [weight for _, weight in CALLS])[0](case)
            began = time.monotonic()
            status, out, err, peak_mb = _called(words, Path(place))
            found.longest_s = max(found.longest_s, time.monotonic() - began)
            found.peak_mb = max(found.peak_mb, peak_mb)
            found.kinds[words[0]] += 1
            wrong = _wrong(status, out, err, peak_mb, Path(place))
        if wrong:
            found.wrong.append(f"{number}: {wrong}: {' '.join(w[:80] for w in words)}\n{err[-1500:]}")
            say(found.wrong[-1])
        elif status == 0:
            found.taken += 1
        else:
            found.refused += 1
    return found


def _wrong(status: int | None, out: str, err: str, peak_mb: float, place: Path) -> str:
    """What is wrong with how a call ended; empty where nothing is."""
    left = [p.name for p in place.iterdir() if p.name.startswith(".") and not p.name.endswith(".lock")]
    half = [n for n in ("run", "study", "clinic", "o.twin", "out") if status == 2 and (place / n).exists()]
    if status in (None, -signal.SIGXCPU):
        return f"not within {LIMIT_S} s"
    if "Traceback" in err or status not in (0, 2):
        return f"ended with {status}"
    if status == 2 and not err.strip():
        return "refused without a sentence"
    if peak_mb > LIMIT_MB:
        return f"took {peak_mb:.0f} MB"
    if left or half:
        return f"left {left + half}"
    return "" if len(err) < 20_000 else "said too much"


def _load() -> None:
    """What calls need, loaded once; nothing runs, since threads do not outlive a fork."""
    import numba  # noqa: F401
    import polars  # noqa: F401
    import scipy.special  # noqa: F401

    import scenarios.commands.main as command

    for name in command.COMMANDS:
        command.COMMANDS[name]


def _called(words: list[str], place: Path) -> tuple[int | None, str, str, float]:
    """Status, output, errors and peak memory of a call in a forked process; None where it did not end in time."""
    out, err = (place.parent / f"{place.name}.{kind}" for kind in ("out", "err"))
    child = os.fork()
    if child == 0:
        _in_child(words, out, err)
    end, status, usage = time.monotonic() + _WAITS_S, None, None
    while status is None and time.monotonic() < end:
        done, code, usage = os.wait4(child, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(code)
        else:
            time.sleep(0.01)
    if status is None:
        os.kill(child, signal.SIGKILL)
        _, _, usage = os.wait4(child, 0)
    said = tuple(f.read_text(errors="replace") if f.exists() else "" for f in (out, err))
    out.unlink(missing_ok=True)
    err.unlink(missing_ok=True)
    return status, *said, usage.ru_maxrss / 1024 if usage else 0.0


def _in_child(words: list[str], out: Path, err: Path) -> None:
    status: Any = 1
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S + 5))
    try:
        for stream, file in ((1, out), (2, err)):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        sys.argv = ["rt-twin", *words]
        from scenarios.commands.main import main

        main()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
