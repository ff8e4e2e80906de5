"""The page of a benchmark: its tables, pictures and claims as Markdown, made from its rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from scenarios.benchmark.scans import lacking
from scenarios.records.schema import SIMULATED
from scenarios.suites.claims import MOST_GAIN, answered, curve, last_gain
from scenarios.suites.figures import curves, slices
from scenarios.suites.follow_ups import evaluated
from scenarios.suites.groups import told_apart
from scenarios.suites.lesions import by_size, lesion_tables
from scenarios.suites.plan import Suite
from scenarios.suites.tables import by_person, correlations, means, ranks
from simulators.learned.weights import FOLLOW_UP
from twin.files.atomic import atomic_file

PAGE = "page.md"
# What stands in the page's tables; all scores are in `tables/means.csv`.
_SHOWN = (
    "mae_", "psnr_db", "ssim", "vif", "gmsd", "noise_spectrum_db", "niqe", "brisque", "radiomics_error",
    "radiomics_icc", "frechet_", "detection_auc", "lesion_mae", "lesion_dice", "lesion_suvmax_error",
    "lesion_contrast_error", "bone_mae", "path_error", "free_mae", "mean_mae", "energy_hu", "between_error",
    "injury_shown", "crps",
)  # fmt: skip
_CORRELATED = 8


def write_page(suite: Suite, rows: pl.DataFrame, out: Path) -> str:
    """Write tables, pictures and the page.

    Args:
        suite: that was run.
        rows: by person.
        out: the benchmark's folder.

    Returns:
        The page.
    """
    none = lacking(rows, ["task", "kind", "contestant", "metric"])
    rows = rows.drop_nulls("value")
    people = by_person(rows)
    tables = {
        "means": means(people), "ranks": ranks(people), "correlations": correlations(people),
        "claims": answered(suite, rows, out), "trainings": trainings(out), "lesions": by_size(people),
        "lacking": none,
    }  # fmt: skip
    for name, table in tables.items():
        with atomic_file(out / "tables" / f"{name}.csv") as part:
            table.write_csv(part)
    lines = [f"# Benchmark: {suite.name}", "", f"{SIMULATED}. {suite.about}", "", _protocol(suite), ""]
    for task in suite.directions:
        lines += _direction(task, rows, tables, out)
    lines += [*_claims(tables["claims"]), *_lacking(none)]
    text = "\n".join(lines) + "\n"
    with atomic_file(out / PAGE) as part:
        part.write_text(text, encoding="utf-8")
    return text


def trainings(out: Path) -> pl.DataFrame:
    """How long each training was, what it came to, and what its last fifth gained.

    Args:
        out: the benchmark's folder.
    """
    found = []
    for place in sorted((out / "weights").glob("*/*-s*")):
        points = curve(place)
        end = points[-1] if points else (float("nan"), float("nan"))
        found.append((place.parent.name, place.name, *end, last_gain(points)))
    columns = ["task", "training", "core_minutes", "error", "last_gain"]
    return pl.DataFrame(found, schema=columns, orient="row")


def markdown(frame: pl.DataFrame) -> list[str]:
    """A table's lines.

    Args:
        frame: the table; numbers with four digits.
    """
    shown = [[_cell(v) for v in row] for row in frame.iter_rows()]
    return [
        "| " + " | ".join(frame.columns) + " |",
        "|" + "---|" * frame.width,
        *("| " + " | ".join(row) + " |" for row in shown),
        "",
    ]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if value == value else ""  # noqa: PLR0124  # nan
    return "" if value is None else str(value)


def _protocol(suite: Suite) -> str:
    seeds = f"{len(suite.seeds)} seed{'s' if len(suite.seeds) > 1 else ''}"
    of = "" if suite.people is None else f" The first {suite.people} of each kind are judged on."
    return (
        f"Each contestant learned for {suite.core_seconds:g} s of one core with {seeds}, from the same pairs; people "
        f"are on one side of the split in every direction (`splits.csv`).{of} Means over people with 95 % bootstrap "
        f"intervals; of a translated scan {suite.slices} slices are scored; seeds of a contestant are taken together. "
        "`oracle` and `voxel-wise` know the truth. A claim is "
        f"answered only where the last fifth of all its trainings gained under {100 * MOST_GAIN:.0f} % and three seeds "
        "agree."
    )


def _direction(task: str, rows: pl.DataFrame, tables: dict[str, pl.DataFrame], out: Path) -> list[str]:
    lines = [f"## {task}", ""]
    mine = rows.filter(pl.col("task") == task)
    weights = sorted((out / "weights" / task).glob("*-s*"))
    first = [
        w for w in weights if w.name.endswith(f"-s{min(int(p.name.rpartition('-s')[2]) for p in weights)}")
    ]
    for (kind,), group in mine.group_by(["kind"], maintain_order=True):
        count = group["patient"].n_unique()
        lines += [
            f"**{str(kind).capitalize()}**, {count} {'person' if count == 1 else 'people'}",
            "",
            *_means(tables["means"], task, str(kind)),
        ]
        if task != FOLLOW_UP:
            people = [out / "pairs" / task / p for p in sorted(set(group["patient"]))]
            name = f"{task}-{str(kind).replace(' ', '-')}"
            picture = slices(task, people[0], first, out / "images", name)
            lines += [f"![{task}, {kind}: source, translations, truth](images/{picture.name})", ""]
            lines += _groups(told_apart(task, first, people))
        lines += _ranks(tables["ranks"], task, str(kind))
        for title, table in lesion_tables(tables["lesions"], task, str(kind)):
            lines += [f"{title}; mean and 95 % bootstrap interval over people:", "", *markdown(table)]
    if task == FOLLOW_UP:
        lines += [line for table in evaluated(out / "scores" / task) for line in (table.markdown(), "")]
    curves(weights, out / "images" / f"{task}-curves.png")
    lines += [f"![{task}: error by minutes of training](images/{task}-curves.png)", ""]
    gains = tables["trainings"].filter(pl.col("task") == task).drop("task")
    return [*lines, *markdown(gains), *_correlated(tables["correlations"], task)]


def _means(table: pl.DataFrame, task: str, kind: str) -> list[str]:
    some = table.filter((pl.col("task") == task) & (pl.col("kind") == kind))
    shown = [m for s in _SHOWN for m in some["metric"].unique(maintain_order=True) if m.startswith(s)]
    wide: dict[str, dict[str, str]] = {}
    for row in some.filter(pl.col("metric").is_in(shown)).iter_rows(named=True):
        interval = f" [{row['low']:.3g}, {row['high']:.3g}]" if row["low"] == row["low"] else ""
        wide.setdefault(row["contestant"], {})[row["metric"]] = f"{row['mean']:.4g}{interval}"
    frame = [{"contestant": n, **{m: of.get(m, "") for m in shown}} for n, of in wide.items()]
    return markdown(pl.DataFrame(frame)) if frame else []


def _ranks(table: pl.DataFrame, task: str, kind: str) -> list[str]:
    some = table.filter((pl.col("task") == task) & (pl.col("kind") == kind))
    shown = [m for s in _SHOWN for m in some["metric"].unique(maintain_order=True) if m.startswith(s)]
    if not shown:
        return []
    wide = some.filter(pl.col("metric").is_in(shown)).pivot(
        on="contestant", index=["metric", "friedman_p"], values="rank"
    )
    return ["Mean ranks over people, 1 the best, with Friedman's p:", "", *markdown(wide)]


def _groups(table: pl.DataFrame) -> list[str]:
    if not len(table):
        return []
    note = "Slices of those judged on, by the district that was read by eye and the group whose network weighs most:"
    return [note, "", *markdown(table)]


def _correlated(table: pl.DataFrame, task: str) -> list[str]:
    some = table.filter(pl.col("task") == task)
    if not len(some):
        return []
    least = some.sort("spearman").head(_CORRELATED).drop("task")
    return [
        "Scores that agree least, by Spearman's correlation over people and contestants, better with better:", "",
        *markdown(least),
    ]  # fmt: skip


def _claims(table: pl.DataFrame) -> Sequence[str]:
    if not len(table):
        return []
    note = (
        "Differences are how much better the first is, by people: Hodges-Lehmann estimate, bootstrap interval, "
        "signed-rank test adjusted by Holm."
    )
    return ["## Claims", "", note, "", *markdown(table)]


def _lacking(table: pl.DataFrame) -> Sequence[str]:
    if not len(table):
        return []
    note = (
        f"{table['people'].sum()} scores are not finite (an image without error has no PSNR) and in no mean:"
    )
    return ["## Scores that could not be had", "", note, "", *markdown(table)]
