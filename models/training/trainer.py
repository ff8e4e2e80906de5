"""Training of a family on a task, from its examples to its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.condition import fitted
from models.data.examples import Examples, Subject
from models.family import Family, FamilyConfig
from models.hub import load
from models.layout import WEIGHTS
from models.registry import FAMILIES
from models.task import Task
from models.training.config import TrainingConfig
from models.training.memory import afford_training
from models.training.processes import Processes
from models.training.run import Run
from models.training.validation import Validation
from twin.files.atomic import growing_folder

Progress = Callable[[str, float], None]


def train(
    subjects: Sequence[Subject],
    task: Task,
    config: TrainingConfig,
    out: Path,
    *,
    begin: Path | None = None,
    facts: Mapping[str, Any] | None = None,
    device: str = "auto",
    progress: Progress = lambda step, share: None,
) -> Family:
    """Train on patients' examples and write the averaged weights, the config, a log and pictures to a folder.

    The same call again goes on from the last checkpoint. A training of a given number of steps then ends with the same
    weights, to the bit, as without the break, on the same machine. One by minutes takes as many steps as it finds time
    for, broken or not; the plan of steps that it made is in its `training.yaml`, and training from that ends with the
    same weights again.

    Args:
        subjects: the patients; some are held out for validation.
        task: what is translated.
        config: see `TrainingConfig`.
        out: the folder.
        begin: a folder of weights to begin with, of a network like this one; chance's where None.
        facts: further entries of the model's `config.json`.
        device: `auto`, `cpu`, `cuda`, ...
        progress: is told what goes on, and which share is done.

    Raises:
        ValueError: the folder holds a training with another config, on other examples or of an older version, or it
            cannot be written; or the weights to begin with do not fit.
        InputError: it would take too much memory.
    """
    processes = Processes.start(device)
    with growing_folder(out) if processes.rank == 0 else nullcontext():
        return _trained(subjects, task, config, out, begin, facts or {}, processes, progress)


def _trained(
    subjects: Sequence[Subject],
    task: Task,
    config: TrainingConfig,
    out: Path,
    begin: Path | None,
    facts: Mapping[str, Any],
    processes: Processes,
    progress: Progress,
) -> Family:
    """What `train` does while no other process writes the folder."""
    learned, held = split(subjects, config.validation_share, config.seed)
    if processes.device.type == "cpu":
        afford_training(config, learned)
    torch.manual_seed(config.seed)
    model = _model(learned, task, config, facts)
    if begin is not None:
        _begin_with(model, begin)
    run = Run.start(model, config, out, processes, _digest(task, begin, learned, held))
    if not run.resume() and model.drawn is not None:
        progress("quantiles", 0.0)
        run.fit_quantiles(learned, held)
    data = Examples(
        learned,
        model.task,
        slices=config.slices,
        batch=config.batch_slices,
        volumes=config.batch_volumes,
        near_share=config.near_share,
        window=config.window,
        coarsen=config.coarsen,
        seed=config.seed,
        router=model.router,
    )
    validation = Validation.of(held or learned, model, config.window, out)
    while not run.done:
        run.step(data)
        progress("training", run.number / max(run.total, 1))
        if run.number % config.validate_every == 0 or run.done:
            run.validate(validation)
        if run.number % config.checkpoint_every == 0 or run.done:
            run.save()
    return run.weights.eval()


def split(subjects: Sequence[Subject], share: float, seed: int) -> tuple[list[Subject], list[Subject]]:
    """Patients to learn from and patients held out; a patient's place does not depend on who else is there."""

    def held(subject: Subject) -> bool:
        digits = "".join(str(ord(c)) for c in subject.patient)
        return np.random.default_rng((seed, int(digits or 0))).random() < share

    return [s for s in subjects if not held(s)], [s for s in subjects if held(s)]


def _model(
    learned: Sequence[Subject], task: Task, config: TrainingConfig, facts: Mapping[str, Any]
) -> Family:
    vectors = np.concatenate([s.vectors for s in learned])
    told = {
        **facts,
        "family": config.family,
        "task": task.model_copy(update={"conditions": fitted(task.conditions, vectors)}),
        "slices": config.slices,
        "widths": config.widths,
        "embedding": config.embedding,
        "hidden": task.grouped(config.hidden),
        "coarsen": config.coarsen,
        "guidance": config.guidance,
        "near_weight": config.near_weight,
        "share_weight": config.share_weight,
        "options": dict(config.options),
    }
    return FAMILIES[config.family](FamilyConfig(**told))


def _begin_with(model: Family, folder: Path) -> None:
    try:
        model.begin_with(load(folder))
    except RuntimeError:
        raise ValueError(f"the weights in {folder} do not fit what is to begin with them") from None


def _digest(task: Task, begin: Path | None, *groups: Sequence[Subject]) -> str:
    """What a training begins with, learns from, and is watched by, by content, as the examples' files are named."""
    words = [task.model_dump_json(), *(f"{s.patient} {s.stem.name}" for group in groups for s in group)]
    if begin is not None:
        words.append(hashlib.blake2b((begin / WEIGHTS).read_bytes(), digest_size=16).hexdigest())
    return hashlib.blake2b("\n".join(words).encode(), digest_size=16).hexdigest()
