"""The judge of follow-up CTs: patients whose follow-up is known under every plan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from scenarios.benchmark.contestant import ACQUIRED, ORACLE, YARDSTICKS, contestant
from scenarios.benchmark.patient import HeldOut, followed
from scenarios.benchmark.scores import SCHEMA, Scope, scores
from simulators.insilico.sets import IMPORTED, read_index
from simulators.learned.weights import FOLLOW_UP
from twin import InputError, PatientTwin


@dataclass(frozen=True)
class FollowUpJudge:
    """Beside copying, the mechanistic generator, the truth and the acquired scan.

    Args:
        scope: how much is looked at of each patient.
    """

    scope: Scope = field(default_factory=Scope)
    task: str = FOLLOW_UP
    yardsticks: Sequence[str] = YARDSTICKS

    def patients(self, folder: Path) -> list[dict[str, Any]]:
        """Those of a longitudinal set with truth, or those of a centre with a later CT on which the tumour is drawn.

        Raises:
            InputError: there is none.
        """
        index = read_index(folder)
        rows = [row for row in index["patients"] if row.get("twin")]
        if not rows:
            raise InputError(f"the set {folder} holds no patients")
        if index["simulator"] == IMPORTED:
            rows = [row for row in rows if followed(PatientTwin.load(folder / row["twin"]))]
            if not rows:
                raise InputError(f"no patient of {folder} has a later CT on which somebody drew the tumour")
            return rows
        if not all(row.get("truth") for row in rows):
            raise InputError(f"{folder} holds no truth; make the set with --truth")
        return rows

    def request(self, folder: Path) -> Mapping[str, Any]:
        """The set, by its simulator and arguments, and how much of it."""
        index = read_index(folder)
        known = {"simulator": index["simulator"], **index["arguments"]}
        return {"set": known, "scope": asdict(self.scope)}

    def check(self, name: str) -> None:
        """Load it.

        Raises:
            InputError: it is unknown.
        """
        contestant(name)

    def scores(self, folder: Path, row: Mapping[str, Any], name: str) -> pl.DataFrame:
        """All scores of one contestant on one patient, with `scores.SCHEMA`."""
        return scores(_held(folder, json.dumps(row)), contestant(name), self.scope).cast(SCHEMA)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def _held(folder: Path, row: str) -> HeldOut:
    return HeldOut.load(folder, json.loads(row))


def order(table: pl.DataFrame) -> list[str]:
    """The contestants of a table: copy, mechanistic, then the learned ones, then the yardsticks that know the truth."""
    names = table["generator"].unique(maintain_order=True).to_list()
    first = [n for n in YARDSTICKS if n in names and n not in (ORACLE, ACQUIRED)]
    last = [n for n in (ACQUIRED, ORACLE) if n in names]
    return [*first, *(n for n in names if n not in YARDSTICKS), *last]
