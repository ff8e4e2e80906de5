"""How likely which value of a condition is, given the others: what a model draws where that one is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.condition import Condition
from models.networks.conditions import Conditions, dropped

LEAST = 0.01  # smaller values count as this
_KNOTS = torch.linspace(-2.5, 2.5, 11)  # standard normal quantiles
_WIDTH = 32
_MEMBERS = 5
_CHECK_EVERY, _PATIENCE = 25, 12


class QuantileHead(nn.Module):
    """The quantile function of a positive condition's logarithm, piecewise linear in the normal quantile.

    It rises with the quantile by construction, so that a sample that answers well does so at all times. It is the
    mean of several small networks, each stopped by other patients than it learned from.

    Args:
        conditions: what each number is.
        drawn: the place of the condition that it predicts and never sees.
        hidden: names of further conditions that it is not shown.
    """

    def __init__(self, conditions: Sequence[Condition], drawn: int, hidden: Sequence[str] = ()) -> None:
        super().__init__()
        self.drawn, self.conditions = drawn, tuple(conditions)
        unseen = [conditions[drawn].name, *hidden]
        self.members = nn.ModuleList(_Member(conditions, unseen) for _ in range(_MEMBERS))

    def log_quantile(self, vector: Tensor, normal: Tensor) -> Tensor:
        """Quantiles of the condition's logarithm.

        Args:
            vector: (b, f) conditions.
            normal: (b, n) standard normal numbers: Phi of them is the quantile's level.

        Returns:
            (b, n).
        """
        return torch.stack([member(vector, normal) for member in self.members]).mean(dim=0)

    def forward(self, vector: Tensor, normal: Tensor) -> Tensor:
        """(b, f) conditions, (b,) standard normal numbers -> (b,) values of the condition."""
        return self.log_quantile(vector, normal[:, None])[:, 0].clamp(-6.0, 4.0).exp()


class _Member(nn.Module):
    """One network of a `QuantileHead`."""

    knots: Tensor

    def __init__(self, conditions: Sequence[Condition], hidden: Sequence[str]) -> None:
        super().__init__()
        self.conditions = Conditions(conditions, _WIDTH, hidden)
        self.out = nn.Sequential(nn.SiLU(), nn.Linear(_WIDTH, len(_KNOTS)))
        self.register_buffer("knots", _KNOTS.clone(), persistent=False)

    def forward(self, vector: Tensor, normal: Tensor) -> Tensor:
        raw = self.out(self.conditions(vector))
        middle = len(self.knots) // 2
        rises = torch.cumsum(F.softplus(raw) * 0.1, dim=1)
        values = raw[:, :1] + rises - rises[:, middle : middle + 1]
        place = torch.bucketize(
            normal.contiguous(), self.knots[1:-1]
        )  # beyond the knots the outermost pieces go on
        low, high = values.gather(1, place), values.gather(1, place + 1)
        at = (normal - self.knots[place]) / (self.knots[1] - self.knots[0])
        return low + (high - low) * at


def fit_quantiles(
    head: QuantileHead,
    vectors: Tensor,
    patients: Tensor,
    held_out: Tensor,
    *,
    each: float,
    steps: int = 3000,
    seed: int = 0,
) -> dict[str, float]:
    """Train by the pinball loss at random levels (its mean is half the CRPS).

    Args:
        head: changed in place.
        vectors: (n, f), of which those count whose condition is known.
        patients: (n,) whose each row is, as numbers.
        held_out: (n,) bool, rows of patients that nothing is learned from.
        each: how often a condition is taken away (`models.networks.conditions.dropped`).
        steps: at most, of each member; it stops when it gets worse on the fifth of the patients that is its test.
        seed: of the order of chance.

    Returns:
        Pinball loss on the held-out rows (on all, where none are), the share of them in the central 80 % interval,
        and the members' mean number of steps.
    """
    known = torch.isfinite(vectors[:, head.drawn])
    vectors, patients, held_out = vectors[known], patients[known], held_out[known]
    truth = vectors[:, head.drawn].clamp_min(LEAST).log()
    chance = torch.Generator().manual_seed(seed)
    names = patients[~held_out].unique()
    fold = torch.randint(len(head.members), (int(patients.max()) + 1,), generator=chance)
    fold[names[: len(head.members)]] = torch.arange(min(len(names), len(head.members)))

    def taken(some: Tensor) -> Tensor:
        rates = {"each": each, "all": 0.0, "drawn": 0.0}
        return dropped(some, head.conditions, head.drawn, rates, chance)

    counts = []
    for k, member in enumerate(head.members):
        mine = ~held_out & (fold[patients] != k)
        test = ~held_out & (fold[patients] == k)
        rows = torch.nonzero(mine if mine.any() else ~held_out)[:, 0]
        tested = torch.nonzero(test if test.any() else ~held_out)[:, 0]
        counts.append(_fit_member(member, vectors, truth, rows, tested, taken, chance, steps))
    judged = held_out if held_out.any() else torch.ones_like(held_out)
    return {**_judged(head, vectors[judged], truth[judged]), "steps": sum(counts) / len(counts)}


def _judged(head: QuantileHead, vectors: Tensor, truth: Tensor) -> dict[str, float]:
    levels = ((torch.arange(32) + 0.5) / 32).expand(len(truth), -1)
    with torch.no_grad():
        loss = float(_pinball(head.log_quantile, vectors, truth, levels))
        ends = torch.tensor([-1.2816, 1.2816]).expand(len(levels), -1)
        low, high = head.log_quantile(vectors, ends).T
    inside = ((low < truth) & (truth < high)).float().mean()
    return {"pinball": loss, "coverage_80": float(inside)}


def _fit_member(
    member: nn.Module,
    vectors: Tensor,
    truth: Tensor,
    rows: Tensor,
    test: Tensor,
    taken: Callable[[Tensor], Tensor],
    chance: torch.Generator,
    steps: int,
) -> int:
    optimiser = torch.optim.AdamW(member.parameters(), lr=3e-3, weight_decay=0.05)
    levels = ((torch.arange(32) + 0.5) / 32).expand(len(test), -1)
    best, since, kept_state, count = float("inf"), 0, member.state_dict(), 0
    for step in range(steps):
        if step % _CHECK_EVERY == 0:
            with torch.no_grad():
                loss = float(_pinball(member, vectors[test], truth[test], levels))
            since += 1
            if loss < best:
                best, since, count = loss, 0, step
                kept_state = {k: v.clone() for k, v in member.state_dict().items()}
            elif since > _PATIENCE:
                break
        some = rows[torch.randint(len(rows), (min(256, len(rows)),), generator=chance)]
        given = taken(vectors[some])
        optimiser.zero_grad()
        _pinball(member, given, truth[some], torch.rand(len(some), 16, generator=chance)).backward()
        optimiser.step()
    member.load_state_dict(kept_state)
    return count


def _pinball(
    quantile: Callable[[Tensor, Tensor], Tensor], vectors: Tensor, truth: Tensor, levels: Tensor
) -> Tensor:
    normal = torch.special.ndtri(levels.clamp(1e-4, 1 - 1e-4))
    above = truth[:, None] - quantile(vectors, normal)
    return torch.maximum(levels * above, (levels - 1.0) * above).mean()
