"""Conditional diffusion of the change between start and target."""

from __future__ import annotations

from collections.abc import Callable
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
        assert batch.noise is not None
        start = self.start(batch)

        def change(out: Tensor, state: Tensor, kept: float) -> Tensor:
            return self._change(out, state, kept, start)

        state = self._walked(batch.noise[:, 1:], batch, steps, change)
        return self.head.layered(start + state * self._scale(start))

    def _walked(
        self, state: Tensor, batch: Batch, steps: int, meant: Callable[[Tensor, Tensor, float], Tensor]
    ) -> Tensor:
        """The end of a diffusion that begins as noise.

        Args:
            state: the noise.
            batch: what is translated.
            steps: network evaluations.
            meant: the end that an output, a state and the share of the end's variance in it mean.
        """
        from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

        told = self._schedule() | {"prediction_type": "sample", "algorithm_type": "dpmsolver++"}
        scheduler = DPMSolverMultistepScheduler(**told)
        scheduler.set_timesteps(steps)
        state = state * scheduler.init_noise_sigma
        last = self.config.options["train_steps"]
        for t in scheduler.timesteps:
            time = batch.source.new_full((len(batch),), float(t) / last)
            end = meant(self.predict(state, batch, time), state, float(scheduler.alphas_cumprod[t]))
            state = scheduler.step(end, t, state).prev_sample
        return state

    def _meant(self, out: Tensor, state: Tensor, kept: float) -> Tensor:
        """The end of the diffusion that the network's output means in a state that holds `kept` of its variance."""
        share, noise_share = kept**0.5, (1.0 - kept) ** 0.5
        kind = self.config.options["prediction"]
        if kind == "epsilon":
            return (state - noise_share * out) / max(share, 1e-6)
        return share * state - noise_share * out if kind == "v_prediction" else out

    def _change(self, out: Tensor, state: Tensor, kept: float, start: Tensor) -> Tensor:
        """The change that the network's output means, within the range of images: at the start, where almost nothing
        of the change is in the state, a small error of the noise would mean a huge one of the change.

        Args:
            out: of the network.
            state: of the diffusion.
            kept: share of the change's variance in the state.
            start: (b, T, y, x) what is changed.
        """
        scale = self._scale(start)
        least = start.new_tensor([0.0 if c.share else -1.0 for c in self.task.target]).reshape(1, -1, 1, 1)
        meant = self._meant(out, state, kept)
        return torch.minimum(torch.maximum(meant, (least - start) / scale), (1.0 - start) / scale)

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Squared error of the noise, weighted towards what is near (or of what `prediction` names)."""
        assert batch.target is not None
        change = (batch.target - self.start(batch)) / self._scale(batch.target)
        out, wanted = self._noised(change, batch, chance)
        weight = weights(batch, self.config.near_weight)[:, None]
        error = (weight * (out - wanted).square()).sum(dim=(0, 2, 3)) / weight.sum()
        return {c.name: error[i] for i, c in enumerate(self.task.target)}

    def _noised(self, end: Tensor, batch: Batch, chance: torch.Generator) -> tuple[Tensor, Tensor]:
        """What the network says of an end with noise at a random time, and what it should."""
        from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

        scheduler = DDPMScheduler(**self._schedule())
        last = self.config.options["train_steps"]
        step = torch.randint(last, (len(batch),), generator=chance).to(batch.source.device)
        noise = torch.randn(end.shape, generator=chance).to(batch.source.device)
        out = self.predict(scheduler.add_noise(end, noise, step), batch, step / last)
        wanted = {"epsilon": noise, "sample": end}.get(self.config.options["prediction"])
        return out, scheduler.get_velocity(end, noise, step) if wanted is None else wanted


FAMILY = Diffusion
