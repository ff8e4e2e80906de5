"""Training of a family on a task: resumable to the bit, averaged weights, a log, and pictures to look at."""

from __future__ import annotations

import hashlib
import json
import math
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import yaml
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from models.batch import Batch
from models.condition import fitted
from models.data.examples import Examples, Subject
from models.family import Family, FamilyConfig, half_precision
from models.hub import load
from models.layout import CHECKPOINT, LOG, TRAINING
from models.networks.conditions import dropped
from models.networks.heads import SHARP
from models.networks.quantiles import fit_quantiles
from models.registry import FAMILIES
from models.task import Task
from models.training.config import TrainingConfig
from models.training.memory import afford_training
from models.training.processes import Processes
from models.training.validation import Validation
from twin.files.atomic import append, atomic_file, growing_folder

Progress = Callable[[str, float], None]
_CHECKPOINT_FORMAT = "rt-twin-checkpoint/2"
_LOG_EVERY = 25
_FIRST_PLAN, _PLAN_EVERY = 10, 50  # steps; the first early, so that slow ones do not outrun a short time
_LAST_RATE = 0.01  # of the learning rate, at the end
_FIRST_DELTA = 0.3  # of a CT's range, about 300 HU


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
    run = _Run.start(model, config, out, processes, _digest(task, learned, held))
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


def descend(
    model: Family,
    optimisers: Sequence[torch.optim.Optimizer],
    batch: Batch,
    chance: torch.Generator,
    *,
    clip: float,
    processes: Processes | None = None,
) -> dict[str, float]:
    """One step of each of a model's parts.

    Returns:
        The terms of the losses.
    """
    terms: dict[str, float] = {}
    for part, optimiser in enumerate(optimisers):
        optimiser.zero_grad(set_to_none=True)
        with half_precision(batch.source.device):
            losses = model.losses(part, batch, chance)
        torch.stack(list(losses.values())).sum().backward()
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        if processes is not None:
            processes.average_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, clip)
        optimiser.step()
        terms |= {k: float(v.detach()) for k, v in losses.items()}
    return terms


def rate_at(step: int, total: int, warmup: int) -> float:
    """The learning rate relative to its greatest: rising to it, then falling as a cosine.

    Example:
        >>> [round(rate_at(s, 1000, 100), 3) for s in (0, 99, 500, 1000)]
        [0.01, 0.976, 0.505, 0.01]
    """
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / max(total, 1))))
    return min(1.0, (step + 1) / warmup) * (_LAST_RATE + (1.0 - _LAST_RATE) * cosine)


def delta_at(step: int, total: int, sharpened: tuple[float, float]) -> float:
    """Below which error of a pixel the loss is squared, in units of the image: large at first, `SHARP` at the end.

    A median stays where it is until what tells the cases apart is known, and has no reason to learn what does:
    collapsed lung that opens was never learned from absolute errors alone. A mean moves from the first step on.

    Example:
        >>> [round(delta_at(s, 1000, (0.15, 0.3)), 3) for s in (0, 150, 225, 300, 1000)]
        [0.3, 0.3, 0.055, 0.01, 0.01]
    """
    since, until = sharpened
    share = (step / max(total, 1) - since) / max(until - since, 1e-6)
    return _FIRST_DELTA * (SHARP / _FIRST_DELTA) ** min(max(share, 0.0), 1.0)


def _average(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    """Averages weights exponentially, the first steps over fewer ones, so that the start is soon forgotten."""

    def average(averaged: Any, current: Any, count: Tensor | int) -> None:
        n = float(count)
        torch._foreach_lerp_(averaged, current, 1.0 - min(decay, (1.0 + n) / (10.0 + n)))

    return average


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


def _digest(task: Task, *groups: Sequence[Subject]) -> str:
    """What a training learns from, and is watched by, as the examples' files are named: by their content."""
    words = [task.model_dump_json(), *(f"{s.patient} {s.stem.name}" for group in groups for s in group)]
    return hashlib.blake2b("\n".join(words).encode(), digest_size=16).hexdigest()


def _damaged(checkpoint: Path, error: Exception) -> ValueError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return ValueError(f"{checkpoint} is damaged ({reason}); remove it, and the training begins anew")


def _step_of(line: str) -> float:
    """Which step a row of the log is of, 0 for what comes before; never for one that was cut short."""
    try:
        return json.loads(line).get("step", 0)
    except (ValueError, AttributeError):
        return math.inf


@dataclass
class _Run:
    """A training under way."""

    model: Family
    averaged: AveragedModel
    optimisers: list[torch.optim.Optimizer]
    config: TrainingConfig
    out: Path
    processes: Processes
    examples: str
    number: int = 0
    plan: list[tuple[int, int]] = field(default_factory=list)
    seconds: float = 0.0
    _recent: list[float] = field(default_factory=list)
    _terms: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def start(
        cls, model: Family, config: TrainingConfig, out: Path, processes: Processes, examples: str
    ) -> _Run:
        parts = model.parts()
        model.to(processes.device).train()
        optimisers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(p, lr=config.learning_rate, weight_decay=config.weight_decay) for p in parts
        ]
        averaged = AveragedModel(model, multi_avg_fn=_average(config.ema))
        run = cls(model, averaged, optimisers, config, out, processes, examples)
        run.plan = list(config.plan) or [(0, config.steps or (0 if config.seconds else 5000))]
        return run

    @property
    def weights(self) -> Family:
        """The averaged model."""
        return cast(Family, self.averaged.module)

    @property
    def total(self) -> int:
        """Steps that are planned; 0 where that is not known yet."""
        return [total for since, total in self.plan if since <= self.number][-1]

    @property
    def done(self) -> bool:
        return 0 < self.total <= self.number

    def step(self, data: Examples) -> None:
        """One batch of each process."""
        clock = time.perf_counter if self.config.core_seconds is None else time.process_time
        began = clock()
        config, processes, task = self.config, self.processes, self.model.task
        number = self.number * processes.count + processes.rank
        chance = torch.Generator().manual_seed(config.seed * 1_000_003 + number)
        total = self.total or 10**9
        batch = data.at(number, by_change=self.number < config.sharpened[0] * total).to(processes.device)
        self.model.delta = delta_at(self.number, total, config.sharpened)
        drawn = task.condition(task.drawn) if task.drawn else None
        vector = dropped(batch.vector, task.conditions, drawn, config.drop.model_dump(), chance)
        batch = replace(batch, vector=vector)
        rate = config.learning_rate * rate_at(self.number, total, config.warmup_steps)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        terms = descend(self.model, self.optimisers, batch, chance, clip=config.clip, processes=processes)
        self.averaged.update_parameters(self.model)
        self.number += 1
        self._recent.append(clock() - began)
        self.seconds += self._recent[-1]
        self._terms.append(terms)
        if self.number == _FIRST_PLAN or self.number % _PLAN_EVERY == 0:
            self._replan()
        if self.number % _LOG_EVERY == 0 or self.done:
            self._log_step(rate)

    def _replan(self) -> None:
        """Plan as many steps as the time that is left allows at the pace of the last ones."""
        if self.config.seconds is None or self.config.plan:
            return
        pace = float(np.mean(self._recent[1:]))  # the first step of all warms up
        left = self.config.seconds - self.seconds
        self.plan.append((self.number, self.number + max(0, int(left / pace))))

    def _log_step(self, rate: float) -> None:
        names = self._terms[-1]
        means = {k: round(float(np.mean([t[k] for t in self._terms])), 6) for k in names}
        pace = float(np.mean(self._recent[-_LOG_EVERY:]))
        self._terms.clear()
        del self._recent[: -2 * _PLAN_EVERY]
        self.log(
            {"step": self.number, "of": self.total, "rate": rate, "seconds_a_step": round(pace, 4), **means}
        )

    def fit_quantiles(self, learned: Sequence[Subject], held: Sequence[Subject]) -> None:
        """Train what draws a missing condition; it takes conditions only."""
        head = self.model.drawn
        assert head is not None
        every = [*learned, *held]
        rows = [s.outcomes for s in every]
        vectors = np.concatenate(rows)
        number = {name: i for i, name in enumerate(dict.fromkeys(s.patient for s in every))}
        whose = [number[s.patient] for s in every]  # one patient may come several times, under several plans
        patients = torch.from_numpy(np.repeat(whose, [len(r) for r in rows]))
        head.cpu()
        figures = fit_quantiles(
            head,
            torch.from_numpy(vectors),
            patients,
            patients >= len({s.patient for s in learned}),
            each=self.config.drop.quantiles,
            steps=self.config.quantile_steps,
            seed=self.config.seed,
        )
        head.to(self.processes.device)
        assert self.weights.drawn is not None
        self.weights.drawn.load_state_dict(head.state_dict())
        self.log({"quantiles": {k: round(v, 5) for k, v in figures.items()}, "outcomes": len(vectors)})

    def validate(self, validation: Validation) -> None:
        """Figures and a picture of the averaged weights."""
        if self.processes.rank == 0:
            model = self.weights
            model.eval()
            self.log({"step": self.number, "validation": validation.figures(model, self.number)})

    def log(self, row: Mapping[str, Any]) -> None:
        if self.processes.rank == 0:
            append(self.out / LOG, json.dumps({**row, "minutes": round(self.seconds / 60, 2)}))

    def save(self) -> None:
        """The averaged weights as they are now, and last the checkpoint, which says that all is there."""
        if self.processes.rank != 0:
            return
        self.weights.save_pretrained(self.out)
        made = self.config.model_copy(update={"plan": tuple(self.plan)} if self.config.seconds else {})
        with atomic_file(self.out / TRAINING) as part:
            part.write_text(yaml.safe_dump(made.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
        state = {
            "format": _CHECKPOINT_FORMAT,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "number": self.number,
            "plan": self.plan,
            "seconds": self.seconds,
            "terms": self._terms,  # of the losses that are not logged yet
            "config": self._address(),
            "examples": self.examples,
        }
        with atomic_file(self.out / CHECKPOINT) as part, part.open("wb") as file:
            torch.save(state, file)

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Raises:
            ValueError: it belongs to another config or to other examples, or is damaged.
        """
        path = self.out / CHECKPOINT
        if not path.is_file():
            self._forget_rows_after(-1)
            return False
        try:
            with zipfile.ZipFile(path) as packed:  # torch itself does not look at the sums
                if (wrong := packed.testzip()) is not None:
                    raise ValueError(f"the sum of {wrong} is wrong")
            state = torch.load(path, map_location=self.processes.device, weights_only=True)
            found = state.get("format")
        except Exception as error:  # torch, zipfile and pickle have errors of their own
            raise _damaged(path, error) from None
        if found != _CHECKPOINT_FORMAT:
            raise ValueError(f"{self.out} holds a training of an older version; choose another folder")
        if state["config"] != self._address():
            raise ValueError(f"{self.out} holds a training with another config; choose another folder")
        if state.get("examples", self.examples) != self.examples:
            raise ValueError(f"{self.out} holds a training on other examples; choose another folder")
        try:
            self._restore(state)
        except Exception as error:
            raise _damaged(path, error) from None
        self._forget_rows_after(self.number)
        return True

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.number, self.seconds = state["number"], state["seconds"]
        self.plan, self._terms = [tuple(p) for p in state["plan"]], list(state.get("terms", ()))
        if self.config.steps and not self.config.plan:
            self.plan = [(0, self.config.steps)]

    def _forget_rows_after(self, step: int) -> None:
        """Leave out of the log what a killed training logged after its checkpoint: it will be done again."""
        path = self.out / LOG
        if self.processes.rank != 0 or not path.is_file():
            return
        kept = [line for line in path.read_text(errors="replace").splitlines() if _step_of(line) <= step]
        with atomic_file(path) as part:
            part.write_text("".join(f"{line}\n" for line in kept))

    def _address(self) -> str:
        """What must be equal for a training to go on; what it is not told is not part of it."""
        untold = set() if self.config.core_seconds else {"core_seconds"}
        return self.config.model_dump_json(exclude={"validate_every", "checkpoint_every"} | untold)
