"""Making an in-silico set: patients with irregular follow-up CTs, on which generators are trained and judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scenarios.datasets.baseline import in_silico, real
from scenarios.datasets.patient import Patient, write
from scenarios.executors.pool import pool_map
from simulators.belief.prior import VERSION as PRIOR
from simulators.insilico.sets import FORMAT, INDEX, TRUTH, read_index
from simulators.insilico.traits import VERSION as RESPONSE
from twin import InputError, PatientTwin
from twin.errors import DiskError
from twin.files.atomic import atomic_file, growing_folder, is_taken
from twin.files.lock import settle_below
from twin.inputs.bounds import bounded, check_fields
from twin.inputs.quantities import Seed, SetPatients, Workers


@dataclass(frozen=True)
class SetRequest:
    """What a set holds; the same request gives the same files.

    Args:
        n: number of patients.
        seed: the first patient's seed; the next has the next one.
        truth: whether every plan is followed, beside the factual one.
        twins: folder of twins whose baselines are used in turn, or None for in-silico ones.
    """

    n: SetPatients
    seed: Seed = 0
    truth: bool = False
    twins: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def of(cls, n: int | None, twins: Path | None, *, seed: int, truth: bool) -> SetRequest:
        """A request in which each twin of a folder comes once where no number is given."""
        folder = None if twins is None else str(twins.absolute())
        return cls(len(_twins_in(twins)) if n is None and twins else int(n or 0), seed, truth, folder)

    def jobs(self) -> list[Job]:
        """The patients to make, in order.

        Raises:
            InputError: no twin in the folder.
        """
        found = _twins_in(Path(self.twins)) if self.twins is not None else [None]
        jobs = []
        for i in range(self.n):
            twin, seed = found[i % len(found)], self.seed + i
            stem = "" if twin is None else f"{twin.name.removesuffix('.twin')}-"
            jobs.append(Job(f"{stem}{seed:06d}", seed, None if twin is None else str(twin), self.truth))
        return jobs


@dataclass(frozen=True)
class Job:
    """One patient to make.

    Args:
        name: in the set.
        seed: of his chance.
        twin: folder of the twin whose baseline is used, or None.
        truth: whether every plan is followed.
    """

    name: str
    seed: int
    twin: str | None
    truth: bool


@bounded
def make_set(
    request: SetRequest,
    out: Path,
    *,
    workers: Workers = 2,
    progress: Callable[[str, float], None] = lambda step, share: None,
) -> list[dict[str, Any]]:
    """Make a set, or what is still missing of it.

    Args:
        request: what it holds.
        out: its folder; one that holds part of the same set is completed.
        workers: processes; 1 works in this one. The files do not depend on it.
        progress: told how far it is.

    Returns:
        The rows of `set.json`, one a patient: id, twin, truth, and `failed`, the reason, where there is none.

    Raises:
        InputError: the folder holds something else, or cannot be written.
    """
    jobs = request.jobs()
    rows: dict[str, dict[str, Any]] = {}
    with growing_folder(out):
        _check_begun(request, out)
        missing = [job for job in jobs if not _done(job, out, rows)]  # whoever failed is tried again
        _write_index(request, out, jobs, rows)
        made = pool_map(partial(_attempt, out=out), missing, workers=workers)
        for done, (job, reason) in enumerate(made, start=1):
            rows[job.name] = _row(job, reason)
            _write_index(request, out, jobs, rows)
            progress(job.name, 1.0 - (len(missing) - done) / len(jobs))
    return [rows[job.name] for job in jobs if job.name in rows]


def simulator() -> str:
    """What makes the truth, with its versions: a set is made by one of them only."""
    return f"{RESPONSE}, prior {PRIOR}"


def make_patient(job: Job, out: Path) -> str | None:
    """Make one patient whole or not at all; returns why there is none, or None.

    Args:
        job: which patient.
        out: folder of the set.

    Raises:
        DiskError: the disk is full, or the folder cannot be written.
    """
    try:
        given = None if job.twin is None else PatientTwin.load(job.twin)
        baseline = in_silico(job.seed, job.name) if given is None else real(given, job.name)
        write(Patient(job.name, baseline, job.seed), out, truth=job.truth)
    except DiskError:  # all others would fail too
        raise
    except InputError as error:
        return str(error)
    return None


def _attempt(job: Job, out: Path) -> tuple[Job, str | None]:
    """A job with why it failed, or None."""
    return job, make_patient(job, out)


def _twins_in(folder: Path) -> list[Path]:
    settle_below(folder, depth=0)
    found = sorted(p for p in folder.glob("*.twin") if p.is_dir()) if folder.is_dir() else []
    if not found:
        raise InputError(f"the folder {folder} holds no NAME.twin; a set needs at least one baseline")
    return found


def _check_begun(request: SetRequest, out: Path) -> None:
    """Refuse a folder that holds anything but part of the same set.

    Raises:
        InputError: it does.
    """
    if not (out / INDEX).is_file():
        if is_taken(out):
            raise InputError(f"{out} already exists with other content; choose another name or remove it")
        return
    stored = read_index(out)
    same = {k: v for k, v in asdict(request).items() if k != "n"}
    if {k: stored["arguments"].get(k) for k in same} != same or stored["simulator"] != simulator():
        raise InputError(f"{out} holds another set, made from {stored['arguments']}; choose another folder")


def _done(job: Job, out: Path, rows: dict[str, dict[str, Any]]) -> bool:
    """Whether a patient is on the disk; his row is added."""
    if not (out / f"{job.name}.twin").is_dir():
        return False
    rows[job.name] = _row(job, None)
    return True


def _row(job: Job, reason: str | None) -> dict[str, Any]:
    row = {"id": job.name, "twin": f"{job.name}.twin", "truth": f"{job.name}{TRUTH}" if job.truth else None}
    return row if reason is None else {"id": job.name, "twin": None, "truth": None, "failed": reason}


def _write_index(request: SetRequest, out: Path, jobs: Iterable[Job], rows: dict[str, Any]) -> None:
    index = {
        "format": FORMAT,
        "simulator": simulator(),
        "arguments": asdict(request),
        "patients": [rows[job.name] for job in jobs if job.name in rows],
    }
    with atomic_file(out / INDEX) as part:
        part.write_text(json.dumps(index, indent=1))
