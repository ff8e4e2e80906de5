"""Training of a Translator: resumable to the bit, averaged weights, a log, and pictures to look at."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import yaml
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from models.data.examples import Examples, Subject
from models.hub import kinds
from models.networks.conditions import dropped, statistics
from models.networks.neural import SHARP, NeuralTranslator, half_precision
from models.networks.volume_head import fit_volume_head
from models.training.config import TrainingConfig
from models.training.processes import Processes
from models.training.validation import Validation

Progress = Callable[[str, float], None]
CHECKPOINT, LOG, TRAINING = "checkpoint.pt", "log.jsonl", "training.yaml"
_LOG_EVERY = 25
_PLAN_EVERY = 50
_LAST_RATE = 0.01  # of the learning rate, at the end
_FIRST_DELTA = 0.3  # about 300 HU
# From when to when in a training it is brought down; before, half of the examples are drawn by their change.
_SHARPENED = (0.15, 0.3)


@dataclass(frozen=True)
class Roles:
    """Which condition, and which channel of a slice, is what.

    Args:
        names: of the conditions, in order.
        relative: index of the relative tumour volume, or None.
        kept: indices of conditions whose absence means something, so that they are never taken away alone.
        groups: `dose` and `clinical` -> indices of their conditions.
        dose_channels: indices of a slice's channels that show dose.
        draft_channels: indices of a slice's channels with the layers (`models.networks.layers`) of a first draft, or
            none.
    """

    names: Sequence[str]
    relative: int | None = None
    kept: Sequence[int] = ()
    groups: Mapping[str, Sequence[int]] = field(default_factory=dict)
    dose_channels: Sequence[int] = ()
    draft_channels: Sequence[int] = ()


def train(
    subjects: Sequence[Subject],
    roles: Roles,
    config: TrainingConfig,
    out: Path,
    *,
    facts: Mapping[str, Any] | None = None,
    device: str = "auto",
    progress: Progress = lambda step, share: None,
) -> NeuralTranslator:
    """Train on patients' examples and write the averaged weights, the config, a log and pictures to a folder.

    The same call again goes on from the last checkpoint and ends with the same weights as without the break.

    Args:
        subjects: the patients; some are held out for validation.
        roles: of the conditions.
        config: see `TrainingConfig`.
        out: the folder.
        facts: further entries of the model's `config.json`.
        device: `auto`, `cpu`, `cuda`, ...
        progress: is told what goes on, and which share is done.
    """
    processes = Processes.start(device)
    out.mkdir(parents=True, exist_ok=True)
    learned, held = split(subjects, config.validation_share, config.seed)
    torch.manual_seed(config.seed)
    model = _model(learned, roles, config, facts or {})
    run = _Run.start(model, config, out, processes)
    if not run.resume() and model.volume is not None:
        progress("volumes", 0.0)
        run.fit_volumes(learned, held, roles)
    data = Examples(
        learned,
        slices=config.slices,
        batch=config.batch_slices,
        volumes=config.batch_volumes,
        near_share=config.near_share,
        window=config.window,
        coarsen=config.coarsen,
        seed=config.seed,
    )
    validation = Validation.of(held or learned, config.slices, out)
    while not run.done:
        run.step(data, roles)
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


def fit(model: NeuralTranslator, data: Iterable[Mapping[str, Tensor]], config: Mapping[str, Any]) -> None:
    """One step of AdamW a batch, in the order given; nothing is dropped, averaged or logged.

    Args:
        model: changed in place; afterwards ready for use.
        data: batches, as `Translator.fit` takes them.
        config: `learning_rate` (1e-3) and `seed` (0).
    """
    rate, seed = float(config.get("learning_rate", 1e-3)), int(config.get("seed", 0))
    optimisers = [torch.optim.AdamW(part, lr=rate) for part in model.parts()]
    model.train()
    for number, batch in enumerate(data):
        descend(model, optimisers, batch, torch.Generator().manual_seed(seed * 1_000_003 + number), clip=1.0)
    model.eval()


def descend(
    model: NeuralTranslator,
    optimisers: Sequence[torch.optim.Optimizer],
    batch: Mapping[str, Tensor],
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
        with half_precision(batch["image"].device):
            losses = model.loss(part, batch, chance)
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


def delta_at(step: int, total: int) -> float:
    """Below which error of a pixel the loss is squared, in units of the image: large at first, `SHARP` at the end.

    A median stays where it is until what tells the cases apart is known, and has no reason to learn what does:
    collapsed lung that opens was never learned from absolute errors alone. A mean moves from the first step on.

    Example:
        >>> [round(delta_at(s, 1000), 3) for s in (0, 150, 225, 300, 1000)]
        [0.3, 0.3, 0.055, 0.01, 0.01]
    """
    since, until = _SHARPENED
    share = (step / max(total, 1) - since) / (until - since)
    return _FIRST_DELTA * (SHARP / _FIRST_DELTA) ** min(max(share, 0.0), 1.0)


def _average(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    """Averages weights exponentially, the first steps over fewer ones, so that the start is soon forgotten."""

    def average(averaged: Any, current: Any, count: Tensor | int) -> None:
        n = float(count)
        torch._foreach_lerp_(averaged, current, 1.0 - min(decay, (1.0 + n) / (10.0 + n)))

    return average


def _model(
    learned: Sequence[Subject], roles: Roles, config: TrainingConfig, facts: Mapping[str, Any]
) -> NeuralTranslator:
    hidden = [
        i
        for group, members in roles.groups.items()
        if config.conditions not in (group, "both")
        for i in members
    ]
    blind = list(roles.dose_channels if config.conditions in ("none", "clinical") else ())
    drafted = config.draft and bool(roles.draft_channels)
    if not drafted:
        blind += roles.draft_channels
    vectors = np.concatenate([s.vectors for s in learned])
    return kinds()[config.model](
        {
            **facts,
            "vector": list(roles.names),
            "statistics": statistics(vectors),
            "image_channels": max(int(s.before.shape[2]) for s in learned) - 1,
            **({"start": list(roles.draft_channels)} if drafted else {}),
            "slices": config.slices,
            "widths": list(config.widths),
            "embedding": config.embedding,
            "relative": roles.relative,
            "hidden": hidden,
            "hidden_channels": blind,
            "coarsen": config.coarsen,
            "guidance": config.guidance,
            "near_weight": config.near_weight,
            "mask_weight": config.mask_weight,
            "options": dict(config.options),
        }
    )


@dataclass
class _Run:
    """A training under way."""

    model: NeuralTranslator
    averaged: AveragedModel
    optimisers: list[torch.optim.Optimizer]
    config: TrainingConfig
    out: Path
    processes: Processes
    number: int = 0
    plan: list[tuple[int, int]] = field(default_factory=list)
    seconds: float = 0.0
    _recent: list[float] = field(default_factory=list)
    _terms: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def start(cls, model: NeuralTranslator, config: TrainingConfig, out: Path, processes: Processes) -> _Run:
        parts = model.parts()
        model.to(processes.device).train()
        optimisers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(p, lr=config.learning_rate, weight_decay=config.weight_decay) for p in parts
        ]
        averaged = AveragedModel(model, multi_avg_fn=_average(config.ema))
        run = cls(model, averaged, optimisers, config, out, processes)
        run.plan = list(config.plan) or [(0, config.steps or (0 if config.minutes else 5000))]
        return run

    @property
    def weights(self) -> NeuralTranslator:
        """The averaged model."""
        return cast(NeuralTranslator, self.averaged.module)

    @property
    def total(self) -> int:
        """Steps that are planned; 0 where that is not known yet."""
        return [total for since, total in self.plan if since <= self.number][-1]

    @property
    def done(self) -> bool:
        return 0 < self.total <= self.number

    def step(self, data: Examples, roles: Roles) -> None:
        """One batch of each process."""
        began = time.perf_counter()
        config, processes = self.config, self.processes
        number = self.number * processes.count + processes.rank
        chance = torch.Generator().manual_seed(config.seed * 1_000_003 + number)
        total = self.total or 10**9
        batch = data.at(number, by_change=self.number < _SHARPENED[0] * total)
        batch = {k: v.to(processes.device) for k, v in batch.items()}
        rates = config.drop.model_dump() | {"kept": roles.kept}
        self.model.delta = delta_at(self.number, total)
        batch["vector"] = dropped(batch["vector"], chance, rates, roles.relative)
        rate = config.learning_rate * rate_at(self.number, total, config.warmup_steps)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        terms = descend(self.model, self.optimisers, batch, chance, clip=config.clip, processes=processes)
        self.averaged.update_parameters(self.model)
        self.number += 1
        self._recent.append(time.perf_counter() - began)
        self.seconds += self._recent[-1]
        self._terms.append(terms)
        if self.number % _PLAN_EVERY == 0:
            self._replan()
        if self.number % _LOG_EVERY == 0 or self.done:
            self._log_step(rate)

    def _replan(self) -> None:
        """Plan as many steps as the time that is left allows at the pace of the last ones."""
        if self.config.minutes is None or self.config.plan:
            return
        pace = float(np.mean(self._recent))
        left = 60.0 * self.config.minutes - self.seconds
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

    def fit_volumes(self, learned: Sequence[Subject], held: Sequence[Subject], roles: Roles) -> None:
        """Train the density of relative volumes; it takes conditions and volumes only."""
        head = self.model.volume
        assert head is not None
        every = [*learned, *held]
        rows = [s.outcomes for s in every]
        vectors = np.concatenate(rows)
        number = {name: i for i, name in enumerate(dict.fromkeys(s.patient for s in every))}
        whose = [number[s.patient] for s in every]  # one patient may come several times, under several plans
        patients = torch.from_numpy(np.repeat(whose, [len(r) for r in rows]))
        head.cpu()
        figures = fit_volume_head(
            head,
            torch.from_numpy(vectors),
            patients,
            patients >= len({s.patient for s in learned}),
            each=self.config.drop.volume,
            kept=roles.kept,
            steps=self.config.volume_steps,
            seed=self.config.seed,
        )
        head.to(self.processes.device)
        assert self.weights.volume is not None
        self.weights.volume.load_state_dict(head.state_dict())
        self.log({"volumes": {k: round(v, 5) for k, v in figures.items()}, "outcomes": len(vectors)})

    def validate(self, validation: Validation) -> None:
        """Figures and a picture of the averaged weights."""
        if self.processes.rank == 0:
            model = self.weights
            model.eval()
            self.log({"step": self.number, "validation": validation.figures(model, self.number)})

    def log(self, row: Mapping[str, Any]) -> None:
        if self.processes.rank == 0:
            with (self.out / LOG).open("a") as file:
                file.write(json.dumps({**row, "minutes": round(self.seconds / 60, 2)}) + "\n")

    def save(self) -> None:
        """The checkpoint, and the averaged weights as they are now."""
        if self.processes.rank != 0:
            return
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "number": self.number,
            "plan": self.plan,
            "seconds": self.seconds,
            "config": self._address(),
        }
        part = self.out / f".{CHECKPOINT}"
        torch.save(state, part)
        part.rename(self.out / CHECKPOINT)
        self.weights.save_pretrained(self.out)
        made = self.config.model_copy(update={"plan": tuple(self.plan)} if self.config.minutes else {})
        (self.out / TRAINING).write_text(yaml.safe_dump(made.model_dump(mode="json"), sort_keys=False))

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Raises:
            ValueError: it belongs to another config.
        """
        path = self.out / CHECKPOINT
        if not path.is_file():
            return False
        state = torch.load(path, map_location=self.processes.device, weights_only=True)
        if state["config"] != self._address():
            raise ValueError(f"{self.out} holds a training with another config; choose another folder")
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.number, self.seconds = state["number"], state["seconds"]
        self.plan = [tuple(p) for p in state["plan"]]
        if self.config.steps and not self.config.plan:
            self.plan = [(0, self.config.steps)]
        return True

    def _address(self) -> str:
        """What must be equal for a training to go on."""
        return self.config.model_dump_json(exclude={"validate_every", "checkpoint_every"})
