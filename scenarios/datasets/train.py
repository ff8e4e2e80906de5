"""Training of a family on a task, from folders of patients."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.layout import CHECKPOINT, LOG
from simulators.core.imaging import TASKS
from simulators.learned.weights import patient_digest
from twin.errors import InputError, missing
from twin.files.atomic import growing_folder
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Minutes

Progress = Callable[[str, float], None]
CACHE = "cache"


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Args:
        out: the folder with the weights.
        patients: how many had examples.
        examples: how many.
        skipped: sources without any.
        figures: the last validation's.
    """

    out: Path
    patients: int
    examples: int
    skipped: int
    figures: dict[str, float]


@bounded
def train(
    sets: Sequence[Path],
    config: str,
    out: Path,
    *,
    task: str = "follow-up",
    minutes: Minutes | None = None,
    cache: Path | None = None,
    begin: Path | None = None,
    device: str = "auto",
    progress: Progress = lambda step, share: None,
) -> Trained:
    """Train a family on the examples of some folders.

    Args:
        sets: folders of the task's patients.
        config: a family's name, or a YAML file.
        out: the folder to write; the same call again goes on.
        task: what is translated.
        minutes: how long, in place of the config's own.
        cache: where the examples are kept as arrays, to share them between trainings; `out/cache` where None.
        begin: a folder of weights to begin with; chance's where None.
        device: `auto`, `cpu`, `cuda`, ...
        progress: is told what goes on, and which share is done.

    Raises:
        InputError: no examples, an unknown task, a config that does not fit, a folder of another training.
    """
    imaging = TASKS[task]
    try:
        from models.training.processes import is_first

        with growing_folder(out, worth=CHECKPOINT) if is_first() else nullcontext():
            return _trained(
                imaging, sets, config, out, minutes, cache or out / CACHE, begin, device, progress
            )
    except ModuleNotFoundError as error:
        raise missing("training needs", error) from None
    except ValueError as error:
        raise InputError(str(error)) from error


def _trained(
    imaging: Any,
    sets: Sequence[Path],
    config: str,
    out: Path,
    minutes: float | None,
    cache: Path,
    begin: Path | None,
    device: str,
    progress: Progress,
) -> Trained:
    from models.training.config import load_config
    from models.training.trainer import train as train_on

    changes: dict[str, Any] = {} if minutes is None else {"minutes": minutes, "steps": None}
    settings = load_config(config, imaging.training, **changes)
    learned = imaging.learned(sets, cache, settings.examples, progress)
    known = {"trained_on": sorted({patient_digest(s.patient) for s in learned.subjects})}
    train_on(
        learned.subjects,
        imaging.task,
        settings,
        out,
        begin=begin,
        facts={**learned.facts, **known},
        device=device,
        progress=progress,
    )
    rows = [json.loads(line) for line in (out / LOG).read_text().splitlines()]
    figures: dict[str, float] = next((r["validation"] for r in reversed(rows) if "validation" in r), {})
    patients = len({s.patient for s in learned.subjects})
    return Trained(out, patients, sum(len(s.vectors) for s in learned.subjects), learned.skipped, figures)
