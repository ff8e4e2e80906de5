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
from scenarios.benchmark.names import label
from scenarios.benchmark.statistics import hodges_lehmann, interval
from simulators.core.imaging import TASKS, Paired, ScanTask
from simulators.learned.scanner import translator_named
from simulators.tasks.cache import content_key
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

    @property
    def yardsticks(self) -> Sequence[str]:
        """The source, what is done without learning, and what the task has beside them."""
        return (SOURCE, CLASSICAL, *TASKS[self.task].yardsticks)

    def patients(self, folder: Path) -> list[dict[str, Any]]:
        """The task's patients in a folder."""
        found = sorted(TASKS[self.task].patients(folder).items())
        return [{"id": name, "path": str(path.resolve())} for name, path in found]

    def request(self, folder: Path) -> Mapping[str, Any]:
        """The task, its version and the scans' content."""
        digest = hashlib.blake2b(digest_size=8)
        for row in self.patients(folder):
            digest.update(content_key([Path(row["path"])], row["id"]).encode())
        known = {"task": self.task, "version": TASKS[self.task].version, "set": digest.hexdigest()}
        return {**known, "judge": "scans/2"}

    def check(self, name: str) -> None:
        """Load it.

        Raises:
            InputError: it is unknown.
        """
        translator_named(self.task, name)

    def scores(self, folder: Path, row: Mapping[str, Any], name: str) -> pl.DataFrame:
        """Errors in the task's regions, in the target's unit; PSNR and SSIM within its box and the channel's range.

        Of a patient with several scans the mean; null where it could not be had of one of them: an image without error
        has no PSNR.
        """
        found: dict[str, list[float]] = {}
        for case in _cases(self.task, Path(row["path"])):
            for metric, value in self._of(case, name).items():
                found.setdefault(metric, []).append(value)
        rows = [
            {
                "patient": row["id"],
                "generator": label(name),
                "metric": k,
                "value": v if np.isfinite(v) else None,
            }
            for k, v in ((k, float(np.mean(some))) for k, some in found.items())
        ]
        return pl.DataFrame(rows, schema=SCHEMA)

    def _of(self, case: Paired, name: str) -> dict[str, float]:
        imaging: ScanTask = TASKS[self.task]
        began = time.perf_counter()
        made = self.made(imaging, case, name)
        seconds = time.perf_counter() - began
        if made is None:
            return {}
        return self.values(imaging, made, case, name) | {"seconds": seconds}

    def values(self, imaging: ScanTask, made: Volume, case: Paired, name: str) -> dict[str, float]:
        """The scores of an image of a case.

        Args:
            imaging: the task.
            made: the image.
            case: of which.
            name: of the contestant who made it.
        """
        channel = imaging.task.target[0]
        unit, box = channel.unit.lower(), bounding_box(case.region)
        one, other = (np.asarray(v.array[box], np.float32) for v in (made, case.truth))
        difference = (one - other)[case.region[box]].astype(np.float64)
        found = {
            f"mae_{unit}": mean_absolute_error(one, other, case.region[box]),
            f"rmse_{unit}": float(np.sqrt(np.mean(difference**2))),
            f"bias_{unit}": float(difference.mean()),
        }
        found |= by_part(made, case, unit) | imaging.figures(made, case)
        return found | {
            "psnr_db": psnr_db(one, other, channel.low, channel.high),
            "ssim": ssim(one, other, channel.low, channel.high),
        }

    def made(self, imaging: ScanTask, case: Paired, name: str) -> Volume | None:
        """What a contestant makes of a case; None where the case does not have it."""
        if name == SOURCE:
            return case.yardsticks.get(SOURCE, case.source)
        if name == CLASSICAL:
            return imaging.classical(case.source)
        if name in imaging.yardsticks:
            return case.yardsticks.get(name)
        return translator_named(self.task, name).translate(case.source)


def lacking(rows: pl.DataFrame, of: Sequence[str]) -> pl.DataFrame:
    """Scores that could not be had: a row for each group of them, with how many people and who.

    Args:
        rows: of a judge.
        of: columns of the groups.
    """
    none = rows.filter(pl.col("value").is_null()).group_by(of, maintain_order=True)
    return none.agg(
        pl.col("patient").n_unique().alias("people"),
        pl.col("patient").unique().sort().str.join(" ").alias("who"),
    )


def by_part(made: Volume, case: Paired, unit: str) -> dict[str, float]:
    """Errors in the parts of a case that are told apart.

    Args:
        made: the image.
        case: of which.
        unit: of its values, for the scores' names.
    """
    found = {}
    for part, where in case.regions.items():
        error = made.array[where].astype(np.float64) - case.truth.array[where]
        found[f"{part}_mae_{unit}"] = float(np.abs(error).mean())
        found[f"{part}_bias_{unit}"] = float(error.mean())
    return found


@lru_cache(maxsize=1)
def _cases(task: str, path: Path) -> list[Paired]:
    found = list(TASKS[task].cases(path))
    if not found:
        raise InputError(f"{path} holds nothing that the task {task} can be judged on")
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
    known, none = rows.drop_nulls("value"), lacking(rows, ["generator", "metric"])
    frame, paired = summary(known), differences(known)
    with atomic_file(out / "table.csv") as part:
        frame.write_csv(part)
    text = "\n".join(
        [
            f"SIMULATED - research use only. Task {task}, {rows['patient'].n_unique()} held-out patients; "
            "mean over patients with its 95 % bootstrap interval.",
            "",
            *_markdown(frame),
            "",
            f"Differences of {paired.columns[2]} paired by patient: Hodges-Lehmann estimate, bootstrap interval, "
            "signed-rank test. Negative: the first is better.",
            "",
            *_markdown(paired),
            *(["", "Not finite, so in no mean:", "", *_markdown(none)] if len(none) else []),
        ]
    )
    with atomic_file(out / "tables.md") as part:
        part.write_text(text + "\n", encoding="utf-8")
    return text


def _markdown(frame: pl.DataFrame) -> list[str]:
    return [
        "| " + " | ".join(frame.columns) + " |",
        "|" + "---|" * frame.width,
        *("| " + " | ".join("" if v is None else str(v) for v in row) + " |" for row in frame.iter_rows()),
    ]


def summary(rows: pl.DataFrame) -> pl.DataFrame:
    """The mean of each score over patients, with its 95 % bootstrap interval, a row a contestant."""
    chance = np.random.default_rng(0)
    found: list[dict[str, str | None]] = []
    metrics = rows["metric"].unique(maintain_order=True).to_list()
    for name in rows["generator"].unique(maintain_order=True):
        mine = rows.filter(pl.col("generator") == name)
        row: dict[str, str | None] = {"contestant": name, **dict.fromkeys(metrics)}
        for metric in mine["metric"].unique(maintain_order=True):
            values = mine.filter(pl.col("metric") == metric)["value"].to_numpy()
            means = chance.choice(values, (_BOOTSTRAP, len(values))).mean(axis=1)
            low, high = np.quantile(means, [0.025, 0.975])
            row[metric] = f"{values.mean():.4g} [{low:.4g}, {high:.4g}]"
        found.append(row)
    return pl.DataFrame(found)


def differences(rows: pl.DataFrame) -> pl.DataFrame:
    """What each contestant's mean absolute error differs by from the source's, patient by patient."""
    from scipy.stats import wilcoxon

    metric = next(m for m in rows["metric"].to_list() if m.startswith("mae_"))
    wide = rows.filter(pl.col("metric") == metric).pivot(on="generator", index="patient", values="value")
    found = []
    for name in (n for n in wide.columns if n not in ("patient", SOURCE)):
        d = (wide[name] - wide[SOURCE]).drop_nulls().to_numpy()
        if d.size > 1 and d.any():
            low, high = interval(d, hodges_lehmann)
            p = f"{wilcoxon(d).pvalue:.1g}"
            found.append(
                (f"{name} - {SOURCE}", d.size, f"{hodges_lehmann(d):.4g}", f"{low:.4g} to {high:.4g}", p)
            )
    return pl.DataFrame(found, schema=["contestants", "patients", metric, "95 %", "Wilcoxon p"], orient="row")
