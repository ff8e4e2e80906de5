"""What an evaluation leaves behind: tables, pictures, and the cards of the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from scenarios.benchmark.contestant import YARDSTICKS
from scenarios.benchmark.cost import cost_of
from scenarios.benchmark.evaluation import Progress, evaluate
from scenarios.benchmark.follow_ups import FollowUpJudge
from scenarios.benchmark.names import label
from scenarios.benchmark.patient import HeldOut
from scenarios.benchmark.picture import picture
from scenarios.benchmark.scores import Scope
from scenarios.benchmark.tables import Table, markdown, tables
from scenarios.records.schema import SIMULATED
from simulators.insilico.sets import IMPORTED
from simulators.learned.weights import FOLLOW_UP, facts, fingerprint, located, plain
from simulators.tasks.crop import DOMAIN
from twin.files.atomic import atomic_file, growing_folder
from twin.files.lock import held

TABLES = "tables.md"
_CARD_BEGIN, _CARD_END = "<!-- figures: begin -->", "<!-- figures: end -->"


def run_evaluation(
    folder: Path,
    generators: Sequence[str],
    out: Path,
    *,
    scope: Scope,
    patients: int | None,
    workers: int,
    n_pictures: int,
    cost: bool,
    cards: bool,
    progress: Progress,
) -> str:
    """Judge generators and write all that an evaluation leaves behind.

    Args:
        folder, generators, out, scope, patients, workers, progress: as for `evaluate`.
        n_pictures: patients to picture.
        cost: whether time and memory are measured.
        cards: whether the tables go into the model cards.

    Returns:
        The tables as Markdown.
    """
    with growing_folder(out):
        scores = evaluate(
            folder,
            generators,
            out,
            FollowUpJudge(scope),
            patients=patients,
            workers=workers,
            progress=progress,
        )
        if n_pictures:
            progress("pictures", 1.0)
            pictures(folder, generators, out, n_pictures)
        progress("tables", 1.0)
        found = report(folder, generators, out, scores, cost=cost)
    if cards:
        for name in generators:
            if name not in YARDSTICKS:
                write_card(located(plain(name), FOLLOW_UP).folder, out, found)
    return markdown(found)


def report(
    folder: Path, generators: Sequence[str], out: Path, scores: pl.DataFrame, *, cost: bool = True
) -> list[Table]:
    """Write the tables: one CSV each, and all of them as Markdown.

    Args:
        folder: the set.
        generators: those judged beside the yardsticks.
        out: the evaluation's folder.
        scores: its rows.
        cost: whether time and memory are measured.
    """
    measured = cost_of(out, folder, ["mechanistic", *generators]) if cost else None
    found = tables(scores, measured)
    for table in found:
        with atomic_file(out / "tables" / f"{table.name}.csv") as part:
            table.frame.write_csv(part)
    with atomic_file(out / TABLES) as part:
        part.write_text(f"{_about(out)}\n\n{markdown(found)}", encoding="utf-8")
    return found


def pictures(folder: Path, generators: Sequence[str], out: Path, n: int) -> list[Path]:
    """Pictures of the first n patients, each on the last day whose image was judged.

    Args:
        folder: the set.
        generators: rows of each picture after the mechanistic generator's.
        out: the evaluation's folder; they lie in `pictures`.
        n: how many patients.
    """
    made = []
    for row in FollowUpJudge().patients(folder)[:n]:
        held = HeldOut.load(folder, row)
        case = max(held.cases(2, 1), key=lambda c: c.day)
        file = out / "pictures" / f"{held.id}-{case.plan}-d{case.day:03.0f}.png"
        picture(held, case, ["mechanistic", *generators], file)
        made.append(file)
    return made


def write_card(weights: Path, out: Path, found: Sequence[Table]) -> Path:
    """Put an evaluation's tables into the model card of some weights, README.md beside them.

    It begins with what the weights say of themselves; what was written by hand after the figures stays.

    Args:
        weights: their folder.
        out: the evaluation's folder.
        found: its tables.
    """
    file = weights / "README.md"
    figures = f"{_about(out)}\n\n{markdown([_for(table, weights.name) for table in found])}"
    with held(file):
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        tail = before.partition(_CARD_END)[2] if _CARD_END in before else f"\n{before}"
        with atomic_file(file) as part:
            part.write_text(
                f"{_begun(weights)}\n## Figures\n\n{_CARD_BEGIN}\n{figures}{_CARD_END}{tail}",
                encoding="utf-8",
            )
    return file


def _for(table: Table, name: str) -> Table:
    """A table with the rows of one generator, and of those that are no weights."""
    if "generator" not in table.frame.columns:
        kept = table.frame.filter(pl.col("generators").str.contains(name, literal=True))
    else:
        own = pl.col("generator").str.replace(r"[@+].*$", "") == name
        kept = table.frame.filter(own | pl.col("generator").is_in([*YARDSTICKS, "best possible"]))
    return Table(table.name, table.title, table.note, kept)


_UNSURE = ", trained elsewhere: whether on these patients cannot be told here"


def _about(out: Path) -> str:
    """What was evaluated, in one paragraph."""
    record = json.loads((out / "evaluation.json").read_text())
    made, scope = record["set"], record["scope"]
    source = _source(made)
    judged = ", ".join(
        f"{name} (weights {v['weights']}{_UNSURE if v.get('held_out', True) is None else ''})"
        for name, v in record["generators"].items()
        if v.get("weights")
    )
    return (
        f"{SIMULATED}. {record['patients']} held-out patients ({source}), {scope['days']} follow-up days and "
        f"{scope['plans']} plans of each in images, "
        f"{scope['samples']} free samples. Judged: {judged or 'no learned generator'}."
    )


def _source(made: Mapping[str, Any]) -> str:
    """Where the patients come from."""
    if made["simulator"] == IMPORTED:
        return (
            "a centre's: the truth is the follow-up CT as it was acquired, registered and drawn, under what was given; "
            "noise, breathing and the contour's error are in it"
        )
    source = "real baseline CTs" if made.get("twins") else "in-silico thoraces"
    return f"{source}, {made['simulator']}, seeds from {made['seed']}"


def _begun(weights: Path) -> str:
    """A card's beginning, from the configuration of the weights."""
    known = facts(weights)
    size = sum(f.stat().st_size for f in weights.glob("*.safetensors")) / 1e6
    lines = [
        f"# {label(str(weights))}",
        "",
        f"{SIMULATED}. A generator of follow-up CTs: {known.get('_class_name', 'model')}, "
        f"{known.get('slices', 1)} slice(s), {size:.1f} MB, version {fingerprint(weights)}.",
        "",
        f"Learned from {len(known.get('trained_on', []))} patients. Domain (outside it `--generator auto` falls back "
        "to the mechanistic generator):",
        "",
        *(
            f"- {DOMAIN[name].format(f'{low:g} to {high:g}')}"
            for name, (low, high) in known.get("domain", {}).items()
        ),
        "- lung; CT; the tumour with 3 cm around it fits into 192 x 192 x 192 mm",
        "",
    ]
    return "\n".join(lines)
