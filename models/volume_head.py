"""How likely which relative tumour volume is, given the other conditions: the free mode's chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.conditions import Conditions, dropped

LEAST = 0.01  # relative volumes below count as this
_KNOTS = torch.linspace(-2.5, 2.5, 11)  # standard normal quantiles
_WIDTH = 48


class VolumeHead(nn.Module):
    """The quantile function of the relative tumour volume's logarithm, piecewise linear in the normal quantile.

    It rises with the quantile by construction, so that a sample that responds well does so at all times.

    Args:
        statistics: of the conditions (`models.conditions.statistics`).
        relative: index of the relative tumour volume, which it predicts and never sees.
        hidden: indices of further conditions that it is not shown.
    """

    knots: Tensor

    def __init__(
        self, statistics: Mapping[str, Sequence[float]], relative: int, hidden: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.relative = relative
        self.conditions = Conditions(statistics, _WIDTH, sorted({relative, *hidden}))
        self.out = nn.Sequential(
            nn.SiLU(), nn.Linear(_WIDTH, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, len(_KNOTS))
        )
        self.register_buffer("knots", _KNOTS.clone(), persistent=False)

    def log_quantile(self, vector: Tensor, normal: Tensor) -> Tensor:
        """Quantiles of the logarithm of the relative volume.

        Args:
            vector: (b, f) conditions.
            normal: (b, n) standard normal numbers: Phi of them is the quantile's level.

        Returns:
            (b, n).
        """
        raw = self.out(self.conditions(vector))
        middle = len(self.knots) // 2
        rises = torch.cumsum(F.softplus(raw) * 0.1, dim=1)
        values = raw[:, :1] + rises - rises[:, middle : middle + 1]
        place = torch.bucketize(normal, self.knots[1:-1])  # beyond the knots the outermost pieces go on
        low, high = values.gather(1, place), values.gather(1, place + 1)
        at = (normal - self.knots[place]) / (self.knots[1] - self.knots[0])
        return low + (high - low) * at

    def forward(self, vector: Tensor, normal: Tensor) -> Tensor:
        """(b, f) conditions, (b,) standard normal numbers -> (b,) relative volumes."""
        return self.log_quantile(vector, normal[:, None])[:, 0].clamp(-6.0, 4.0).exp()


def fit_volume_head(
    head: VolumeHead,
    vectors: Tensor,
    held_out: Tensor,
    *,
    each: float,
    kept: Sequence[int],
    steps: int = 3000,
    seed: int = 0,
) -> dict[str, float]:
    """Train by the pinball loss at random levels (its mean is half the CRPS), and keep what did best on held-out rows.

    Args:
        head: changed in place.
        vectors: (n, f) with known relative volumes.
        held_out: (n,) bool, rows of patients that it is not trained on.
        each, kept: of `models.conditions.dropped`.
        steps: of Adam, with all rows at once.
        seed: of the order of chance.

    Returns:
        Its best pinball loss on the held-out rows, and the step at which it was.
    """
    known = torch.isfinite(vectors[:, head.relative])
    vectors, held_out = vectors[known], held_out[known]
    truth = vectors[:, head.relative].clamp_min(LEAST).log()
    train = torch.nonzero(~held_out)[:, 0]
    test = torch.nonzero(held_out)[:, 0] if held_out.any() else train
    chance = torch.Generator().manual_seed(seed)
    rates = {"each": each, "all": 0.0, "relative": 0.0, "kept": kept}
    optimiser = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.05)
    levels = ((torch.arange(32) + 0.5) / 32).expand(len(test), -1)
    best, kept_state = {"pinball": float("inf"), "step": 0.0}, head.state_dict()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * (1.0 - step / steps)
        if step % 50 == 0:
            with torch.no_grad():
                loss = float(_pinball(head, vectors[test], truth[test], levels))
            if loss < best["pinball"]:
                best = {"pinball": loss, "step": float(step)}
                kept_state = {k: v.clone() for k, v in head.state_dict().items()}
        rows = train[torch.randint(len(train), (min(512, len(train)),), generator=chance)]
        given = dropped(vectors[rows], chance, rates, head.relative)
        optimiser.zero_grad()
        _pinball(head, given, truth[rows], torch.rand(len(rows), 16, generator=chance)).backward()
        optimiser.step()
    head.load_state_dict(kept_state)
    return best


def _pinball(head: VolumeHead, vectors: Tensor, truth: Tensor, levels: Tensor) -> Tensor:
    normal = torch.special.ndtri(levels.clamp(1e-4, 1 - 1e-4))
    above = truth[:, None] - head.log_quantile(vectors, normal)
    return torch.maximum(levels * above, (levels - 1.0) * above).mean()
