"""Calls of each verb, sound in most of what they say."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from odd import ODD_NUMBERS, ODD_WORDS, as_yaml, mutated, table

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
    words += [f"--generator={c.word('mechanistic')}", f"--dose={c.word('approximate')}"] + (
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
        "--dose=approximate",
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


def _scan(c: Case) -> list[str]:
    options = ("dose", "kernel", "slice_mm", "view", "mas", "preset", c.rng.choice(ODD_WORDS))
    words = ["scan", str(c.own_twin()), f"--scanner={c.word('ct', 'radiograph', 'pet')}"]
    words += [f"--option={c.rng.choice(options)}={c.number(0.5, 'soft', 'lateral')}"] * c.rng.randrange(3)
    words += [f"--day={c.number(0, 21)}"] if c.rng.random() < 0.2 else []
    return [*words, f"--seed={c.number(0, 3)}"]


def _organ(c: Case) -> list[str]:
    """An organ set aside or replaced, or the dose that plans take."""
    mask = str(c.rng.choice(list((c.twin / "structures").glob("*.nii.gz"))))
    return [
        "edit",
        str(c.own_twin()),
        *c.rng.choice(
            (
                ["--reject", c.word("Heart", "Esophagus", "Lung_L")],
                ["--replace", f"{c.word('Heart', 'Lungs')}={c.rng.choice((mask, str(c.folder), ''))}"],
                ["--reference", c.word("none", "60/30", "x=60/30", "60/30=")],
                ["--undo"],
            )
        ),
    ]


def _suv(c: Case) -> list[str]:
    words = ["observe", str(c.own_twin()), f"--day={c.number(0, 21)}", f"--suv={c.number(3, 8, 12)}"]
    return words + (["--peak"] if c.rng.random() < 0.3 else [])


def _sensitivity(c: Case) -> list[str]:
    return ["sensitivity", str(c.twin), f"--plan={c.plan()}", f"--seed={c.number(0, 3)}"]


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
    (_scan, 8),
    (_organ, 8),
    (_suv, 5),
    (_sensitivity, 3),
)
