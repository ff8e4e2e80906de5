"""How a Translator is trained: what a config file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

CONFIGS = Path(__file__).parents[1] / "configs"


class DropRates(BaseModel):
    """How often training takes conditions away.

    Args:
        each: share of examples that lose a single condition, for each of them.
        all: share that lose all; guidance needs it.
        relative: share that lose the relative tumour volume.
        volume: as `each`, where the density of relative volumes is trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    each: float = Field(0.1, ge=0, le=1)
    all: float = Field(0.05, ge=0, le=1)
    relative: float = Field(0.5, ge=0, le=1)
    volume: float = Field(0.3, ge=0, le=1)


class TrainingConfig(BaseModel):
    """All that a training depends on beside its examples.

    Args:
        model: which Translator.
        options: the Translator's own.
        slices: 1 for 2-D, 3 for 2.5-D.
        coarsen: 2 works on 4 mm pixels in plane.
        conditions: which ones it is shown: none, dose, clinical, or both. The date, the baseline and the relative
            volume are always shown.
        draft: whether it corrects the draft among the channels, where there is one; else it starts from the scan and
            never sees the draft.
        widths, embedding: of the network.
        guidance: see `NeuralTranslator`.
        near_weight, mask_weight: of the loss.
        drop: of conditions.
        batch_slices, batch_volumes, near_share, window: of `Examples`.
        pairs_per_twin: how many pairs of scans of one patient, those from the first scan before others.
        align: take set-up and breathing out of the follow-ups (`models.data.alignment`).
        validation_share: of the patients.
        learning_rate, weight_decay, warmup_steps, clip: of AdamW, whose rate rises, then falls as a cosine to 0.
        ema: decay of the averaged weights, which are the ones saved.
        volume_steps: of the density of relative volumes, which is trained first and in a minute.
        steps: how many, or None where `minutes` says how long.
        minutes: how long; the number of steps is then planned from their measured time.
        plan: pairs (step, planned steps) that a training by `minutes` made; with them it can be made again.
        validate_every, checkpoint_every: steps.
        seed: of weights, order and dropout.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: Literal["bridge", "pix2pix", "diffusion"]
    options: dict[str, Any] = {}
    slices: Literal[1, 3, 5] = 3
    coarsen: Literal[1, 2, 4] = 1
    conditions: Literal["none", "dose", "clinical", "both"] = "both"
    draft: bool = True
    widths: tuple[int, ...] = (48, 64, 96, 128)
    embedding: int = 128
    guidance: float = 1.0
    near_weight: float = 4.0
    mask_weight: float = 2.0
    drop: DropRates = DropRates()
    batch_slices: int = Field(16, gt=0)
    batch_volumes: int = Field(4, gt=0)
    near_share: float = Field(0.8, ge=0, le=1)
    window: int = Field(64, ge=0)
    pairs_per_twin: int = Field(6, gt=0)
    align: bool = True
    validation_share: float = Field(0.1, ge=0, lt=1)
    learning_rate: float = Field(1.5e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup_steps: int = Field(200, gt=0)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.998, ge=0, lt=1)
    volume_steps: int = Field(3000, gt=0)
    steps: int | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)
    plan: tuple[tuple[int, int], ...] = ()
    validate_every: int = Field(250, gt=0)
    checkpoint_every: int = Field(250, gt=0)
    seed: int = 0


def load_config(name_or_file: str | Path, **changes: Any) -> TrainingConfig:
    """A config by the name of a shipped one or from a YAML file.

    Args:
        name_or_file: `bridge`, `pix2pix`, `diffusion`, or a path.
        changes: values in place of the file's.

    Raises:
        ValueError: there is no such config, or it does not fit; the message is one sentence.
    """
    shipped = CONFIGS / f"{name_or_file}.yaml"
    path = shipped if shipped.is_file() else Path(name_or_file)
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.yaml")))
        raise ValueError(f"there is no training config {name_or_file!r}; give a YAML file or one of: {names}")
    try:
        values = yaml.safe_load(path.read_text())
        return TrainingConfig(**({} if values is None else values) | changes)
    except (ValidationError, yaml.YAMLError, TypeError) as error:
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            what = f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        else:
            what = str(error).splitlines()[0]
        raise ValueError(f"the training config {path} does not fit: {what}") from None
