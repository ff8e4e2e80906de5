"""What a training is watched by: figures on patients that it has not seen, and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.batch import Batch, joined
from models.data.examples import Examples, Subject
from models.family import Family
from twin.files.atomic import atomic_file

_BATCHES = 4
_ROWS = 6
_WINDOW = (-1.3, 0.4)  # of a CT a lung window, -1350 to 400 HU
PICTURES = "samples"


@dataclass(frozen=True, eq=False)
class Validation:
    """Slices of held-out patients, in their examples' focus.

    Args:
        batch: with targets and noise.
        out: the training's folder.
    """

    batch: Batch
    out: Path

    @classmethod
    def of(cls, subjects: Sequence[Subject], model: Family, window: int, out: Path) -> Validation:
        """The same slices at any time; windows of them where a task's examples differ in size.

        Args:
            subjects: the patients.
            model: whose task and slices count.
            window: of the training, in pixels.
            out: the training's folder.
        """
        sizes = {s.source.shape[-2:] for s in subjects if len(s.source)}
        data = Examples(
            subjects, model.task, model.slices, batch=16, volumes=16, near_share=1.0,
            window=window if len(sizes) > 1 else 0, seed=1, router=model.router,
        )  # fmt: skip
        batch = joined([data.at(i) for i in range(_BATCHES)])
        chance = torch.Generator().manual_seed(0)
        noise = torch.randn(len(batch), model.noise_channels, *batch.source.shape[2:], generator=chance)
        noise[:, 0] = noise[:, 0].mean()
        return cls(replace(batch, noise=noise), out)

    def figures(self, model: Family, step: int) -> dict[str, float]:
        """Error of a model beside those of what it starts from and of the source itself; a picture is written too.

        Returns:
            Where it is near (everywhere, if nothing is): of each image the mean absolute error of model, start and
            source, in the channel's unit, and the share of the source's error that the model took away; of each share
            Dice of all three, and the model's sum over the true one.
        """
        batch, device = self.batch, next(iter(model.parameters())).device
        assert batch.target is not None and batch.near is not None
        made = model.sample(batch.to(device)).cpu()
        start = model.start(batch.to(device)).cpu()
        source = _source(model, batch)
        near = batch.near if batch.near.any() else torch.ones_like(batch.near)
        found: dict[str, float] = {}
        single = sum(not c.share for c in model.task.target) == 1
        for i, channel in enumerate(model.task.target):
            truth, three = batch.target[:, i], {"": made[:, i], "start_": start[:, i], "copy_": source[:, i]}
            name = "" if single else f"{channel.name}_"
            if channel.share:
                found |= {f"{k}dice": round(_dice(v, truth), 4) for k, v in three.items()}
                found["mask_ratio"] = round(float(three[""].sum() / truth.sum().clamp_min(1)), 4)
                continue
            size = channel.unit_size
            errors = {k: float((v - truth).abs()[near].mean()) * size for k, v in three.items()}
            found |= {f"{name}{k}mae_{channel.unit.lower()}": float(f"{v:.4g}") for k, v in errors.items()}
            found[f"{name}gain"] = round(1.0 - errors[""] / max(errors["copy_"], 1e-6), 4)
        self._picture(made, source, model.task.target[-1].share, step)
        return found

    def _picture(self, made: Tensor, source: Tensor, share: bool, step: int) -> None:
        """Rows: before, made, truth, made minus truth; the last channel is outlined in white where it is a share."""
        from PIL import Image

        target = self.batch.target
        assert target is not None
        size = (source[:, -1] if share else target[:, 0].abs()).sum(dim=(1, 2))
        rows = []
        for i in size.argsort(descending=True)[: 4 * _ROWS : 4]:
            views = [_grey(v[i, 0], v[i, -1] if share else None) for v in (source, made, target)]
            views.append(((made[i, 0] - target[i, 0]).numpy() * 2.0 + 0.5).clip(0, 1))
            rows.append(np.concatenate(views, axis=1))
        picture = (np.concatenate(rows) * 255).astype(np.uint8)
        twice = Image.fromarray(picture).resize((picture.shape[1] * 2, picture.shape[0] * 2), 0)
        with atomic_file(self.out / PICTURES / f"step-{step:06d}.png") as part:
            twice.save(part, "PNG")


def _source(model: Family, batch: Batch) -> Tensor:
    """(b, T, y, x): the target's channels as the source has them, without any draft."""
    begins = [options[-1] if options else None for options in model.task.start]
    layers = torch.cat(
        [
            torch.zeros_like(batch.source[:, :1]) if n is None else batch.source[:, [model.task.index(n)]]
            for n in begins
        ],
        dim=1,
    )
    return model.head.composed(layers)


def _dice(one: Tensor, other: Tensor) -> float:
    a, b = one > 0.5, other > 0.5
    return float(2 * (a & b).sum() / (a.sum() + b.sum()).clamp_min(1))


def _grey(picture: Tensor, mask: Tensor | None) -> np.ndarray:
    low, high = _WINDOW
    grey = ((picture.numpy() - low) / (high - low)).clip(0, 1)
    if mask is None:
        return grey
    inside = mask.numpy() > 0.5
    core = inside.copy()
    for axis in (0, 1):
        for shift in (-1, 1):
            core &= np.roll(inside, shift, axis)
    grey[inside & ~core] = 1.0
    return grey
