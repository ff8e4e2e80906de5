"""A training under way: resumable to the bit, averaged weights, a log and a checkpoint."""

from __future__ import annotations

import json
import math
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from models.data.examples import Examples, Subject
from models.family import Family
from models.layout import CHECKPOINT, LOG, TRAINING
from models.networks.conditions import dropped
from models.networks.quantiles import fit_quantiles
from models.training.config import TrainingConfig
from models.training.processes import Processes
from models.training.steps import delta_at, descend, rate_at
from models.training.validation import Validation
from twin.files.atomic import append, atomic_file

_CHECKPOINT_FORMAT = "rt-twin-checkpoint/2"
_LOG_EVERY = 25
_FIRST_PLAN, _PLAN_EVERY = 10, 50  # steps; the first early, so that slow ones do not outrun a short time


def _average(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    """Averages weights exponentially, the first steps over fewer ones, so that the start is soon forgotten."""

    def average(averaged: Any, current: Any, count: Tensor | int) -> None:
        n = float(count)
        torch._foreach_lerp_(averaged, current, 1.0 - min(decay, (1.0 + n) / (10.0 + n)))

    return average


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
class Run:
    """A training under way: its weights and their average, how far it is, its plan of steps, and its checkpoint."""

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
    ) -> Run:
        """A training before its first step.

        Args:
            model: that learns.
            config: of the training.
            out: its folder.
            processes: that train together.
            examples: digest of what it learns from.
        """
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
        """Whether all planned steps are made."""
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
        """Add a row to the log, with the minutes so far."""
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
