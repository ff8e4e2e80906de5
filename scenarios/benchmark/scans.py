"""The judge of tasks that make a scan of a scan: where both lie on one another, voxel by voxel."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.metrics.image import mean_absolute_error, psnr_db, ssim
from scenarios.benchmark.evaluation import evaluate
from scenarios.benchmark.names import label, plain
from simulators.core.imaging import TASKS, Paired, ScanTask
from simulators.insilico.sets import patient_of, twins_in
from simulators.learned.scanner import translator_named
from twin import InputError, Volume
from twin.files.atomic import atomic_file, growing_folder
from twin.structures import bounding_box

SOURCE, CLASSICAL = "source", "classical"
SCHEMA = {"patient": pl.String, "generator": pl.String, "metric": pl.String, "value": pl.Float64}
_BOOTSTRAP = 2000


@dataclass(frozen=True)
class ScanJudge:
    """Beside the source itself and what is done without learning.

    Args:
        task: what is translated.
    """

    task: str
    yardsticks: Sequence[str] = (SOURCE, CLASSICAL)

    def patients(self, folder: Path) -> list[dict[str, Any]]:
        """The twins of a folder; of a patient with several truths the first, since all have his one baseline scan."""
        first = {patient_of(path): path for path in reversed(twins_in(folder))}
        return [{"id": name, "twin": str(path.relative_to(folder))} for name, path in sorted(first.items())]

    def request(self, folder: Path) -> Mapping[str, Any]:
        """The task, its version and the twins' content."""
        digest = hashlib.blake2b(digest_size=8)
        for path in twins_in(folder):
            digest.update((path / "twin.json").read_bytes())
        return {"task": self.task, "version": TASKS[self.task].version, "set": digest.hexdigest()}

    def check(self, name: str) -> None:
        """Load it.

        Raises:
            InputError: it is unknown.
        """
        translator_named(self.task, plain(name))

    def scores(self, folder: Path, row: Mapping[str, Any], name: str) -> pl.DataFrame:
        """Errors in the task's region, in the target's unit; PSNR and SSIM within its box and the channel's range."""
        imaging: ScanTask = TASKS[self.task]
        case = _case(self.task, folder / row["twin"])
        began = time.perf_counter()
        made = self._made(imaging, case, name)
        seconds = time.perf_counter() - began
        channel = imaging.task.target[0]
        box = bounding_box(case.region)
        one, other = (np.asarray(v.array[box], np.float32) for v in (made, case.truth))
        difference = (one - other)[case.region[box]]
        values = {
            f"mae_{channel.unit.lower()}": mean_absolute_error(one, other, case.region[box]),
            f"rmse_{channel.unit.lower()}": float(np.sqrt(np.mean(difference.astype(np.float64) ** 2))),
            f"bias_{channel.unit.lower()}": float(difference.mean(dtype=np.float64)),
            "psnr_db": psnr_db(one, other, channel.low, channel.high),
            "ssim": ssim(one, other, channel.low, channel.high),
            "seconds": seconds,
        }
        rows = [
            {"patient": row["id"], "generator": label(name), "metric": k, "value": v}
            for k, v in values.items()
        ]
        return pl.DataFrame(rows, schema=SCHEMA)

    def _made(self, imaging: ScanTask, case: Paired, name: str) -> Volume:
        if name == SOURCE:
            return case.source
        if name == CLASSICAL:
            return imaging.classical(case.source)
        return translator_named(self.task, plain(name)).translate(case.source)


@lru_cache(maxsize=1)
def _case(task: str, twin: Path) -> Paired:
    found = next(iter(TASKS[task].cases(twin)), None)
    if found is None:
        raise InputError(f"{twin} holds nothing that the task {task} can be judged on")
    return found


def run_scan_evaluation(
    task: str,
    folder: Path,
    contestants: Sequence[str],
    out: Path,
    *,
    patients: int | None,
    workers: int,
    progress,
) -> str:
    """Judge translations of scans, and write the table.

    Args:
        task: what is translated.
        folder, contestants, out, patients, workers, progress: as for `evaluate`.

    Returns:
        The table as Markdown.
    """
    with growing_folder(out):
        rows = evaluate(
            folder, contestants, out, ScanJudge(task), patients=patients, workers=workers, progress=progress
        )
        return _write_tables(task, rows, out)


def _write_tables(task: str, rows: pl.DataFrame, out: Path) -> str:
    frame = summary(rows)
    with atomic_file(out / "table.csv") as part:
        frame.write_csv(part)
    text = "\n".join(
        [
            f"SIMULATED - research use only. Task {task}, {rows['patient'].n_unique()} held-out in-silico patients; "
            "mean over patients with its 95 % bootstrap interval.",
            "",
            "| " + " | ".join(frame.columns) + " |",
            "|" + "---|" * frame.width,
            *("| " + " | ".join(map(str, row)) + " |" for row in frame.iter_rows()),
        ]
    )
    with atomic_file(out / "tables.md") as part:
        part.write_text(text + "\n", encoding="utf-8")
    return text


def summary(rows: pl.DataFrame) -> pl.DataFrame:
    """The mean of each score over patients, with its 95 % bootstrap interval, a row a contestant."""
    chance = np.random.default_rng(0)
    found = []
    for name in rows["generator"].unique(maintain_order=True):
        mine = rows.filter(pl.col("generator") == name)
        row: dict[str, str] = {"contestant": name}
        for metric in mine["metric"].unique(maintain_order=True):
            values = mine.filter(pl.col("metric") == metric)["value"].to_numpy()
            means = chance.choice(values, (_BOOTSTRAP, len(values))).mean(axis=1)
            low, high = np.quantile(means, [0.025, 0.975])
            row[metric] = f"{values.mean():.4g} [{low:.4g}, {high:.4g}]"
        found.append(row)
    return pl.DataFrame(found)
