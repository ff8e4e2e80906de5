"""A family: one way to learn a task. Tensors in, tensors out; it knows no task by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from models.batch import Batch
from models.data.stack import channels, hidden_places
from models.layout import CONFIG, WEIGHTS
from models.networks.conditions import Conditions
from models.networks.heads import SHARP, head_of
from models.networks.quantiles import QuantileHead
from models.networks.unet import Time, UNet
from models.router import Router
from models.task import Task
from twin.files.atomic import atomic_file
from twin.files.json_file import read_json

_CPU_SLICES, _GPU_SLICES = 16, 384  # of a micro-batch, at most
_CPU_PIXELS = 2**18  # of a micro-batch: what it makes of them on its way stays in a processor's cache
_TRAINING_ONLY = ("discriminator.", "perceptual.", "returning.")
_FORMER = {"volume.": "drawn."}  # what a part was called in older weights


class FamilyConfig(BaseModel):
    """What a trained network is, beside its weights; further entries are facts about it, kept as they are.

    Args:
        family: the name of its family.
        task: what it translates, with its conditions as the examples had them.
        slices: that it sees; with 1 it is not shown what was computed from the whole volume.
        widths, embedding: of the network.
        hidden: names of source channels and conditions that it is not shown.
        coarsen: it works on pixels this many times as large; its change is brought back to the pixels given.
        guidance: 1, or more to exaggerate what the conditions change (Ho and Salimans 2022).
        near_weight, share_weight: of the loss where the examples say it is near, and of shares.
        options: the family's own.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    family: str = ""
    task: Task
    slices: int = 3
    widths: tuple[int, ...] = (48, 64, 96, 128)
    embedding: int = 128
    hidden: tuple[str, ...] = ()
    coarsen: int = 1
    guidance: float = 1.0
    near_weight: float = 4.0
    share_weight: float = 2.0
    options: dict[str, Any] = {}


class Family(nn.Module):
    """A network with its conditions, and how it is trained, used and kept; the families say what it predicts.

    `sample` depends on its arguments only: the caller owns the noise, so that one patient's sample keeps its noise
    through time and across plans. No slice depends on the others of its batch.

    Args:
        config: of this network; its `options` fill up the family's own.
    """

    needs_pairs: ClassVar[bool] = True
    state_channels: ClassVar[bool] = False  # whether the network is shown a state of the target's channels
    pixel_noise: ClassVar[bool] = False  # whether a sample's pixels have a noise of their own
    options: ClassVar[dict[str, Any]] = {}
    router: Router | None = None  # of slices to groups, where the family has such

    def __init__(self, config: FamilyConfig) -> None:
        super().__init__()
        self.config = config.model_copy(update={"options": self.options | config.options})
        self.task, self.slices = config.task, config.slices
        self.head = head_of(self.task, config.hidden)
        self.delta = SHARP  # a training begins with more
        self.noise_channels = 1 + (len(self.task.target) if self.pixel_noise else 0)
        unseen = hidden_places(self.task.source, config.slices, config.hidden)
        self._seen = [i for i in range(channels(self.task.source, config.slices)) if i not in unseen]
        self.conditions = Conditions(self.task.conditions, config.embedding, config.hidden)
        self.time = Time(config.embedding)
        state = len(self.task.target) if self.state_channels else 0
        self.network = self.network_for(state + len(self._seen))
        self.drawn: QuantileHead | None = None
        if self.task.drawn:
            place = self.task.condition(self.task.drawn)
            hidden = [n for n in config.hidden if n != self.task.drawn]
            self.drawn = QuantileHead(self.task.conditions, place, hidden)

    # -- what the families define

    def network_for(self, before: int) -> nn.Module:
        """The network, a U-Net where a family does not say otherwise.

        Args:
            before: channels that it is given.
        """
        return UNet(before, self.output_channels, self.config.widths, self.config.embedding)

    @property
    def output_channels(self) -> int:
        """Of the network."""
        return self.head.channels

    @property
    def evaluations(self) -> int:
        """Of the network, for one sample."""
        return int(self.config.options.get("steps", 1))

    def translate(self, batch: Batch, steps: int) -> Tensor:
        """(b, L, y, x) layers at the network's own resolution, not yet cut to their ranges."""
        raise NotImplementedError

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """The terms of one part's loss, weighted; the sum is minimised over `parts()[part]`."""
        raise NotImplementedError

    def parts(self) -> list[list[nn.Parameter]]:
        """Parameters that are trained in turn, each part by its own loss."""
        away = ("drawn.", *_TRAINING_ONLY)
        return [[p for n, p in self.named_parameters() if not n.startswith(away)]]

    # -- use

    def guided(self, batch: Batch) -> Batch:
        """The batch with the condition that the model draws where it is missing, at the quantile of its noise."""
        if self.drawn is None or batch.noise is None:
            return batch
        place, vector = self.drawn.drawn, batch.vector.clone()
        free = ~torch.isfinite(vector[:, place])
        if free.any():
            with torch.no_grad():
                drawn = self.drawn(batch.vector, batch.noise[:, 0].mean(dim=(1, 2)))
            vector[free, place] = drawn[free]
        return replace(batch, vector=vector)

    def sample(self, batch: Batch, steps: int | None = None) -> Tensor:
        """(b, T, y, x): the target that a batch becomes.

        Args:
            batch: with noise.
            steps: network evaluations, in place of the family's own.

        Raises:
            ValueError: the family has no steps to choose.
        """
        return self.head.composed(self.layers(batch, steps))

    @torch.no_grad()
    def layers(self, batch: Batch, steps: int | None = None) -> Tensor:
        """(b, L, y, x): the layers of which `sample` is composed; arguments as there."""
        if steps is not None and "steps" not in self.config.options:
            raise ValueError("this family has no steps to choose: it takes one network evaluation")
        size = _GPU_SLICES
        if batch.source.device.type == "cpu":
            y, x = batch.source.shape[-2:]
            size = min(_CPU_SLICES, max(1, _CPU_PIXELS // (y * x)))
        made = [self._micro_batch(p, steps or self.evaluations) for p in self.guided(batch).parts(size)]
        return torch.cat(made)[: len(batch)]

    def _micro_batch(self, batch: Batch, steps: int) -> Tensor:
        k, source = self.config.coarsen, batch.source
        if k > 1:
            batch = replace(batch, source=F.avg_pool2d(source, k), noise=self._pooled(batch.noise, k))
        with self._precision(source):
            out = self.translate(batch, steps).float()
        if k > 1:
            change = F.interpolate(
                out - self.head.start(batch.source), scale_factor=float(k), mode="bilinear"
            )
            out = self.head.start(source) + change
        return self.head.cut(out)

    @staticmethod
    def _pooled(noise: Tensor | None, k: int) -> Tensor | None:
        """Noise of larger pixels: k times the mean of k x k independent numbers has variance 1 again."""
        if noise is None:
            return None
        little = noise[:, :, ::k, ::k].clone()  # channel 0 is the same everywhere
        if noise.shape[1] > 1:
            little[:, 1:] = F.avg_pool2d(noise[:, 1:], k) * k
        return little

    def _precision(self, image: Tensor) -> AbstractContextManager:
        return half_precision(image.device)

    # -- what the families use

    def predict(self, state: Tensor | None, batch: Batch, time: Tensor) -> Tensor:
        """(b, output_channels, y, x) output of the network, with guidance where that is asked for.

        Args:
            state: (b, T, y, x) of the translation under way, or None.
            batch: what is translated.
            time: (b,) in [0, 1].
        """
        shown = self.shown(batch)
        x = shown if state is None else torch.cat([state, shown], dim=1)
        when = self.time(time)
        out = self.answer(x, self.conditions(batch.vector) + when)
        strength = self.config.guidance
        if strength != 1.0 and not self.training:
            none = self.answer(x, self.conditions(torch.full_like(batch.vector, torch.nan)) + when)
            out = none + strength * (out - none)
        return out

    def answer(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(b, output_channels, y, x) of the network alone.

        Args:
            x: (b, k, y, x) state and source.
            embedding: (b, e) of conditions and time.
        """
        return self.network(x, embedding)

    def shown(self, batch: Batch) -> Tensor:
        """What the network is shown of the source, at its own resolution."""
        return batch.source[:, self._seen]

    def start(self, batch: Batch) -> Tensor:
        """(b, T, y, x): what is changed, as the target's channels."""
        return self.head.composed(self.head.start(batch.source))

    def supervised(self, images: Tensor, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The head's losses with this network's weights."""
        config = self.config
        return self.head.losses(images, logits, batch, self.delta, config.near_weight, config.share_weight)

    # -- keeping

    def begin_with(self, other: Family) -> None:
        """Take over the weights of another network.

        Raises:
            RuntimeError: they do not fit.
        """
        self.load_state_dict(other.state_dict())

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write `config.json` and the weights, in diffusers' layout.

        Raises:
            InputError: they cannot be written.
        """
        from safetensors.torch import save_file

        path = Path(folder)
        used = {k: v for k, v in self.state_dict().items() if not k.startswith(_TRAINING_ONLY)}
        weights = {k: v.detach().cpu().contiguous() for k, v in used.items()}
        with atomic_file(path / WEIGHTS) as part:
            save_file(weights, part, metadata={"format": "pt"})
            part.chmod(part.stat().st_mode | 0o044)  # safetensors keeps them to the owner
        told = {
            "_class_name": type(self).__name__,
            **self.config.model_dump(mode="json", exclude_defaults=True),
        }
        with atomic_file(path / CONFIG) as part:
            part.write_text(json.dumps(told, indent=1), encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | PathLike[str], config: Mapping[str, Any] | None = None) -> Self:
        """The network that `save_pretrained` wrote, ready for use.

        Args:
            folder: where it lies.
            config: in place of the folder's own, where that is of an older version.

        Raises:
            ValueError: the folder holds another family, or weights that do not fit their config.
        """
        from safetensors.torch import load_file

        told = dict(config or read_json(Path(folder) / CONFIG))
        name = told.pop("_class_name", None)
        if name != cls.__name__:
            raise ValueError(f"{folder} holds a {name}, not a {cls.__name__}")
        model = cls(FamilyConfig(**told))
        found = load_file(Path(folder) / WEIGHTS)
        model.load_state_dict({_renamed(k): v.float() for k, v in found.items()})
        return model.eval().requires_grad_(False)


def _renamed(key: str) -> str:
    for former, now in _FORMER.items():
        if key.startswith(former):
            return now + key.removeprefix(former)
    return key


def half_precision(device: torch.device) -> AbstractContextManager:
    """bfloat16 where the processor multiplies matrices in it; float32 elsewhere.

    A processor with AVX512_BF16 and no AMX takes a third longer in bfloat16 than in float32
    (`benchmarks/translation_speed.py`).
    """
    if device.type == "cpu":
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=torch.cpu._is_amx_tile_supported())
    return torch.autocast(device.type, dtype=torch.bfloat16)
