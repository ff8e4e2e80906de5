"""Training of a generator on twins with two CTs or more."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulators.insilico.sets import VOLUMES, is_truth, twins_in
from twin.errors import InputError

if TYPE_CHECKING:
    from models.data.examples import Subject
    from models.training.trainer import Roles
    from simulators.tasks.pairs import Pair

Progress = Callable[[str, float], None]
_KEPT = ("elapsed_days", "since_rt_end_days")  # a course that has not ended is not a missing date
_DOSE = ("dose_gy", "fractions", "since_rt_end_days")
_CLINICAL = ("age_years", "male", "squamous", "t_stage", "n_stage", "ecog", "pack_years", "chemotherapy")
_PER_PLAN = 1  # pairs of images of one plan of the truth: there are six or seven plans
_OTHERS = 16  # patients with the same record, plan and drawn volume, of whom volumes are known too
CACHE = "cache"
_VERSION = "5"  # of how a twin becomes examples


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Args:
        out: the folder with the weights.
        patients: how many had examples.
        pairs: of scans.
        skipped: twins without two usable CTs.
        figures: the last validation's.
    """

    out: Path
    patients: int
    pairs: int
    skipped: int
    figures: dict[str, float]


def train(
    sets: Sequence[Path],
    config: str,
    out: Path,
    *,
    minutes: float | None = None,
    cache: Path | None = None,
    device: str = "auto",
    progress: Progress = lambda step, share: None,
) -> Trained:
    """Train a Translator on all twins of some folders.

    Args:
        sets: folders of twins, or twins.
        config: name of a shipped training config, or a YAML file.
        out: the folder to write; the same call again goes on.
        minutes: how long, in place of the config's own.
        cache: where the examples are kept as arrays, to share them between trainings; `out/cache` where None.
        device: `auto`, `cpu`, `cuda`, ...
        progress: is told what goes on, and which share is done.

    Raises:
        InputError: no twin with two contoured CTs, a config that does not fit, a folder of another training.
    """
    try:
        from models.training.config import load_config
        from models.training.trainer import train as train_on
    except ModuleNotFoundError as error:
        raise InputError(f"training needs {error.name}: pip install 'rt-twin[learned]'") from None
    from simulators.learned.weights import patient_digest
    from simulators.tasks.conditions import domain_of

    try:
        changes: dict[str, Any] = {} if minutes is None else {"minutes": minutes, "steps": None}
        settings = load_config(config, **changes)
    except ValueError as error:
        raise InputError(str(error)) from None
    subjects, skipped = examples(
        sets, cache or out / CACHE, settings.pairs_per_twin, align=settings.align, progress=progress
    )
    vectors = np.concatenate([s.vectors for s in subjects])
    try:
        train_on(
            subjects,
            roles(),
            settings,
            out,
            facts={
                "domain": domain_of(vectors),
                "trained_on": sorted({patient_digest(s.patient) for s in subjects}),
            },
            device=device,
            progress=progress,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    patients = len({s.patient for s in subjects})
    return Trained(out, patients, len(vectors), skipped, _last_figures(out))


def roles() -> Roles:
    """What each condition is to a Translator's training."""
    from models.training.trainer import Roles
    from simulators.tasks.conditions import DOSE_CHANNEL, DRAFT_CHANNELS, VECTOR

    return Roles(
        names=VECTOR,
        relative=VECTOR.index("relative_gtv"),
        kept=[VECTOR.index(n) for n in _KEPT],
        groups={
            "dose": [VECTOR.index(n) for n in _DOSE],
            "clinical": [VECTOR.index(n) for n in _CLINICAL],
        },
        dose_channels=[DOSE_CHANNEL],
        draft_channels=DRAFT_CHANNELS,
    )


def examples(
    sets: Sequence[Path],
    cache: Path,
    pairs_per_twin: int,
    *,
    align: bool = True,
    progress: Progress = lambda step, share: None,
) -> tuple[list[Subject], int]:
    """The examples of all twins of some folders, kept as arrays in a cache.

    Args:
        sets: folders of twins, or twins.
        cache: a twin that lies there already is not read again; a changed one is.
        pairs_per_twin: how many pairs are kept with their images, the others with their conditions only; of the truth
            under one plan, one.
        align: take set-up and breathing out of the follow-ups.
        progress: as for `train`.

    Returns:
        The patients that have examples, and the number of twins without.

    Raises:
        InputError: there is none.
    """
    from models.data.examples import Subject

    twins = [twin for folder in sets for twin in twins_in(folder)]
    found, skipped = [], 0
    for done, path in enumerate(twins):
        progress("reading", done / len(twins))
        key = _key(path, f"{_VERSION} {pairs_per_twin} {align}")
        patient = (path.parent if is_truth(path) else path).stem
        subject = Subject(patient, cache / f"{patient}-{path.stem}-{key}")
        if not subject.exists:
            _read(path, subject, pairs_per_twin, align)
        if len(subject.vectors):
            found.append(subject)
        else:
            skipped += 1
    if not any(len(s.before) for s in found):
        raise InputError(
            f"none of the {len(twins)} twins in {', '.join(map(str, sets))} has two CTs with lungs and a "
            "tumour drawn that fits into the crop; training needs pairs of scans"
        )
    return found, skipped


def _read(path: Path, subject: Subject, most: int, align: bool) -> None:
    from simulators.tasks.conditions import VECTOR
    from simulators.tasks.pairs import pairs_of
    from twin import PatientTwin

    pairs = list(pairs_of(PatientTwin.load(path)))
    if is_truth(path):  # only its first scan has noise, and nothing moved but what treatment moves
        pairs = [p for p in pairs if p.start_days == pairs[0].start_days]
        most, align = _PER_PLAN, False
    kept = _chosen(pairs, most, subject.stem.name)
    every = [*kept, *(p for p in pairs if p not in kept)]
    subject.write(
        subject.patient,
        subject.stem,
        [(p.image, _target(p, align)) for p in kept],
        np.stack([p.vector for p in every]) if every else np.empty((0, len(VECTOR))),
        _outcomes(path, [p for p in pairs if p.start_days == pairs[0].start_days]),
    )


def _outcomes(path: Path, pairs: Sequence[Pair]) -> np.ndarray:
    """(m, f) conditions with the volumes that came of them; of the truth also what came of others like this patient."""
    from simulators.tasks.conditions import VECTOR

    if not pairs:
        return np.empty((0, len(VECTOR)), np.float32)
    own = np.stack([p.vector for p in pairs])
    if not is_truth(path):
        return own
    import polars as pl

    table = pl.read_parquet(path.parent / VOLUMES).filter(
        pl.col("plan") == path.stem, pl.col("draw") < _OTHERS
    )
    every = [own]
    for pair, vector in zip(pairs, own, strict=True):
        volumes = table.filter((pl.col("day") - pair.day).abs() < 1e-6, pl.col("draw") >= 0)[
            "gtv_cm3"
        ].to_numpy()
        others = np.repeat(vector[None], len(volumes), axis=0)
        others[:, VECTOR.index("relative_gtv")] = volumes / pair.crop.gtv_cm3
        every.append(others)
    return np.concatenate(every)


def _chosen(pairs: Sequence[Pair], most: int, name: str) -> list[Pair]:
    """The pairs whose images are kept: those from the first scan before others, by a chance that the name gives."""
    drawable = [p for p in pairs if p.drawable]
    order = np.random.default_rng(list(name.encode())).permutation(len(drawable))
    first = sorted(order, key=lambda i: drawable[i].start_days > pairs[0].start_days)
    return [drawable[i] for i in sorted(first[:most])]


def _target(pair: Pair, align: bool) -> np.ndarray:
    if not align:
        return pair.target
    import torch

    from models.data.alignment import aligned, motion
    from models.data.stack import depth

    inside = depth(torch.from_numpy(pair.image[1])).numpy()
    return aligned(pair.target, motion(pair.image[0], pair.target[0], inside))


def _key(path: Path, how: str) -> str:
    """Of a twin's content (its description, and the sizes of its files) and of how it is read."""
    files: Iterable[Path] = sorted(p for p in path.rglob("*") if p.is_file())
    digest = hashlib.blake2b((path / "twin.json").read_bytes(), digest_size=8)
    for file in files:
        digest.update(f"{file.relative_to(path)} {file.stat().st_size}\n".encode())
    digest.update(how.encode())
    return digest.hexdigest()


def _last_figures(out: Path) -> dict[str, float]:
    from models.training.trainer import LOG

    rows = [json.loads(line) for line in (out / LOG).read_text().splitlines()]
    return next((r["validation"] for r in reversed(rows) if "validation" in r), {})
