"""How a family is trained: what a config file holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from models.registry import FAMILIES
from twin.inputs.mapping import read_mapping
from twin.inputs.quantities import Few, Minutes, Seed, Share, SomeFew, Steps, Weight

CONFIGS = Path(__file__).parents[1] / "configs"
# What entries were called in files of version 0.1.
_FORMER = {"model": "family", "mask_weight": "share_weight", "volume_steps": "quantile_steps"}
_FORMER_OPTIONS = {"mask_scale": "share_scale"}
_FORMER_EXAMPLES = ("pairs_per_twin", "align")
_FORMER_CONDITIONS = {"none": ("dose", "clinical"), "dose": ("clinical",), "clinical": ("dose",), "both": ()}


class DropRates(BaseModel):
    """How often the conditions of an example are taken away in training.

    Args:
        each: rate for a single condition.
        all: rate for all of them together.
        drawn: share that lose the condition that the task draws.
        quantiles: as `each`, where what draws it is trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    each: Share = 0.1
    all: Share = 0.05
    drawn: Share = 0.5
    quantiles: Share = 0.3

    @model_validator(mode="before")
    @classmethod
    def _former(cls, told: Any) -> Any:
        if not isinstance(told, dict):
            return told
        return {{"relative": "drawn", "volume": "quantiles"}.get(k, k): v for k, v in told.items()}


class TrainingConfig(BaseModel):
    """All that a training depends on beside its examples.

    Args:
        family: which one.
        options: the family's own.
        slices: 1 for 2-D, 3 for 2.5-D.
        coarsen: 2 works on pixels twice as large.
        hidden: groups of channels and conditions that it is not shown, e.g. `dose`, `clinical`, `draft`.
        widths, embedding, guidance: of the network.
        near_weight, share_weight: of the loss.
        drop: of conditions.
        batch_slices, batch_volumes, near_share, window: of `Examples`.
        examples: the task's own say in how examples are made.
        sharpened: shares of the training between which its loss turns from squared to absolute errors; before, half of
            the examples are drawn by their change.
        validation_share: of the patients.
        learning_rate, weight_decay, warmup_steps, clip: of AdamW, whose rate rises, then falls as a cosine to 0.
        ema: decay of the averaged weights, which are the ones saved.
        quantile_steps: of what draws a missing condition, which is trained first and in a minute.
        steps: how many, or None where `minutes` says how long.
        minutes: how long; the number of steps is then planned from their measured time.
        core_seconds: how long in seconds of processor time, whatever else the machine does; in place of `minutes`.
        plan: pairs (step, planned steps) that a training by time made; with them it can be made again.
        validate_every, checkpoint_every: steps.
        seed: of weights, order and dropout.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    family: str
    options: dict[str, Any] = {}
    slices: Literal[1, 3, 5] = 3
    coarsen: Literal[1, 2, 4] = 1
    hidden: tuple[str, ...] = ()
    widths: tuple[Few, ...] = Field((48, 64, 96, 128), min_length=1, max_length=8)
    embedding: Few = 128
    guidance: Weight = 1.0
    near_weight: Weight = 4.0
    share_weight: Weight = 2.0
    drop: DropRates = DropRates()
    batch_slices: Few = 16
    batch_volumes: Few = 4
    near_share: Share = 0.8
    window: SomeFew = 64
    examples: dict[str, Any] = {}
    sharpened: tuple[Share, Share] = (0.15, 0.3)
    validation_share: float = Field(0.1, ge=0, lt=1)
    learning_rate: float = Field(1.5e-3, gt=0, le=1)
    weight_decay: Share = 0.01
    warmup_steps: Steps = 200
    clip: float = Field(1.0, gt=0, le=1e6)
    ema: float = Field(0.998, ge=0, lt=1)
    quantile_steps: Steps = 3000
    steps: Steps | None = None
    minutes: Minutes | None = None
    core_seconds: float | None = Field(None, gt=0, le=1e7)
    plan: tuple[tuple[int, int], ...] = Field((), max_length=10_000)
    validate_every: Steps = 250
    checkpoint_every: Steps = 250
    seed: Seed = 0

    @model_validator(mode="before")
    @classmethod
    def _former(cls, told: Any) -> Any:
        """Files of version 0.1 go on working."""
        if not isinstance(told, dict):
            return told
        new = {_FORMER.get(k, k): v for k, v in told.items()}
        conditions = new.pop("conditions", "both")
        if conditions not in _FORMER_CONDITIONS:
            raise ValueError(f"conditions: {conditions!r} is none of: {', '.join(_FORMER_CONDITIONS)}")
        hidden = _FORMER_CONDITIONS[conditions]
        hidden += () if new.pop("draft", True) else ("draft",)
        if hidden:
            new["hidden"] = (*new.get("hidden", ()), *hidden)
        if isinstance(new.get("options"), dict):
            new["options"] = {_FORMER_OPTIONS.get(k, k): v for k, v in new["options"].items()}
        own = {k: new.pop(k) for k in _FORMER_EXAMPLES if k in new}
        if own:
            new["examples"] = own | dict(new.get("examples", {}))
        return new

    @property
    def seconds(self) -> float | None:
        """How long a training takes where that is by time: of the clock, or of a processor."""
        return 60.0 * self.minutes if self.core_seconds is None and self.minutes else self.core_seconds

    @field_validator("family")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FAMILIES:
            raise ValueError(f"{name!r} is none of: {', '.join(FAMILIES)}")
        return name


def load_config(
    name_or_file: str | Path, usual: Mapping[str, Any] | None = None, **changes: Any
) -> TrainingConfig:
    """A config by the name of a family or from a YAML file.

    Args:
        name_or_file: a family, or a path.
        usual: a task's own values, which hold where the file says nothing.
        changes: values in place of all others.

    Raises:
        ValueError: there is no such config, or it does not fit; the message is one sentence.
    """
    shipped = CONFIGS / f"{name_or_file}.yaml"
    path = shipped if shipped.is_file() else Path(name_or_file)
    known = str(name_or_file) in FAMILIES
    if not known and not path.is_file():
        names = ", ".join(FAMILIES)
        raise ValueError(f"there is no training config {name_or_file!r}; give a YAML file or one of: {names}")
    try:
        values = read_mapping(path) if path.is_file() else {"family": str(name_or_file)}
        told = {**values, **(usual or {})} if known else {**(usual or {}), **values}
        return TrainingConfig(**told | changes)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        raise ValueError(f"the training config {path} does not fit: {what}") from None
