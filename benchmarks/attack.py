"""A hostile user: calls of the command line, settings, tables, records and page callbacks that no manual asks for.

`python benchmarks/attack.py --calls 1000` prints how many were refused with a sentence and exit status 2, how many were
taken, the peak memory, and every call that ended otherwise: with a traceback, not within its time, with more than 4 GB,
or leaving something half-written. A case is its number under a seed: `--first N --calls 1` runs it again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LIMIT_S, LIMIT_MB = 120, 4000  # of the processor, so that a busy machine changes nothing
_WAITS_S = 1200
ODD_NUMBERS = (
    "0",
    "-1",
    "-0",
    "1",
    "2",
    "0.5",
    "1e9",
    "-1e9",
    "1e-9",
    "1e-300",
    "1e308",
    "1e309",
    "nan",
    "inf",
    "-inf",
    "",
    "9" * 400,
    "9" * 5000,
    str(2**31),
    str(2**63 - 1),
    str(2**63),
    str(2**64),
    "0x10",
    "1_0",
    "1,5",
    "\u0663",
    "\u00b2",
    "one",
    "None",
    "true",
    "[]",
    "{}",
    "99999999",
    "36525",
    "36526",
    "1e5",
)
ODD_WORDS = (
    "",
    " ",
    "x" * 3000,
    "../..",
    "/etc/passwd",
    "[",
    "*",
    "~",
    "null",
    "nan",
    "\u202e",
    "\x7f",
    "%s",
    "a\nb",
    "-",
    "--",
    "caf\u00e9",
    "\U0001f4a9",
    "60/30",
    "none",
    "PACIFIC",
    "auto",
    "@",
    "bridge@1e9",
    "isotoxic",
)
PLANS = (
    "60/30",
    "55/20",
    "54/36 tid",
    "54/3 every 2 days",
    "CHART",
    "PACIFIC",
    "sequential",
    "isotoxic",
    "none",
    "+20/8",
    "45/25",
    "200/100",
    "0.001/100",
    "1/1",
    "34/1",
    "35/1",
    "999/999",
    "60/0",
    "0/30",
    "60/30 every 9 days",
    "60/30x",
    "-60/30",
    "60/-30",
    "1e2/3",
    "60 /30",
    "200/101",
    "60/30 tid every 7 days",
)
VALID: dict[str, Any] = {
    "plan": {
        "name": "mine",
        "phases": [
            {"total_gy": 46, "fractions": 23},
            {"total_gy": 20, "fractions": 10, "per_day": 2, "gap_hours": 6},
        ],
        "weekends": True,
        "chemotherapy": {"cycles": 2, "every_days": 21, "timing": "concurrent", "wait_days": 21},
        "immunotherapy": {"wait_days": 14, "every_days": 28, "months": 6, "hazard_ratio": 0.7},
        "imaging": {"during_days": 7, "after_days": 60, "also": [10.5], "spread_days": 1},
    },
    "scenario": {
        "plan": "60/30",
        "late_start_days": 3,
        "gaps": [{"from_day": 14, "days": 7}],
        "missed": [3, 9],
        "make_up": "friday",
        "stop_after": 25,
        "policy": {"kind": "volume trigger", "loss": 0.3, "turnaround_days": 3},
    },
    "clinic": {
        "clinic": {
            "linacs": 1,
            "planners": 3,
            "opens_h": 8,
            "closes_h": 18,
            "closed": [5, 9],
            "downtime": 0.03,
        },
        "referrals": {
            "per_year": 60,
            "red": 0.1,
            "cases": [{"scenario": "60/30", "weight": 2, "gtv_cm3": 60}],
        },
    },
    "training": {
        "family": "regression",
        "steps": 2,
        "widths": [8, 8],
        "batch_slices": 2,
        "drop": {"each": 0.1},
    },
    "clinical": {
        "age_years": 67,
        "sex": "male",
        "ecog": 1,
        "stage": "IIIA",
        "fev1_percent": 80,
        "pack_years": 30,
    },
}
TABLE = ("id", "age_years", "sex", "stage", "ecog", "smoking", "gtv_cm3", "site")


@dataclass
class Found:
    """What the calls came to."""

    refused: int = 0
    taken: int = 0
    peak_mb: float = 0.0
    longest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    kinds: Counter = field(default_factory=Counter)

    def words(self) -> str:
        """One line for a person."""
        return (
            f"{self.refused + self.taken + len(self.wrong)} calls: {self.refused} refused with a sentence, "
            f"{self.taken} taken, {len(self.wrong)} wrong; peak {self.peak_mb:.0f} MB, longest {self.longest_s:.1f} s; "
            + ", ".join(f"{kind} {n}" for kind, n in sorted(self.kinds.items()))
        )


def odd(rng: random.Random) -> Any:
    """A value that no setting has."""
    return rng.choice(
        (
            rng.choice((0, -1, 1, 1e9, -1e9, 1e-9, 1e-300, 1e308, 10**18, 10**30, 0.5, True, None)),
            rng.choice(ODD_WORDS),
            rng.choice(ODD_NUMBERS),
            [rng.choice((1, "a", None, 1e9))] * rng.choice((0, 1, 5, 3000)),
            {rng.choice(("a", "kind", "total_gy")): rng.choice((1, None, "x"))},
            float(rng.choice(("nan", "inf", "-inf"))),
            rng.choice((1, 2, 3, 7, 30)) * rng.choice((1, 1.0, -1, 100, 0.01)),
        )
    )


def mutated(value: Any, rng: random.Random, times: int = 1) -> Any:
    """Settings of which some leaf or branch is another."""
    made = json.loads(json.dumps(value))
    for _ in range(times):
        places: list[tuple[Any, Any]] = []

        def walk(node: Any, places: list[tuple[Any, Any]] = places) -> None:
            for key in node if isinstance(node, dict) else range(len(node)):
                places.append((node, key))
                if isinstance(node[key], dict | list):
                    walk(node[key])

        walk(made)
        if not places:
            break
        node, key = rng.choice(places)
        change = rng.randrange(6)
        if change == 0 and isinstance(node, dict):
            del node[key]
        elif change == 1 and isinstance(node, dict):
            node[rng.choice(("extra", "kind", "phases", "", "x" * 300))] = odd(rng)
        elif change == 2 and isinstance(node, list):
            node *= rng.choice((2, 30, 1000))
        else:
            node[key] = odd(rng)
    return made


def as_yaml(value: Any, rng: random.Random) -> bytes:
    """Settings as a file, sometimes a broken or an overgrown one."""
    import yaml

    text = yaml.safe_dump(value, sort_keys=False)
    kind = rng.randrange(28)
    if kind == 0:
        text = text[: rng.randrange(len(text) + 1)]
    elif kind == 1:
        text += rng.choice(
            ("a: " + "[" * 3000, "a: " + "{a: " * 400, "x: " + "9" * 6000, "? [a]\n: b", "- a", "\tb: c")
        )
    elif kind == 2:
        text += "".join(
            f"{own}: &{own} [{','.join([f'*{below}' if below else 'x'] * 10)}]\n"
            for below, own in zip(["", *"pqrstuvw"], "pqrstuvwz", strict=True)
        )
    elif kind == 3:
        text += rng.choice(
            ("e: !!int ''", "e: !!timestamp x", "e: 2020-99-99", "e: &e [*e]", "<<: [1]", "e: 0b_")
        )
    elif kind == 4:
        broken = bytearray(text.encode())
        for _ in range(rng.randrange(1, 6)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        return bytes(broken)
    return text.encode("utf-8", "surrogatepass")


def table(rng: random.Random) -> bytes:
    """A cohort's table, sometimes with odd cells, columns or rows."""
    names = list(TABLE)
    rows = [
        [
            f"p{n}",
            "70",
            rng.choice(("male", "female")),
            "IIIA",
            "1",
            "former",
            str(rng.randrange(5, 200)),
            "central",
        ]
        for n in range(rng.randrange(1, 8))
    ]
    for _ in range(rng.randrange(4)):
        kind = rng.randrange(5)
        row = rng.choice(rows)
        if kind < 3:
            row[rng.randrange(len(row))] = (
                rng.choice((*ODD_NUMBERS, *ODD_WORDS)).replace("\n", " ").replace(",", ";")
            )
        elif kind == 3:
            names[rng.randrange(len(names))] = rng.choice(("id", "age", "gtv_mm3", "", "x" * 500, "sex"))
        else:
            row.append("more")
    text = "\n".join([",".join(names), *(",".join(row) for row in rows)]) + "\n"
    return (
        text[: rng.randrange(len(text))].encode() if rng.random() < 0.05 else text.encode("utf-8", "replace")
    )


@dataclass
class Case:
    """One call: a folder of its own, with what it needs."""

    rng: random.Random
    twin: Path
    folder: Path

    def file(self, name: str, content: bytes) -> str:
        """A file of the call."""
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def own_twin(self) -> Path:
        """A copy of the patient that the call may change."""
        return Path(shutil.copytree(self.twin, self.folder / "p.twin"))

    def number(self, *usual: Any, often: float = 0.97) -> str:
        """Mostly one of the usual numbers, else an odd one."""
        return str(self.rng.choice(usual)) if self.rng.random() < often else self.rng.choice(ODD_NUMBERS)

    def word(self, *usual: str) -> str:
        """Mostly one of the usual words, else an odd one."""
        return self.rng.choice(usual) if self.rng.random() < 0.97 else self.rng.choice(ODD_WORDS)

    def plan(self) -> str:
        """A plan: in short, or a file."""
        kind = self.rng.random()
        if kind < 0.6:
            return self.rng.choice(PLANS[: PLANS.index("+20/8")] if kind < 0.5 else PLANS)
        content = mutated(VALID[self.rng.choice(("plan", "scenario"))], self.rng, self.rng.randrange(3))
        return self.file(f"{self.rng.randrange(10**6)}.yaml", as_yaml(content, self.rng))


def _bed(c: Case) -> list[str]:
    return ["bed", c.plan(), f"--alpha-beta={c.number(10, 3)}", *c.rng.choice(([], ["--json"]))]


def _phantom(c: Case) -> list[str]:
    return [
        "phantom",
        str(c.folder / "o.twin"),
        f"--seed={c.number(7, often=0.1)}",
        f"--gtv-cm3={c.number(60, often=0.1)}",
        f"--site={c.word('central')}",
    ]


def _compare(c: Case) -> list[str]:
    words = [
        "compare",
        str(c.twin),
        *(f"--plan={c.plan()}" for _ in range(c.rng.choice((1, 1, 2, 2, 3, 60)))),
    ]
    words += [
        f"--days={c.number(30, 100, 400)}",
        f"--samples={c.number(2, 5, 12)}",
        f"--seed={c.number(0, 3)}",
    ]
    words += [f"--image-samples={c.number(0, often=0.9)}", f"--kinetics={c.word('standard', 'published')}"]
    words += [f"--generator={c.word('mechanistic')}"] + (
        [f"--scanner={c.word('pet')}"] if c.rng.random() < 0.2 else []
    )
    return [*words, "--out", str(c.folder / "run")]


def _observe(c: Case) -> list[str]:
    words = ["observe", str(c.own_twin()), f"--day={c.number(5, 21, 100)}", f"--gtv-cm3={c.number(40, 60)}"]
    return (
        words
        + ([f"--plan={c.plan()}"] if c.rng.random() < 0.5 else [])
        + (["--undo"] if c.rng.random() < 0.1 else [])
    )


def _edit(c: Case) -> list[str]:
    names = (
        "age",
        "ecog",
        "fev1",
        "pack_years",
        "sex",
        "stage",
        "t_stage",
        "tnm_edition",
        c.rng.choice(ODD_WORDS),
    )
    words = [
        "edit",
        str(c.own_twin()),
        *(f"--set={c.rng.choice(names)}={c.number(1, 70, 'IIIA')}" for _ in range(2)),
    ]
    if c.rng.random() < 0.5:
        words += ["--clinical", _clinical(c)]
    return words


def _clinical(c: Case) -> str:
    if c.rng.random() < 0.5:
        return c.file("c.csv", table(c.rng))
    text = json.dumps(mutated(VALID["clinical"], c.rng, c.rng.randrange(3)))
    if c.rng.random() < 0.2:
        text = c.rng.choice(
            (
                text[:-3],
                "[" * 5000,
                "{" + '"age_years":' + "9" * 5000 + "}",
                '{"age_years": 1e999}',
                "\ufeff" + text,
            )
        )
    return c.file("c.json", text.encode("utf-8", "replace"))


def _show(c: Case) -> list[str]:
    """A patient of whose numbers some are others."""
    twin = c.own_twin()
    facts = json.loads((twin / "twin.json").read_text())
    images = {name: facts.pop(name) for name in ("scans", "structures", "doses") if c.rng.random() < 0.8}
    (twin / "twin.json").write_text(json.dumps(mutated(facts, c.rng, c.rng.randrange(1, 3)) | images))
    if c.rng.random() < 0.5:
        return ["show", str(twin), *c.rng.choice(([], ["--json"]))]
    return [
        "compare",
        str(twin),
        "--plan=60/30",
        "--days=20",
        "--samples=2",
        "--image-samples=0",
        "--out",
        str(c.folder / "run"),
    ]


def _cohort(c: Case) -> list[str]:
    who = c.rng.choice(
        (
            lambda: [f"--n={c.number(1, 5, 20)}"],
            lambda: ["--table", c.file("t.csv", table(c.rng))],
            lambda: ["--table", c.file("t.csv", table(c.rng))],
            lambda: ["--twins", str(c.rng.choice((c.twin.parent, c.folder)))],
        )
    )()
    words = ["cohort", *who, *(f"--plan={c.plan()}" for _ in range(c.rng.choice((1, 2, 3))))]
    words += [f"--days={c.number(30, 200, 800)}", f"--samples={c.number(2, 8)}", f"--seed={c.number(0, 5)}"]
    if c.rng.random() < 0.1:
        words += [f"--image-samples={c.number(0)}"]
    return [*words, f"--executor={c.word('local')}", "--out", str(c.folder / "study")]


def _clinic(c: Case) -> list[str]:
    content = mutated(VALID["clinic"], c.rng, c.rng.randrange(3))
    words = ["clinic", c.file("clinic.yaml", as_yaml(content, c.rng)), f"--days={c.number(20, 60)}"]
    words += [f"--warm-up={c.number(0, 10)}", f"--samples={c.number(0, 4)}", f"--seed={c.number(0, 1)}"]
    return [*words, "--out", str(c.folder / "clinic")]


def _import(c: Case) -> list[str]:
    source = c.rng.choice(
        (
            lambda: c.file("a.nii", bytes(c.rng.randrange(256) for _ in range(400))),
            lambda: c.file("a.zip", b"PK\x03\x04" + b"x" * 90),
            lambda: c.file(
                "a.nrrd", b"NRRD0004\ntype: short\ndimension: 3\nsizes: 99999 99999 99999\nencoding: raw\n\n"
            ),
            lambda: str(c.folder),
            lambda: str(next((c.twin / "scans").iterdir())),
        )
    )()
    words = [
        "import",
        source,
        str(c.folder / "o.twin"),
        f"--delivered-from={c.number(0, 3)}",
        f"--day=x={c.number(5, -3)}",
    ]
    if c.rng.random() < 0.7:
        words += [
            "--mask",
            str(c.rng.choice(list((c.twin / "structures").glob("*.nii.gz")))),
            f"--label={c.number(1)}",
        ]
    return words + (["--clinical", _clinical(c)] if c.rng.random() < 0.4 else [])


def _learn(c: Case) -> list[str]:
    """Training, evaluation and the like, on sets that hold little."""
    config = c.file("t.yaml", as_yaml(mutated(VALID["training"], c.rng, c.rng.randrange(3)), c.rng))
    out = ["--out", str(c.folder / "out")]
    return c.rng.choice(
        (
            ["train", str(c.twin.parent), f"--config={config}", f"--minutes={c.number(0.01)}", *out],
            [
                "evaluate",
                str(c.twin.parent),
                f"--patients={c.number(1)}",
                f"--days={c.number(1)}",
                f"--workers={c.number(1)}",
                f"--samples={c.number(1)}",
                f"--generator={c.word('mechanistic', 'copy')}",
                *out,
            ],
            [
                "ablate",
                str(c.twin.parent),
                str(c.folder),
                f"--steps={c.number(1)}",
                f"--patients={c.number(1)}",
                *out,
            ],
            [
                "published",
                f"--patients={c.number(1, 2)}",
                f"--training={c.number(10, 20)}",
                f"--gamma={c.number(0, 1)}",
            ],
            [
                "cohort",
                "--images",
                f"--n={c.rng.choice(ODD_NUMBERS[1:4])}",
                f"--workers={c.number(1)}",
                "--plan=60/30",
                *out,
            ],
            ["export", str(c.twin), "--dicom", str(c.folder / "out")],
            ["app", str(c.folder / "nowhere"), f"--port={c.number(8050)}"],
        )
    )


CALLS: tuple[tuple[Callable[[Case], list[str]], int], ...] = (
    (_compare, 24),
    (_cohort, 16),
    (_clinic, 14),
    (_observe, 10),
    (_edit, 8),
    (_show, 10),
    (_bed, 6),
    (_import, 5),
    (_learn, 5),
    (_phantom, 2),
)


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


def attack_pages(
    first: int, calls: int, seed: int, folder: Path, say: Callable[[str], None] = print
) -> Found:
    """Requests to the page's callbacks and routes with odd values; jobs that they start are cancelled at once.

    Args:
        first, calls, seed, say: as for `attack`.
        folder: opened by the dashboard.
    """
    from dashboards.app import _build

    token = secrets.token_urlsafe(24)
    app, desk = _build(folder, token)
    app.server.logger.disabled = True
    client, asks = app.server.test_client(), list(_callbacks(app))
    client.get(f"/?token={token}")  # this stranger has been let in
    found = Found()
    for number in range(first, first + calls):
        rng = random.Random(f"pages {seed}/{number}")
        ask = rng.choice(asks)
        body = json.dumps(_filled(ask, rng), default=str)
        began = time.monotonic()
        answer = client.post("/_dash-update-component", data=body, content_type="application/json")
        took = time.monotonic() - began
        found.longest_s = max(found.longest_s, took)
        found.kinds["callbacks"] += 1
        desk.jobs.end_all()
        if answer.status_code >= 500 or took > 20:
            found.wrong.append(f"page {number}: {answer.status_code} in {took:.1f} s: {body[:600]}")
            say(found.wrong[-1])
        elif answer.status_code >= 400 or '"fault":{"children":"' in answer.text:  # said above the page
            found.refused += 1
        else:
            found.taken += 1
    return found


def _callbacks(app: Any) -> Iterator[dict[str, Any]]:
    """A request of each callback that the server answers, without values."""
    for output, callback in app.callback_map.items():
        if callback.get("callback") is None:  # the browser's own
            continue
        listed = callback["output"] if isinstance(callback["output"], list | tuple) else [callback["output"]]
        outputs = [{"id": o.component_id, "property": o.component_property} for o in listed]
        yield {
            "output": output,
            "outputs": outputs if output.startswith("..") else outputs[0],
            "inputs": [dict(i) for i in callback["inputs"]],
            "state": [dict(s) for s in callback["state"]],
        }


def _filled(ask: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The request with values: those of a sound form, some of them others."""
    sound = {
        "new-twin": "p.twin",
        "new-plans": ["60/30"],
        "new-days": 365,
        "new-samples": 20,
        "new-images": 0,
        "new-seed": 0,
        "new-during": 7,
        "new-after": 30,
        "new-also": "10, 21",
        "new-break": True,
        "new-break-days": 7,
        "new-break-from": 14,
        "new-break-up": "prolong",
        "new-policies": [],
        "new-scanners": [],
        "new-generator": "auto",
        "new-chemo": "none",
        "new-immuno": False,
        "new-name": "",
        "new-asker": "a",
        "twin-manifest": {"key": "p.twin"},
        "observe-day": 5,
        "observe-gtv": 40,
        "observe-plan": "60/30",
        "phantom-gtv": 60,
        "phantom-seed": 3,
        "phantom-site": "central",
        "phantom-name": "",
        "url": rng.choice(("/new", "/twin", "/compare", "/")),
    }

    def value(place: dict[str, Any]) -> dict[str, Any]:
        name = place["id"]
        given = sound.get(name, rng.choice((1, None, "p.twin"))) if isinstance(name, str) else None
        if rng.random() < 0.15:
            given = odd(rng)
        return {**place, "value": given}

    def filled(places: list[dict[str, Any]]) -> list[Any]:
        return [value(p) if isinstance(p["id"], str) and not p["id"].startswith("{") else [] for p in places]

    inputs = filled(ask["inputs"])
    changed = [f"{i['id']}.{i['property']}" for i in inputs if isinstance(i, dict)][:1]
    return {**ask, "inputs": inputs, "state": filled(ask["state"]), "changedPropIds": changed}


def small_patient(folder: Path, twin: Any = None) -> Path:
    """The in-silico patient on voxels of 5 mm, saved as p.twin in a folder.

    Args:
        folder: where.
        twin: the patient on his own voxels; made where None.
    """
    import numpy as np

    from simulators.insilico.patient import make_patient
    from twin import Scan, StructureSet, Volume

    whole = make_patient(7)[0] if twin is None else twin
    grid = whole.baseline.volume.geometry.resampled(5.0)
    ct = np.rint(whole.baseline.volume.on(grid, fill=-1024.0)).astype(np.int16)
    drawn = StructureSet(grid, ())
    for s in whole.contours:
        mask = Volume(whole.contours.geometry, whole.contours.mask(s.name).astype(np.uint8), "MASK", "1")
        drawn = drawn.with_mask(s.name, s.role, mask.on(grid) > 0.5)
    scans = (Scan("CT", 0.0, Volume(grid, ct, "CT", "HU")),)
    whole.fork(scans=scans, structures=(drawn,)).save(folder / "p.twin")
    return folder / "p.twin"


def main() -> None:
    """Run the attack and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pages", type=int, default=None, help="callbacks; as many as calls where not given")
    parser.add_argument("--patient", type=Path, default=None, help="folder with a small p.twin")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rt-twin-attacked-") as place:
        folder = asked.patient or Path(place)
        child = (
            0 if asked.patient else os.fork()
        )  # making one starts threads, which this process must not have
        if child == 0 and asked.patient is None:
            small_patient(folder)
            os._exit(0)
        if child:
            os.waitpid(child, 0)
        calls = attack(asked.first, asked.calls, asked.seed, folder / "p.twin")
        print(f"command line: {calls.words()}", flush=True)
        pages = attack_pages(
            asked.first, asked.calls if asked.pages is None else asked.pages, asked.seed, folder
        )
        print(f"pages: {pages.words()}")
    sys.exit(bool(calls.wrong or pages.wrong))


if __name__ == "__main__":
    main()
