"""The command `rt-twin`."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from twin.errors import InputError

app = typer.Typer(
    name="rt-twin",
    help="Digital-twin simulation of longitudinal radiotherapy. SIMULATED - research use only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
TwinArg = Annotated[Path, typer.Argument(metavar="TWIN", help="A NAME.twin folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command; a user's mistake is one sentence on stderr and exit status 2."""
    try:
        app()
    except InputError as error:
        print(f"rt-twin: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(0)


@app.command()
def phantom(
    out: Annotated[Path, typer.Argument(metavar="OUT.twin", help="The twin folder to write.")],
    seed: Annotated[int, typer.Option(help="Another seed, another patient.")] = 7,
    gtv_cm3: Annotated[float, typer.Option("--gtv-cm3", help="Tumour volume, cm3.")] = 60.0,
    site: Annotated[str, typer.Option(help="central or peripheral")] = "central",
    nodes: Annotated[bool, typer.Option("--nodes", help="With involved nodes.")] = False,
) -> None:
    """Make an in-silico NSCLC patient; its truth is written beside the twin as truth.json."""
    from simulators.insilico.patient import make_patient
    from twin.files.atomic import atomic_file
    from twin.files.folder import TRUTH

    _free(out)
    twin, truth = make_patient(seed, gtv_cm3=gtv_cm3, site=site, nodes=nodes)  # type: ignore[arg-type]
    twin.save(out)
    with atomic_file(out / TRUTH) as file:
        file.write_text(json.dumps(truth, indent=1))
    print(f"{out}: in-silico patient {twin.id}, GTV {twin.gtv_cm3:.1f} cm3")


@app.command("import")
def import_(
    src: Annotated[Path, typer.Argument(help="DICOM folder or zip, or a NIfTI or NRRD CT.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.twin", help="The twin folder to write.")],
    clinical: Annotated[Path | None, typer.Option(help="Clinical record, JSON.")] = None,
    gtv: Annotated[
        list[str] | None, typer.Option(help="Name of the tumour's structure; may be repeated.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="Tumour mask on the CT's grid, NIfTI or NRRD.")] = None,
    day: Annotated[
        list[str] | None, typer.Option(help="FILE=DAY of a series without a date; may be repeated.")
    ] = None,
    delivered_from: Annotated[
        float | None, typer.Option(help="Day of the first fraction, where the plans were delivered.")
    ] = None,
) -> None:
    """Make a twin from a patient's images."""
    from scenarios.commands.describe import print_notes
    from twin.importer import import_patient

    _free(out)
    days = dict(_file_day(text) for text in day or ())
    twin = import_patient(
        src, clinical=clinical, gtv=tuple(gtv or ()), mask=mask, days=days, delivered_from=delivered_from
    )
    twin.save(out)
    print(f"{out}: patient {twin.id}, GTV {twin.gtv_cm3:.1f} cm3")
    print_notes(twin)


def _file_day(text: str) -> tuple[str, float]:
    file, _, day = text.rpartition("=")
    try:
        return (file or day), float(day)
    except ValueError:
        raise InputError(f"--day takes FILE=DAY, for example scan-2=21, not {text!r}") from None


@app.command()
def show(twin: TwinArg, as_json: JsonOption = False) -> None:
    """Say what a twin holds."""
    from scenarios.commands.describe import describe
    from twin import PatientTwin

    _print(describe(PatientTwin.load(twin)), as_json)


@app.command()
def compare(
    twin: TwinArg,
    plan: Annotated[
        list[str], typer.Option(help="60/30, 54/36 tid, +20/8, none, or a YAML file; may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    days: Annotated[float, typer.Option(help="How far to look, days from day 0.")] = 365,
    samples: Annotated[int, typer.Option(help="Samples of the belief.")] = 200,
    image_samples: Annotated[int, typer.Option(help="Samples that get follow-up images.")] = 1,
    seed: Annotated[int, typer.Option(help="Root of all chance.")] = 0,
    generator: Annotated[
        str, typer.Option(help="Of the follow-up CT: auto, mechanistic, or weights by name or folder.")
    ] = "auto",
    scanner: Annotated[list[str] | None, typer.Option(help="Virtual scanner: pet; may be repeated.")] = None,
) -> None:
    """Compare treatment plans for one patient and write a run folder with a report."""
    from scenarios.commands.describe import print_comparison
    from scenarios.comparison.steps import compare as run
    from scenarios.plans.scenario import Scenario
    from scenarios.records.request import request_hash
    from scenarios.records.run import may_write
    from twin import PatientTwin

    plans = [Scenario.parse(text) for text in plan]
    patient = PatientTwin.load(twin)
    asked: dict[str, Any] = {
        "days": days,
        "samples": samples,
        "image_samples": image_samples,
        "seed": seed,
        "generator": generator,
        "scanners": tuple(scanner or ()),
    }
    may_write(out, request_hash(patient, plans, **asked))
    with _progress() as progress:
        result = run(patient, plans, **asked, progress=progress)
        progress("writing", 1.0)
        result.save(out)
    print_comparison(result)
    print(f"\n{out / 'report.html'} is the report; for the dashboard run: rt-twin app {out.parent}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with images.")],
    dicom: Annotated[Path, typer.Option(help="The folder to write: follow-up CT, RTSTRUCT, RTPLAN, RTDOSE.")],
) -> None:
    """Export a run's follow-ups as DICOM."""
    from scenarios.records.run import load
    from scenarios.report.export import export_dicom

    count = export_dicom(load(run), dicom)
    print(f"{dicom}: {count} follow-ups and the baseline")


@app.command()
def cohort(
    out: Annotated[Path, typer.Option(help="The folder to write; the same command again resumes.")],
    plan: Annotated[
        list[str] | None,
        typer.Option(help="60/30, 54/36 tid, none, or a YAML file; the first is the reference."),
    ] = None,
    n: Annotated[int | None, typer.Option("--n", help="Sample so many patients, or")] = None,
    table: Annotated[Path | None, typer.Option(help="take the rows of a CSV or Parquet table, or")] = None,
    twins: Annotated[Path | None, typer.Option(help="take the twins of a folder.")] = None,
    days: Annotated[float, typer.Option(help="How far to look, days from day 0.")] = 365,
    samples: Annotated[int, typer.Option(help="Samples of each patient's belief.")] = 200,
    seed: Annotated[int, typer.Option(help="Root of all chance.")] = 0,
    image_samples: Annotated[
        int, typer.Option(help="With --twins: samples that get follow-up images; each run is kept.")
    ] = 0,
    generator: Annotated[str, typer.Option(help="Of these: auto or mechanistic.")] = "auto",
    executor: Annotated[str, typer.Option(help="local, or ray (the cluster at RAY_ADDRESS).")] = "local",
    images: Annotated[
        bool, typer.Option("--images", help="Make a longitudinal set of CTs instead, for training.")
    ] = False,
    truth: Annotated[
        bool, typer.Option("--truth", help="With --images: the truth under every plan.")
    ] = False,
    workers: Annotated[int, typer.Option(help="With --images: processes.")] = 2,
) -> None:
    """Compare treatment plans in a cohort of patients, or make a longitudinal set of images (--images)."""
    from scenarios.plans.scenario import Scenario
    from scenarios.study.cohort import cohort_from
    from scenarios.study.executor import mapper
    from scenarios.study.imaged import hold_generator
    from scenarios.study.parts import run_study
    from scenarios.study.terminal import print_study

    if images:
        _longitudinal_set(out, n, twins, seed, truth, workers, refused=bool(plan or table))
        return
    if not plan:
        raise InputError("a cohort needs a plan; give --plan 60/30 (only --images does without)")
    patients = cohort_from(n, table, twins, seed)
    plans = [Scenario.parse(text) for text in plan]
    hold = partial(hold_generator, generator) if image_samples else None
    asked: dict[str, Any] = {
        "days": days,
        "samples": samples,
        "seed": seed,
        "image_samples": image_samples,
        "generator": generator,
        "map_chunks": mapper(executor, hold),
    }
    with _progress() as progress:
        study = run_study(patients, plans, out, **asked, progress=progress)
    print_study(study)
    print(f"\nthe tables are in {out}; read them with scenarios.study.parts.load_study")


def _longitudinal_set(
    out: Path, n: int | None, twins: Path | None, seed: int, truth: bool, workers: int, *, refused: bool
) -> None:
    from scenarios.datasets.longitudinal import SetRequest, make_set

    if refused:
        raise InputError("--images takes its plans from its own menu, and neither --plan nor --table")
    if n is None and twins is None:
        raise InputError("a longitudinal set needs --n, --twins, or both")
    request = SetRequest.of(n, twins, seed=seed, truth=truth)
    with _progress() as progress:
        rows = make_set(request, out, workers=workers, progress=progress)
    failed = [row for row in rows if "failed" in row]
    print(f"{out}: {len(rows) - len(failed)} patients, {len(failed)} failed")
    for row in failed[:10]:
        print(f"  {row['id']}: {row['failed']}")


@app.command()
def clinic(
    file: Annotated[
        Path | None, typer.Argument(metavar="[YAML]", help="Department and referrals; else the default ones.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write, for the dashboard.")] = None,
    days: Annotated[int, typer.Option(help="How long, after the warm-up.")] = 365,
    warm_up: Annotated[int, typer.Option(help="Days before, in which the department fills.")] = 90,
    seed: Annotated[int, typer.Option(help="Another seed, other patients.")] = 0,
    samples: Annotated[int, typer.Option(help="Samples for the price in control; 0 leaves it out.")] = 64,
    as_json: JsonOption = False,
) -> None:
    """Simulate a radiotherapy department: waiting, overtime, late replans, and what they cost in control."""
    from scenarios.clinic.department import Clinic, Referrals, clinic_from_yaml, simulate_clinic
    from scenarios.clinic.run import print_clinic, summary_of

    department, referrals = clinic_from_yaml(file) if file is not None else (Clinic(), Referrals())
    run = simulate_clinic(department, referrals, days=days, warm_up_days=warm_up, seed=seed, samples=samples)
    if out is not None:
        run.save(out)
    print(json.dumps(summary_of(run), indent=1)) if as_json else print_clinic(run)


@app.command()
def observe(
    twin: TwinArg,
    day: Annotated[float, typer.Option(help="Day of the observation, from day 0.")],
    gtv_cm3: Annotated[float | None, typer.Option("--gtv-cm3", help="Measured tumour volume, cm3.")] = None,
    scan: Annotated[Path | None, typer.Option(help="The CT of that day, NIfTI or NRRD.")] = None,
    mask: Annotated[Path | None, typer.Option(help="The tumour on that CT.")] = None,
    plan: Annotated[
        str | None, typer.Option(help="Record this plan's fractions up to that day first.")
    ] = None,
) -> None:
    """Add an observation to a twin, and the fractions delivered before it, and let its belief learn from it."""
    from scenarios.engine.observation import observe as add
    from scenarios.plans.scenario import Scenario
    from simulators.belief.update import update_belief
    from twin import PatientTwin

    delivered = None if plan is None else Scenario.parse(plan)
    patient = update_belief(
        add(PatientTwin.load(twin), day, gtv_cm3=gtv_cm3, scan=scan, mask=mask, plan=delivered)
    )
    patient.save(twin)
    last = patient.observations[-1]
    print(
        f"{twin}: {last.value:.1f} cm3 on day {last.time_days:g}, {len(patient.fractions)} fractions delivered"
    )
    if patient.belief is not None and patient.belief.ess is not None:
        print(f"belief: posterior of {patient.belief.n} samples, effectively {patient.belief.ess:.0f}")


@app.command()
def train(
    sets: Annotated[
        list[Path], typer.Argument(metavar="SET...", help="Folders of twins with two CTs or more.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write; the same command again goes on.")],
    config: Annotated[str, typer.Option(help="bridge, pix2pix, diffusion, or a YAML file.")] = "bridge",
    minutes: Annotated[float | None, typer.Option(help="How long, in place of the config's own.")] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where the examples are kept, to share them.", envvar="RT_TWIN_CACHE")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
) -> None:
    """Train a generator of follow-up CTs on patients with two CTs or more."""
    from scenarios.datasets.train import train as run

    with _progress() as progress:
        done = run(sets, config, out, minutes=minutes, cache=cache, device=device, progress=progress)
    print(f"{done.out}: trained on {done.pairs} pairs of {done.patients} patients, {done.skipped} had none")
    print(", ".join(f"{name} {value:g}" for name, value in done.figures.items()))


@app.command()
def evaluate(
    held_out: Annotated[Path, typer.Argument(metavar="SET", help="A longitudinal set made with --truth.")],
    out: Annotated[Path, typer.Option(help="The folder to write; the same command again goes on.")],
    generator: Annotated[
        list[str] | None,
        typer.Option(help="Weights by name or folder, NAME@N for N evaluations; may be repeated."),
    ] = None,
    patients: Annotated[int | None, typer.Option(help="At most so many of the set.")] = None,
    days: Annotated[int, typer.Option(help="Follow-up days of a patient whose images are judged.")] = 2,
    plans: Annotated[int, typer.Option(help="Plans of a patient whose images are judged.")] = 2,
    samples: Annotated[int, typer.Option(help="Free samples of one follow-up of a patient.")] = 8,
    workers: Annotated[int, typer.Option(help="Processes, one thread each.")] = 2,
    pictures: Annotated[int, typer.Option(help="Patients to picture, slice beside slice.")] = 0,
    cost: Annotated[bool, typer.Option(help="Measure time and memory at the end.")] = True,
    cards: Annotated[
        bool, typer.Option(help="Write the tables into the model cards of the weights.")
    ] = False,
) -> None:
    """Judge generators on held-out patients whose follow-up is known under every plan."""
    from scenarios.benchmark.report import run_evaluation
    from scenarios.benchmark.scores import Scope

    scope = Scope(days, plans, samples)
    with _progress() as progress:
        text = run_evaluation(
            held_out, generator or [], out, scope=scope, patients=patients, workers=workers, n_pictures=pictures,
            cost=cost, cards=cards, progress=progress,
        )  # fmt: skip
    print(text)


@app.command()
def ablate(
    learn: Annotated[Path, typer.Argument(metavar="SET", help="The set to learn from.")],
    held_out: Annotated[Path, typer.Argument(metavar="HELD", help="A set with truth, of other patients.")],
    out: Annotated[Path, typer.Option(help="The folder to write; the same command again goes on.")],
    steps: Annotated[int, typer.Option(min=1, help="Of each of the 16 trainings.")] = 400,
    patients: Annotated[int, typer.Option(help="Of the held-out set.")] = 40,
    cache: Annotated[Path | None, typer.Option(help="Examples of an earlier training.")] = None,
) -> None:
    """Train generators with and without dose and clinical conditions, and say what the conditions are worth."""
    from scenarios.benchmark.ablation import ablate as run

    with _progress() as progress:
        table = run(learn, held_out, out, steps=steps, patients=patients, cache=cache, progress=progress)
    print(table.markdown())


@app.command(name="app")
def serve_app(
    folder: Annotated[Path, typer.Argument(help="Folder with runs and twins.")] = Path("."),
    port: Annotated[int, typer.Option(help="Port on the loopback interface.")] = 8050,
) -> None:
    """Open the dashboard on this machine."""
    from importlib import import_module

    # The dashboards stand above this floor: they are started by name, never imported.
    try:
        serve = import_module("dashboards.app").serve
    except ModuleNotFoundError as error:
        raise InputError(f"the dashboard needs {error.name}: pip install 'rt-twin[app]'") from None
    serve(folder, port)


@app.command()
def bed(
    plan: Annotated[str, typer.Argument(help="60/30, 54/36 tid, ...")],
    alpha_beta: Annotated[float, typer.Option(help="alpha/beta, Gy.")] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Biologically effective dose of a plan (no repopulation, complete repair)."""
    from scenarios.plans.plan import TreatmentPlan
    from simulators.tumour.radiobiology import bed as biologically_effective_dose
    from simulators.tumour.radiobiology import eqd2

    if not 0 < alpha_beta < float("inf"):
        raise InputError(f"--alpha-beta must be positive, not {alpha_beta:g}")
    phases = TreatmentPlan.parse(plan).phases
    result = {
        "bed_gy": float(
            sum(biologically_effective_dose(p.total_gy, p.fraction_gy, alpha_beta) for p in phases)
        ),
        "eqd2_gy": float(sum(eqd2(p.total_gy, p.fraction_gy, alpha_beta) for p in phases)),
    }
    _print(result, as_json)


@app.command()
def validate(as_json: JsonOption = False) -> None:
    """Hold the engine against exact values and published outcomes; what misses stays in the table."""
    from scenarios.commands.describe import print_validation
    from scenarios.validation.checks import validate as rows_of

    rows = rows_of()
    if as_json:
        print(json.dumps([row.as_dict() for row in rows], indent=1))
    else:
        print_validation(rows)


def _free(out: Path) -> None:
    """Refuse early what writing would refuse late."""
    if out.exists():
        raise InputError(f"{out} already exists; choose another name or remove it")


def _print(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts, indent=1))
        return
    from scenarios.commands.describe import print_facts

    print_facts(facts)


class _progress:
    """A progress bar on stderr; silent where stderr is no terminal."""

    def __enter__(self):
        if (
            os.environ.get("RT_TWIN_PROGRESS") == "lines"
        ):  # for programs that start this one and show its progress
            self._bar = None
            return lambda step, share: print(f"progress {share:.3f} {step}", file=sys.stderr, flush=True)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description:<14}"), BarColumn(), TimeElapsedColumn())
        console = Console(stderr=True)
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._bar.start()
        self._task = self._bar.add_task("reading", total=1.0)
        return lambda step, share: self._bar.update(self._task, description=step, completed=share)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


if __name__ == "__main__":
    main()
