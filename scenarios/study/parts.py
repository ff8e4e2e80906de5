"""A cohort times scenarios: parts of like cost, each written when whole, merged in order, and resumed."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import polars as pl

from scenarios.engine.courses import realise
from scenarios.matching.doses import ORGAN_DOSES
from scenarios.plans.plan import TreatmentPlan
from scenarios.plans.scenario import Scenario, distinct
from scenarios.records.budget import batch_size
from scenarios.records.former import modern
from scenarios.records.request import others_code, versions
from scenarios.records.study_file import RECORD, StudyRecord, read_record, write_record
from scenarios.records.study_schema import PART_SCHEMAS, SUMMARY_SCHEMAS
from scenarios.study.cohort import Cohort, FolderCohort, pieces
from scenarios.study.extension import HELD, PARTS, RUNS, check_agree, check_extends, hold, missing_jobs, woven
from scenarios.study.imaged import hold_generator
from scenarios.study.part import PartJob, run_part
from scenarios.study.settings import Settings
from scenarios.study.summary import summarise_study
from simulators.belief.prior import CLINICAL, PriorSet
from simulators.calibration.posterior import FROZEN
from simulators.core.kinetics import TumourModel
from simulators.core.outcome import OutcomeModel
from simulators.kinetics.standard import StandardTumour
from simulators.names.kinetics import kinetics_named
from simulators.names.outcomes import OUTCOMES_BY_DEFAULT, outcome_model_named
from simulators.outcome.calibrated import CalibratedOutcomes
from twin import InputError, PatientTwin
from twin.files.atomic import atomic_file, atomic_folder, growing_folder, is_taken
from twin.files.lock import remove
from twin.files.tables import read_table, scan_table
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Horizon, PartSize, Samples, Seed, SomeSamples

_MOST, _LEAST = 1000, 10  # patients of a part
_STATES = 1000 * 3 * 200 * 365  # of a part: patients x plans x samples x days
MapChunks = Callable[[Callable[[PartJob], Any], Iterable[PartJob]], Iterable[Any]]
Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Study:
    """The result of a study, on disk; tables are read when asked for.

    Args:
        folder: where they lie.
        record: what was asked for.
    """

    folder: Path
    record: StudyRecord

    def scan(self, name: str) -> pl.LazyFrame:
        """A table without reading it; the names are those of `scenarios.records.study_schema`."""
        return modern(name, scan_table(self.folder / f"{name}.parquet"), _TABLES[name])

    def __getattr__(self, name: str) -> pl.DataFrame:
        if name in _TABLES:
            schema = _TABLES[name]
            return read_table(self.folder / f"{name}.parquet", schema, lambda t: modern(name, t, schema))
        raise AttributeError(f"a study has no {name!r}; its tables are {', '.join(_TABLES)}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_TABLES]

    def __repr__(self) -> str:
        record = self.record
        plans = ", ".join(record.plans)
        kept = f", reused: {record.reused}" if record.reused else ""
        return f"<Study of {record.patients} patients: {plans}; {record.days:g} days{kept}, in {self.folder}>"

    @property
    def failed(self) -> pl.DataFrame:
        """Patients who could not be simulated, and why."""
        return self.patients.filter(pl.col("fault").is_not_null()).select("patient", "fault")


_MERGED = tuple(name for name in PART_SCHEMAS if name not in ("arms", "draws"))
_TABLES = {name: PART_SCHEMAS[name] for name in _MERGED} | SUMMARY_SCHEMAS


@bounded
def run_study(
    cohort: Cohort,
    scenarios: Sequence[TreatmentPlan | Scenario],
    out: str | PathLike[str],
    *,
    days: Horizon = 365,
    samples: Samples = 200,
    seed: Seed = 0,
    image_samples: SomeSamples = 0,
    generator: str = "auto",
    prior: PriorSet = CLINICAL,
    kinetics: str | TumourModel = "standard",
    outcomes: str | OutcomeModel = OUTCOMES_BY_DEFAULT,
    map_chunks: MapChunks = map,
    part: PartSize | None = None,
    extend: bool = False,
    progress: Progress | None = None,
) -> Study:
    """What each plan would do to every patient of a cohort, paired under common random numbers.

    A patient who fails is a row of `patients` with the reason, and a `UserWarning` says the first; where all fail, no
    study is left. The same call again goes on where an interrupted one stopped, and ends with the same tables. Code
    that is not this project's own, a policy's for instance, is part of what was asked for: changed, it is another
    study.

    Args:
        cohort: the patients.
        scenarios: whole courses from day 0; the first is the reference of the contrasts.
        out: the folder to write.
        days: how far to look, days from day 0.
        samples: samples of each patient's belief.
        seed: root of all chance.
        image_samples: samples of each twin that get follow-up images; the whole run of each is then written to
            `runs/` in the folder, as `compare` writes it.
        generator: of these images.
        prior: of the tumour; the truth of sampled and tabled patients is drawn from it too.
        kinetics: tumour model, by name or as an object. Sampled and tabled patients take the standard one with any
            parameters.
        outcomes: outcome model, by name or as an object; of these patients the calibrated one.
        map_chunks: applies a function to the parts, like `map`; results may come in any order.
        part: patients in a part, which a kill may lose; None: a twin, or seconds of numbers. Tables stay the same.
        extend: keep what the folder's study holds, and compute what is new: further sampled patients, or further plans.
        progress: called with a step's name and the share of all work that is done.

    Raises:
        InputError: a folder that holds something else, plans that cannot be, a bad number, or no patient who could be
            simulated.
    """
    settings = Settings(
        days, samples, seed, image_samples=image_samples, generator=generator, prior=prior,
        kinetics=kinetics_named(kinetics), outcomes=outcome_model_named(outcomes),
    )  # fmt: skip
    return _run(cohort, distinct(scenarios), settings, Path(out), map_chunks, part, extend, progress)


def _run(
    cohort: Cohort,
    plans: Sequence[Scenario],
    settings: Settings,
    folder: Path,
    map_chunks: MapChunks,
    part: int | None,
    extend: bool,
    progress: Progress | None,
) -> Study:
    part = part or _part_size(cohort, plans, settings)
    _check(cohort, plans, settings, part)
    record = _record(cohort, plans, settings, part)
    say = progress or (lambda step, share: None)
    with growing_folder(folder, worth="*/*"):
        if _begin(folder, record, cohort, extend):
            return load_study(folder)
        parts = _parts(folder, cohort, plans, settings, part)
        _compute(parts, map_chunks, say)
        _tell_of_faults(folder, list(parts))
        say("merging", 0.95)
        _merge(folder, parts, record)
        say("done", 1.0)
        return load_study(folder)


def _parts(
    folder: Path, cohort: Cohort, plans: Sequence[Scenario], settings: Settings, part: int
) -> dict[Path, PartJob]:
    """What has to be done, by the folder that each part fills."""
    if (folder / PARTS / HELD).is_dir():
        jobs = missing_jobs(cohort, plans, settings, part, read_record(folder / PARTS / HELD))
    else:
        runs = folder.absolute() / RUNS if settings.image_samples else None
        bounds = enumerate(pieces(cohort.n, part))
        jobs = [PartJob(i, cohort, begin, end, tuple(plans), settings, runs) for i, (begin, end) in bounds]
    return {folder / PARTS / f"{job.index:05d}": job for job in jobs}


def _part_size(cohort: Cohort, plans: Sequence[Scenario], settings: Settings) -> int:
    if isinstance(cohort, FolderCohort):
        return 1
    one = len(plans) * settings.samples * max(1.0, settings.days)
    return int(min(_MOST, max(_LEAST, _STATES // one)))


def _compute(parts: Mapping[Path, PartJob], map_chunks: MapChunks, say: Progress) -> None:
    """Compute the parts that are not there yet, each into its folder."""
    folders = list(parts)
    jobs = [job for place, job in parts.items() if not place.exists()]
    done = len(folders) - len(jobs)
    say("patients", 0.95 * done / len(folders))
    for index, tables in map_chunks(run_part, jobs):
        with atomic_folder(folders[index]) as part:
            for name, data in tables.items():
                (part / f"{name}.parquet").write_bytes(data)
        done += 1
        say("patients", 0.95 * done / len(folders))


def _tell_of_faults(folder: Path, parts: Sequence[Path]) -> None:
    """Warn of patients who failed.

    Raises:
        InputError: all failed; the folder of the study is gone then, so that the mended call can start.
    """
    patients = pl.concat([read_table(p / "patients.parquet") for p in parts])
    failed = patients.filter(pl.col("fault").is_not_null())
    if failed.is_empty():
        return
    first = "{patient}: {fault}".format(**failed.row(0, named=True))
    if len(failed) == len(patients) and not (folder / PARTS / HELD).is_dir():
        remove(folder)
        raise InputError(f"none of the {len(patients)} patients could be simulated; the first, {first}")
    warnings.warn(f"{len(failed)} of {len(patients)} patients failed; the first, {first}", stacklevel=3)


def load_study(path: str | PathLike[str]) -> Study:
    """Read the folder of a complete study.

    Raises:
        InputError: no such study, a newer format, or one that was interrupted.
    """
    folder = Path(path)
    record = read_record(folder)
    if not record.complete:
        raise InputError(f"the study in {folder} was interrupted; run the same command again to finish it")
    return Study(folder, record)


def _check(cohort: Cohort, plans: Sequence[Scenario], settings: Settings, part: int) -> None:
    if settings.image_samples > settings.samples:
        raise InputError(f"{settings.samples} samples cannot have the images of {settings.image_samples}")
    batch_size(len(plans), settings.samples, settings.days, min(part, cohort.n))  # refuses what is too much
    if isinstance(cohort, FolderCohort):
        if settings.image_samples:
            hold_generator(settings.generator)
        return
    if settings.image_samples:
        raise InputError("follow-up images need patients with images; give a folder of twins with --twins")
    for model, kind in ((settings.kinetics, StandardTumour), (settings.outcomes, CalibratedOutcomes)):
        if type(model) is not kind:
            raise InputError(
                f"patients without images take the model {kind.name!r}, with any parameters, and not {model.name!r}; "
                "give a folder of twins with --twins"
            )
    for scenario in plans:
        if scenario.plan.more:
            raise InputError(f"the plan {scenario.label} needs delivered fractions, which only twins have")
        if scenario.policy is not None and scenario.policy.pixels:
            raise InputError(
                f"the policy of {scenario.label} looks at images, which a sampled or tabled cohort has not; "
                f"give a folder of twins with --twins"
            )
        realise(scenario, PatientTwin("anyone"), settings.days)


def _record(cohort: Cohort, plans: Sequence[Scenario], settings: Settings, part: int) -> StudyRecord:
    dumped = [s.model_dump_json() for s in plans]
    models = others_code([], [settings.kinetics, settings.outcomes])
    basis = [settings.said, repr(sorted(versions().items())), *models, *_carried()]
    asked = [cohort.fingerprint, *dumped, *basis, str(part), *others_code(plans)]
    return StudyRecord(
        cohort=cohort.description,
        patients=cohort.n,
        plans=tuple(s.slug for s in plans),
        scenarios=tuple(json.loads(d) for d in dumped),
        days=settings.days,
        samples=settings.samples,
        seed=settings.seed,
        level=settings.level,
        assumptions=settings.assumptions,
        part=part,
        versions=versions(),
        request=_digest(asked),
        who=cohort.fingerprint,
        basis=_digest(basis),
        each=tuple(_digest([text, *others_code([plan])]) for text, plan in zip(dumped, plans, strict=True)),
    )


def _carried() -> list[str]:
    """Digests of the tables that the package carries and that outcomes come from; they change between versions."""
    return [hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest() for file in (FROZEN, ORGAN_DOSES)]


def _digest(words: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(words).encode(), digest_size=16).hexdigest()


def _begin(folder: Path, record: StudyRecord, cohort: Cohort, extend: bool) -> bool:
    """Whether the folder holds this very study, complete; where it is to begin the study's record is written.

    Raises:
        InputError: it holds another study, to which nothing is to be added or can be, or something else.
    """
    if not (folder / RECORD).is_file():
        if is_taken(folder):
            raise InputError(f"{folder} exists with other content; choose another --out or remove it")
        write_record(folder, record)
        return False
    found = read_record(folder)
    if found.request != record.request and not found.says_all_of(record):
        if not extend:
            raise InputError(
                f"{folder} holds another study ({found.cohort}); choose another --out, remove it, or give --extend to "
                "add patients or plans to it"
            )
        check_extends(folder, found, record, cohort)
        hold(folder, found, record, (*PART_SCHEMAS, *SUMMARY_SCHEMAS))
        return False
    if found.complete:
        remove(folder / PARTS)  # where the last one was killed before it did
    return found.complete


def _merge(folder: Path, parts: Mapping[Path, PartJob], record: StudyRecord) -> None:
    """One file for each table, in the order of the patients; then the parts are no longer needed."""
    held = folder / PARTS / HELD
    before = read_record(held) if held.is_dir() else None
    further = [p for p, job in parts.items() if before is not None and job.end <= before.patients]
    rest = [p for p in parts if p not in further]
    sources = dict.fromkeys(record.plans, rest)
    old: dict[str, list[pl.LazyFrame]] = {}
    if before is not None:
        check_agree(folder, further, before)
        known = set(before.plans)
        sources = {slug: [*([held] if slug in known else further), *rest] for slug in record.plans}
        old = {name: woven(name, held, further, record.plans, before.plans) for name in _MERGED}
        record = record.model_copy(
            update={"reused": f"{before.patients} patients, {', '.join(before.plans)}"}
        )
    for name in _MERGED:
        frames = [*old.get(name, []), *(scan_table(p / f"{name}.parquet") for p in rest)]
        with atomic_file(folder / f"{name}.parquet") as part:
            pl.concat(frames).sink_parquet(part, compression="zstd")
    for name, frame in summarise_study(folder, sources, record.level).items():
        with atomic_file(folder / f"{name}.parquet") as part:
            frame.write_parquet(part, compression="zstd")
    write_record(folder, record.model_copy(update={"complete": True}))
    remove(folder / PARTS)
