"""CycleGAN (Zhu et al. 2017): learned without pairs, by going there and back again."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.families.pix2pix import patch_discriminator
from models.families.regression import Regression
from models.family import FamilyConfig
from models.networks.unet import UNet


class CycleGAN(Regression):
    """What is made of a source is to pass for a target, and the way back is to lead to the source again; so round both.

    No source is held against the target of its own example: each batch's targets are those of another of its slices.
    The way back makes one slice; its neighbours are taken as equal to it.

    Options:
        cycle_weight: of coming back against passing for a target.
        discriminator_channels: of MONAI's `PatchDiscriminator`.
    """

    needs_pairs: ClassVar[bool] = False
    options: ClassVar[dict[str, Any]] = {"cycle_weight": 10.0, "discriminator_channels": 32}

    def __init__(self, config: FamilyConfig) -> None:
        super().__init__(config)
        self.returning: UNet | None = None
        self.discriminator: nn.ModuleDict | None = None
        self._given = [c for c in self.task.source if not c.whole]
        self._made: tuple[Tensor, Tensor] | None = None

    def start_training(self) -> None:
        """Make the way back and a discriminator a side; none is part of the weights that are saved."""
        from monai.losses import PatchAdversarialLoss

        given, wanted, config = len(self._given), len(self.task.target), self.config
        self.returning = UNet(wanted, given, config.widths, config.embedding)
        nn.init.normal_(
            self.returning.leave.weight, std=1e-3
        )  # from 0 nothing behind it would learn at first
        channels = config.options["discriminator_channels"]
        sides = {"source": given, "target": wanted}
        self.discriminator = nn.ModuleDict({k: patch_discriminator(n, channels) for k, n in sides.items()})
        self._adversarial = PatchAdversarialLoss(criterion="least_squares")

    def parts(self) -> list[list[nn.Parameter]]:
        """Both generators, then both discriminators."""
        if self.discriminator is None:
            self.start_training()
        assert self.discriminator is not None and self.returning is not None
        return [[*super().parts()[0], *self.returning.parameters()], list(self.discriminator.parameters())]

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Of the generators, which leave what they made to the discriminators; then of these."""
        assert batch.target is not None
        given, other = batch.source[:, : len(self._given)], batch.target.roll(1, dims=0)
        if part == 0:
            made, returned = self._there(batch), self._back(other)
            self._made = made.detach(), returned.detach()
            away = (self._back(made) - given).abs().mean()
            away = away + (self._there(self._shown(batch, returned)) - other).abs().mean()
            fooled = self._fooled("target", made) + self._fooled("source", returned)
            return {"cycle": self.config.options["cycle_weight"] * away, "adversarial": fooled}
        assert self._made is not None
        made, returned = self._made
        wrong = self._judged("target", made, False) + self._judged("source", returned, False)
        missed = self._judged("target", other, True) + self._judged("source", given, True)
        return {"discriminator": 0.5 * (wrong + missed)}

    def _there(self, batch: Batch) -> Tensor:
        return self.head.composed(self.head.layers(*self.changed(batch)))

    def _back(self, target: Tensor) -> Tensor:
        """(b, G, y, x): the slice's own source channels, each a change of the target of its name, if there is one."""
        assert self.returning is not None
        out = self.returning(target, target.new_zeros(len(target), self.config.embedding))
        names = [c.name for c in self.task.target]
        begins = [
            target[:, names.index(c.name)] if c.name in names else torch.zeros_like(target[:, 0])
            for c in self._given
        ]
        return torch.stack(begins, dim=1) + out

    def _shown(self, batch: Batch, returned: Tensor) -> Batch:
        whole = batch.source[:, self.slices * len(self._given) :]
        source = torch.cat([returned.repeat(1, self.slices, 1, 1), whole], dim=1)
        return Batch(source, batch.vector, batch.noise, batch.target, batch.near)

    def _fooled(self, side: str, images: Tensor) -> Tensor:
        assert self.discriminator is not None
        verdict = self.discriminator[side](images)[-1].float()
        return self._adversarial(verdict, target_is_real=True, for_discriminator=False)

    def _judged(self, side: str, images: Tensor, real: bool) -> Tensor:
        assert self.discriminator is not None
        verdict = self.discriminator[side](images)[-1].float()
        return self._adversarial(verdict, target_is_real=real, for_discriminator=True)


FAMILY = CycleGAN
