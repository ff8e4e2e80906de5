"""Conditional diffusion: noise prediction on the change between start (baseline or draft) and follow-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from models.networks.neural import NeuralTranslator


class Diffusion(NeuralTranslator):
    """A denoising diffusion model (Ho et al. 2020) of the change, sampled with DPM-Solver++ (Lu et al. 2022).

    Options:
        steps: network evaluations of a sample.
        train_steps, beta_schedule, prediction: of the diffusion, as diffusers' schedulers name them.
        image_scale, mask_scale: the change that counts as 1.
    """

    noise_channels = 3
    state_channels = 2
    output_channels = 2
    options: ClassVar[dict[str, Any]] = {
        "steps": 20,
        "train_steps": 1000,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction": "epsilon",
        "image_scale": 0.1,
        "mask_scale": 0.3,
    }

    @property
    def evaluations(self) -> int:
        """Of the network, for one sample."""
        return int(self.config["options"]["steps"])

    def _schedule(self) -> dict[str, Any]:
        own = self.config["options"]
        return {
            "num_train_timesteps": own["train_steps"],
            "beta_schedule": own["beta_schedule"],
            "prediction_type": own["prediction"],
        }

    def _scale(self, like: Tensor) -> Tensor:
        own = self.config["options"]
        return like.new_tensor([own["image_scale"], own["mask_scale"]]).reshape(1, 2, 1, 1)

    def translate(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        """From the sample's noise to the change."""
        from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

        told = self._schedule() | {"prediction_type": "sample", "algorithm_type": "dpmsolver++"}
        scheduler = DPMSolverMultistepScheduler(**told)
        scheduler.set_timesteps(self.evaluations)
        start = self.start(image)
        state = noise[:, 1:3] * scheduler.init_noise_sigma
        last = self.config["options"]["train_steps"]
        for t in scheduler.timesteps:
            time = image.new_full((len(image),), float(t) / last)
            out = self.predict(state, image, vector, time)
            change = self._change(out, state, float(scheduler.alphas_cumprod[t]), start)
            state = scheduler.step(change, t, state).prev_sample
        return (start + state * self._scale(image))[:, [0, 0, 1]]  # one image, tumour or not

    def _change(self, out: Tensor, state: Tensor, kept: float, start: Tensor) -> Tensor:
        """The change that the network's output means, within the range of images: at the start, where almost nothing
        of the change is in the state, a small error of the noise would mean a huge one of the change.

        Args:
            out: of the network.
            state: of the diffusion.
            kept: share of the change's variance in the state.
            start: (b, 2, y, x) what is changed.
        """
        share, noise_share = kept**0.5, (1.0 - kept) ** 0.5
        kind = self.config["options"]["prediction"]
        if kind == "epsilon":
            out = (state - noise_share * out) / max(share, 1e-6)
        elif kind == "v_prediction":
            out = share * state - noise_share * out
        scale = self._scale(start)
        low = torch.cat([-1.0 - start[:, :1], -start[:, 1:]], dim=1) / scale
        high = (1.0 - start) / scale
        return torch.minimum(torch.maximum(out, low), high)

    def loss(self, part: int, batch: Mapping[str, Tensor], chance: torch.Generator) -> dict[str, Tensor]:
        """Squared error of the noise, weighted towards the tumour (or of what `prediction` names)."""
        from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

        scheduler = DDPMScheduler(**self._schedule())
        image, target = batch["image"], batch["target"]
        last = self.config["options"]["train_steps"]
        step = torch.randint(last, (len(image),), generator=chance).to(image.device)
        noise = torch.randn(target.shape, generator=chance).to(image.device)
        change = (target - self.start(image)) / self._scale(image)
        state = scheduler.add_noise(change, noise, step)
        out = self.predict(state, image, batch["vector"], step / last)
        kind = self.config["options"]["prediction"]
        wanted = {"epsilon": noise, "sample": change}.get(kind)
        if wanted is None:
            wanted = scheduler.get_velocity(change, noise, step)
        weight = 1.0 + (self.config["near_weight"] - 1.0) * (image[:, -1:] > -1.0)
        error = (weight * (out - wanted).square()).sum(dim=(0, 2, 3)) / weight.sum()
        return {"image": error[0], "mask": error[1]}


FAMILY = Diffusion
