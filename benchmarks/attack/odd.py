"""What no manual asks for: numbers, words, settings and tables, chosen by a generator of chance."""

from __future__ import annotations

import json
import random
from typing import Any

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
TABLE = ("id", "age_years", "sex", "stage", "ecog", "smoking", "gtv_cm3", "site")


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
