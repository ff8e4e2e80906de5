"""Latent diffusion (Rombach et al. 2022): a target is diffused where an autoencoder has made it small."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.batch import Batch
from models.families.diffusion import Diffusion
from models.family import FamilyConfig
from models.networks.heads import weights
from models.networks.unet import UNet

_SMALLER = 4  # pixels of a latent along each axis: an 8 mm lesion has two of 2 mm
_FORGETS = 0.02  # of the size of latents, a step


class LatentDiffusion(Diffusion):
    """The target itself is diffused, as latents of a quarter of its resolution; the source is brought to theirs.

    The autoencoder learns beside the diffusion, which takes its latents as they are at that step. So that samples do
    not depend on a model's resolution, a latent's noise is that of the pixels on which it lies.

    Options:
        latent_channels, autoencoder_channels: of MONAI's `AutoencoderKL`.
        kl_weight: of the latents' divergence from a standard normal.
        steps, train_steps, beta_schedule, prediction: as `Diffusion`.
    """

    options: ClassVar[dict[str, Any]] = {
        "steps": 20,
        "train_steps": 1000,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction": "v_prediction",
        "latent_channels": 4,
        "autoencoder_channels": [32, 48, 64],
        "kl_weight": 1e-6,
    }
    latent_size: Tensor

    def __init__(self, config: FamilyConfig) -> None:
        from monai.networks.nets import AutoencoderKL

        super().__init__(config)
        own, targets = self.config.options, len(self.task.target)
        self.stem = nn.Conv2d(len(self._seen), self._stem_channels, _SMALLER, stride=_SMALLER)
        self.autoencoder = AutoencoderKL(
            spatial_dims=2,
            in_channels=targets,
            out_channels=targets,
            num_res_blocks=1,
            channels=tuple(own["autoencoder_channels"]),
            attention_levels=(False,) * 3,
            latent_channels=own["latent_channels"],
            norm_num_groups=8,
            with_encoder_nonlocal_attn=False,
            with_decoder_nonlocal_attn=False,
        )
        self.register_buffer("latent_size", torch.ones(()))

    @property
    def _stem_channels(self) -> int:
        return 16 * len(self.task.target)

    @property
    def output_channels(self) -> int:
        """Those of latents."""
        return int(self.config.options["latent_channels"])

    def network_for(self, before: int) -> nn.Module:
        """A U-Net on latents."""
        widths, embedding = self.config.widths, self.config.embedding
        return UNet(self.output_channels + self._stem_channels, self.output_channels, widths, embedding)

    def parts(self) -> list[list[nn.Parameter]]:
        """The autoencoder, then the diffusion."""
        autoencoder = list(self.autoencoder.parameters())
        kept = {id(p) for p in autoencoder}
        return [autoencoder, [p for p in super().parts()[0] if id(p) not in kept]]

    def shown(self, batch: Batch) -> Tensor:
        """The source on the latents' pixels."""
        return self.stem(_whole(super().shown(batch)))

    def translate(self, batch: Batch, steps: int) -> Tensor:
        """From the sample's noise to latents, and from these to the target."""
        assert batch.noise is not None
        state = F.pixel_unshuffle(_whole(batch.noise[:, 1:]), _SMALLER)[:, : self.output_channels]
        latents = self._walked(state, batch, steps, self._latents)
        rows, columns = batch.source.shape[-2:]
        made = self.autoencoder.decode(latents * self.latent_size)[..., :rows, :columns].float()
        return self.head.layered(made)

    def _latents(self, out: Tensor, state: Tensor, kept: float) -> Tensor:
        return self._meant(out, state, kept).clamp(
            -6.0, 6.0
        )  # of standard normal ones next to none lies beyond

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Of the autoencoder: what it gives back, and its divergence; then of the diffusion of its latents."""
        assert batch.target is not None
        target = _whole(batch.target)
        if part == 0:
            mean, sd = self.autoencoder.encode(target)
            noise = torch.randn(mean.shape, generator=chance).to(mean.device)
            rows, columns = batch.target.shape[-2:]
            made = self.autoencoder.decode(mean + sd * noise)[..., :rows, :columns].float()
            weight = weights(batch, self.config.near_weight)[:, None]
            error = (weight * (made - batch.target).abs()).sum() / (weight.sum() * made.shape[1])
            kl = 0.5 * (mean.square() + sd.square() - 1.0 - 2.0 * sd.clamp_min(1e-6).log()).float().mean()
            return {"autoencoder": error, "divergence": self.config.options["kl_weight"] * kl}
        with torch.no_grad():
            latents = self.autoencoder.encode(target)[0].float()
            if self.training:
                self.latent_size.lerp_(latents.std().clamp_min(1e-3), _FORGETS)
        return {"latents": self._noise_error(latents / self.latent_size, batch, chance)}

    def _noise_error(self, latents: Tensor, batch: Batch, chance: torch.Generator) -> Tensor:
        out, wanted = self._noised(latents, batch, chance)
        return (out - wanted).square().mean()


def _whole(images: Tensor) -> Tensor:
    """Filled up to whole latents."""
    rows, columns = images.shape[-2:]
    return F.pad(images, (0, -columns % _SMALLER, 0, -rows % _SMALLER), mode="replicate")


FAMILY = LatentDiffusion
