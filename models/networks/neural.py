"""What all learned Translators share: conditions, network, free and guided use, saving."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.data.stack import channels
from models.networks.conditions import Conditions
from models.networks.layers import composed
from models.networks.unet import Time, UNet
from models.networks.volume_head import VolumeHead

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
# A network's last bits depend on the size of its batch: every batch is filled up to this one.
_MICRO_BATCH = 16
_TRAINING_ONLY = "discriminator."
SHARP = 0.01  # of Huber's error, about 10 HU
_IMAGE_STEP, _LOGIT_STEP = 0.3, 2.0  # what 1 of the network's output changes: about 300 HU
_UNSURE = 0.0025  # what the start's mask leaves open at least


class NeuralTranslator(nn.Module):
    """A Translator with a U-Net; the kinds say what it predicts and how it is sampled.

    Args (the keys of its config):
        statistics: of the conditions (`models.networks.conditions.statistics`).
        image_channels: of one slice.
        start: indices among them of the layers that it changes: the scan and its mask, or those of a draft.
        slices: that it sees; with 1 it does not see the depth in the tumour either.
        widths, embedding: of the network.
        relative: index of the relative tumour volume among the conditions, or None.
        hidden, hidden_channels: indices of conditions and of a slice's channels that it is not shown.
        coarsen: it works on pixels this many times as large; its change is brought back to the pixels given.
        guidance: 1, or more to exaggerate what the conditions change (Ho and Salimans 2022).
        near_weight, mask_weight: of the loss within 3 cm of the tumour, and of its mask.
        options: the kind's own.
    """

    noise_channels = 1
    state_channels = 0  # of the network's input beside the slices
    output_channels = 3  # of the network
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        usual: dict[str, Any] = {
            "image_channels": 3,
            "start": [0, 0, 1],
            "slices": 3,
            "widths": (48, 64, 96, 128),
            "embedding": 128,
        }
        usual |= {"relative": None, "hidden": [], "hidden_channels": [], "coarsen": 1, "guidance": 1.0}
        usual |= {"near_weight": 4.0, "mask_weight": 2.0}
        self.config: dict[str, Any] = usual | dict(config)
        self.config["options"] = self.options | dict(config.get("options", {}))
        self.delta = SHARP  # a training begins with more
        c = self.config
        self.slices: int = c["slices"]
        seen = channels(c["image_channels"], self.slices)
        unseen = [n * c["image_channels"] + i for i in c["hidden_channels"] for n in range(self.slices)]
        if self.slices == 1:
            unseen.append(seen - 1)
        self._start = list(c["start"])
        self.drafted = self._start != [0, 0, 1]
        self._seen = [i for i in range(seen) if i not in unseen]
        self.conditions = Conditions(c["statistics"], c["embedding"], c["hidden"])
        self.time = Time(c["embedding"])
        self.network = UNet(
            self.state_channels + len(self._seen), self.output_channels, c["widths"], c["embedding"]
        )
        self.volume = (
            None
            if c["relative"] is None
            else VolumeHead(c["statistics"], c["relative"], [i for i in c["hidden"] if i != c["relative"]])
        )

    # -- what the kinds define

    def translate(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        """Layers of slices at the network's own resolution, not yet cut to their ranges."""
        raise NotImplementedError

    def loss(self, part: int, batch: Mapping[str, Tensor], chance: torch.Generator) -> dict[str, Tensor]:
        """The terms of one part's loss, weighted; the sum is minimised over `parts()[part]`."""
        raise NotImplementedError

    def parts(self) -> list[list[nn.Parameter]]:
        """Parameters that are trained in turn, each part by its own loss."""
        return [[p for n, p in self.named_parameters() if not n.startswith("volume.")]]

    # -- the protocol

    def fit(self, data: Iterable[Mapping[str, Tensor]], config: Mapping[str, Any]) -> Self:
        """Train on batches; `config` may set `learning_rate` and `seed`."""
        from models.training.trainer import fit

        fit(self, data, config)
        return self

    def guided(self, vector: Tensor, noise: Tensor) -> Tensor:
        """The conditions with the relative tumour volume drawn where it is missing."""
        if self.volume is None:
            return vector.clone()
        out = vector.clone()
        free = ~torch.isfinite(vector[:, self.volume.relative])
        if free.any():
            with torch.no_grad():
                drawn = self.volume(vector, noise[:, 0].mean(dim=(1, 2)))
            out[free, self.volume.relative] = drawn[free]
        return out

    def generate(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        """Follow-up image in [-1, 1] and tumour mask in [0, 1]; see the protocol."""
        return composed(self.layers(image, vector, noise))

    @torch.no_grad()
    def layers(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        """Image without tumour, image of the tumour, and share of tumour; see the protocol."""
        vector = self.guided(vector, noise)
        out = [
            self._micro_batch(*(t[i : i + _MICRO_BATCH] for t in (image, vector, noise)))
            for i in range(0, len(image), _MICRO_BATCH)
        ]
        return torch.cat(out)

    def _micro_batch(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        n = len(image)
        if n < _MICRO_BATCH:
            image, vector, noise = (
                torch.cat([t, t.new_zeros(_MICRO_BATCH - n, *t.shape[1:])]) for t in (image, vector, noise)
            )
        k = self.config["coarsen"]
        small = F.avg_pool2d(image, k) if k > 1 else image
        # k times the mean of k x k independent numbers has variance 1 again; channel 0 is the same everywhere.
        little = noise[:, :, ::k, ::k].clone()
        if k > 1 and noise.shape[1] > 1:
            little[:, 1:] = F.avg_pool2d(noise[:, 1:], k) * k
        with self._precision(image):
            out = self.translate(small, vector, little).float()
        if k > 1:
            change = F.interpolate(out - small[:, self._start], scale_factor=float(k), mode="bilinear")
            out = image[:, self._start] + change
        out = torch.cat([out[:, :2].clamp(-1.0, 1.0), out[:, 2:].clamp(0.0, 1.0)], dim=1)
        return out[:n]

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write `config.json` and the weights, in diffusers' layout."""
        from safetensors.torch import save_file

        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        used = {k: v for k, v in self.state_dict().items() if not k.startswith(_TRAINING_ONLY)}
        weights = {k: v.detach().cpu().contiguous() for k, v in used.items()}
        save_file(weights, path / WEIGHTS, metadata={"format": "pt"})
        (path / WEIGHTS).chmod((path / WEIGHTS).stat().st_mode | 0o044)  # safetensors keeps them to the owner
        (path / CONFIG).write_text(json.dumps({"_class_name": type(self).__name__} | self.config, indent=1))

    @classmethod
    def from_pretrained(cls, folder: str | PathLike[str]) -> Self:
        """The model that `save_pretrained` wrote, ready for use.

        Raises:
            ValueError: the folder holds another model.
        """
        from safetensors.torch import load_file

        config = json.loads((Path(folder) / CONFIG).read_text())
        name = config.pop("_class_name", None)
        if name != cls.__name__:
            raise ValueError(f"{folder} holds a {name}, not a {cls.__name__}")
        model = cls(config)
        model.load_state_dict(load_file(Path(folder) / WEIGHTS))
        return model.eval().requires_grad_(False)

    # -- what the kinds use

    def predict(self, state: Tensor | None, image: Tensor, vector: Tensor, time: Tensor) -> Tensor:
        """(b, output_channels, y, x) output of the network, with guidance where that is asked for.

        Args:
            state: (b, state_channels, y, x) of the translation under way, or None.
            image: (b, C, y, x) of the slices.
            vector: (b, f) conditions.
            time: (b,) in [0, 1].
        """
        shown = image[:, self._seen]
        x = shown if state is None else torch.cat([state, shown], dim=1)
        when = self.time(time)
        out = self.network(x, self.conditions(vector) + when)
        strength = self.config["guidance"]
        if strength != 1.0 and not self.training:
            none = self.network(x, self.conditions(torch.full_like(vector, torch.nan)) + when)
            out = none + strength * (out - none)
        return out

    def layers_and_logit(self, out: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """The network's output as a change: (b, 2, y, x) of tissue's and tumour's image, and of the mask's logit."""
        pictures = image[:, self._start[:2]] + _IMAGE_STEP * out[:, :2]
        return pictures, image[:, self._start[2]].logit(_UNSURE) + _LOGIT_STEP * out[:, 2]

    def start(self, image: Tensor) -> Tensor:
        """(b, 2, y, x): image and mask that are changed."""
        return composed(image[:, self._start])

    def picture_loss(
        self, pictures: Tensor, logit: Tensor, image: Tensor, target: Tensor
    ) -> dict[str, Tensor]:
        """Huber's error of the image and cross-entropy of the mask, both weighted towards the tumour.

        Tissue and tumour answer each for the pixels that the true mask gives them. Squared below `delta`, in the end
        the size of noise; of larger changes it learns the median: injury that comes in patches must not become haze
        everywhere.
        """
        near = (image[:, -1] > -1.0).float()
        weight = 1.0 + (self.config["near_weight"] - 1.0) * near
        share = target[:, 1].clamp(0, 1)
        picture = composed(torch.cat([pictures, share[:, None]], dim=1))[:, 0]
        error = F.huber_loss(picture, target[:, 0], reduction="none", delta=self.delta) / self.delta
        entropy = F.binary_cross_entropy_with_logits(logit, share, reduction="none")
        return {
            "image": (weight * error).sum() / weight.sum(),
            "mask": self.config["mask_weight"] * (weight * entropy).sum() / weight.sum(),
        }

    def _precision(self, image: Tensor) -> AbstractContextManager:
        return half_precision(image.device)


def half_precision(device: torch.device) -> AbstractContextManager:
    """bfloat16 where the processor computes in it (twice as fast); float32 elsewhere."""
    if device.type == "cpu":
        able = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=able)
    return torch.autocast(device.type, dtype=torch.bfloat16)
