"""The command `rt-twin reader-study`: make one, and its results."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from scenarios.commands.arguments import JsonOption
from scenarios.commands.progress import progress_bar
from scenarios.records.schema import SIMULATED
from twin.files.atomic import atomic_file
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Few, Seed
from twin.volume import Modality

if TYPE_CHECKING:
    from scenarios.readers import Results

COMMAND = typer.Typer(
    no_args_is_help=True,
    help="Whether readers can tell simulated from real volumes: make a study, and its results.",
    add_completion=False,
)
StudyArg = Annotated[Path, typer.Argument(metavar="STUDY", help="A folder that `make` has written.")]


@COMMAND.command()
def make(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Run folders and twins.")],
    out: Annotated[Path, typer.Option(help="The folder to write; below the one that `rt-twin app` opens.")],
    reader: Annotated[list[str], typer.Option(help="NAME:EXPERIENCE, a pseudonym; may be repeated.")],
    modality: Annotated[str, typer.Option(help="Of the volumes that are judged: CT, CBCT, PT or MR.")] = "CT",
    over: Annotated[
        str | None,
        typer.Option(help="Modality that can be laid over them, as PT; only volumes with it are taken."),
    ] = None,
    cases: Annotated[int | None, typer.Option(help="How many; as many as the rarer kind allows.")] = None,
    seed: Annotated[int, typer.Option(help="Of which volumes are taken, and of their order.")] = 0,
) -> None:
    """Make a study from runs and scans: real and simulated volumes, made alike, shuffled, without labels."""
    from scenarios.readers import make_reader_study

    with progress_bar() as progress:
        study = bounded(_made, option=True)(
            make_reader_study, sources, out, reader, modality, over, cases, seed, progress
        )
    print(f"{out}: {study.record.cases} cases, half of them simulated")
    for one in study.record.readers:
        print(f"{one.name} ({one.experience}) begins at /readers?reader={one.code}")
    print(
        "Put the dashboard's address before that; such a link shows this study to this reader and nothing else."
    )
    print(SIMULATED)


def _made(
    make_study: Any, sources: list[Path], out: Path, reader: list[str], modality: str, over: str | None,
    cases: Few | None, seed: Seed, progress: Any,
) -> Any:  # fmt: skip
    kinds = cast(Modality, modality.upper()), None if over is None else cast(Modality, over.upper())
    return make_study(
        sources, out, reader, modality=kinds[0], over=kinds[1], cases=cases, seed=seed, told=progress
    )


@COMMAND.command()
def score(
    study: StudyArg,
    csv: Annotated[Path | None, typer.Option(help="Write all answers with the truth to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Accuracy with Wilson intervals, ROC over confidence, agreement, and a mixed logistic model."""
    from scenarios.readers import load_reader_study, results_of

    found = results_of(load_reader_study(study))
    if csv is not None:
        with atomic_file(csv) as part:
            found.answers.write_csv(part)
    print(json.dumps(facts_of(found), indent=1)) if as_json else _print(found)


def facts_of(results: Results) -> dict[str, Any]:
    """Results as JSON has them.

    Args:
        results: of a study.
    """
    curves = {
        name: None
        if c is None
        else {"area": c.area, **({} if name == "all" else {"low": c.low, "high": c.high})}
        for name, c in results.curves.items()
    }
    return {
        "shares": results.shares.to_dicts(),
        "quality": results.quality.to_dicts(),
        "roc_area": curves,
        "fleiss_kappa": None if results.kappa != results.kappa else results.kappa,
        "kappa_cases": results.kappa_cases,
        "mixed_model": [asdict(effect) for effect in results.effects],
        "notes": list(results.notes),
    }


def _print(results: Results) -> None:
    print("share right [95 %, Wilson, as if answers were independent]")
    for row in results.shares.iter_rows(named=True):
        if row["n"]:
            print(
                f"  {row['name']}, {row['measure']}: {100 * row['share']:.0f} % [{100 * row['low']:.0f} to "
                f"{100 * row['high']:.0f} %], {row['right']} of {row['n']}"
            )
    for name, curve in results.curves.items():
        if curve is not None:
            ends = "" if name == "all" else f" [{curve.low:.2f} to {curve.high:.2f}]"
            print(f"area under the ROC over confidence, {name}: {curve.area:.2f}{ends}")
    if results.kappa == results.kappa:
        print(f"Fleiss' kappa: {results.kappa:.2f} over {results.kappa_cases} cases that all have judged")
    for effect in results.effects:
        print(f"mixed model, {effect.name}: {effect.odds:.2f} [{effect.low:.2f} to {effect.high:.2f}]")
    for note in results.notes:
        print(f"note: {note}")
