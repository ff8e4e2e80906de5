"""Conditional diffusion of the change between start and target."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from models.batch import Batch
from models.family import Family
from models.networks.heads import weights


class Diffusion(Family):
    """A denoising diffusion model (Ho et al. 2020) of the change, sampled with DPM-Solver++ (Lu et al. 2022).

    Options:
        steps: network evaluations of a sample.
        train_steps, beta_schedule, prediction: of the diffusion, as diffusers' schedulers name them.
        image_scale, share_scale: the change of images and of shares that counts as 1.
    """

    state_channels = True
    pixel_noise = True
    options: ClassVar[dict[str, Any]] = {
        "steps": 20,
        "train_steps": 1000,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction": "epsilon",
        "image_scale": 0.1,
        "share_scale": 0.3,
    }

    @property
    def output_channels(self) -> int:
        """The network answers in the target's channels."""
        return len(self.task.target)

    def _schedule(self) -> dict[str, Any]:
        own = self.config.options
        return {
            "num_train_timesteps": own["train_steps"],
            "beta_schedule": own["beta_schedule"],
            "prediction_type": own["prediction"],
        }

    def _scale(self, like: Tensor) -> Tensor:
        own = self.config.options
        each = [own["share_scale"] if c.share else own["image_scale"] for c in self.task.target]
        return like.new_tensor(each).reshape(1, -1, 1, 1)

    def translate(self, batch: Batch, steps: int) -> Tensor:
        """From the sample's noise to the change."""
        from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

        assert batch.noise is not None
        told = self._schedule() | {"prediction_type": "sample", "algorithm_type": "dpmsolver++"}
        scheduler = DPMSolverMultistepScheduler(**told)
        scheduler.set_timesteps(steps)
        start = self.start(batch)
        state = batch.noise[:, 1:] * scheduler.init_noise_sigma
        last = self.config.options["train_steps"]
        for t in scheduler.timesteps:
            time = start.new_full((len(batch),), float(t) / last)
            out = self.predict(state, batch, time)
            change = self._change(out, state, float(scheduler.alphas_cumprod[t]), start)
            state = scheduler.step(change, t, state).prev_sample
        return self.head.layered(start + state * self._scale(start))

    def _change(self, out: Tensor, state: Tensor, kept: float, start: Tensor) -> Tensor:
        """The change that the network's output means, within the range of images: at the start, where almost nothing
        of the change is in the state, a small error of the noise would mean a huge one of the change.

        Args:
            out: of the network.
            state: of the diffusion.
            kept: share of the change's variance in the state.
            start: (b, T, y, x) what is changed.
        """
        share, noise_share = kept**0.5, (1.0 - kept) ** 0.5
        kind = self.config.options["prediction"]
        if kind == "epsilon":
            out = (state - noise_share * out) / max(share, 1e-6)
        elif kind == "v_prediction":
            out = share * state - noise_share * out
        scale = self._scale(start)
        least = start.new_tensor([0.0 if c.share else -1.0 for c in self.task.target]).reshape(1, -1, 1, 1)
        return torch.minimum(torch.maximum(out, (least - start) / scale), (1.0 - start) / scale)

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Squared error of the noise, weighted towards what is near (or of what `prediction` names)."""
        from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

        assert batch.target is not None
        scheduler = DDPMScheduler(**self._schedule())
        last = self.config.options["train_steps"]
        step = torch.randint(last, (len(batch),), generator=chance).to(batch.source.device)
        noise = torch.randn(batch.target.shape, generator=chance).to(batch.source.device)
        change = (batch.target - self.start(batch)) / self._scale(batch.target)
        state = scheduler.add_noise(change, noise, step)
        out = self.predict(state, batch, step / last)
        wanted = {"epsilon": noise, "sample": change}.get(self.config.options["prediction"])
        if wanted is None:
            wanted = scheduler.get_velocity(change, noise, step)
        weight = weights(batch, self.config.near_weight)[:, None]
        error = (weight * (out - wanted).square()).sum(dim=(0, 2, 3)) / weight.sum()
        return {c.name: error[i] for i, c in enumerate(self.task.target)}


FAMILY = Diffusion
