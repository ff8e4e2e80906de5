"""Plain regression with a network for each group of slices: of a district of the body, or of a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.families.regression import Regression
from models.family import Family, FamilyConfig
from models.router import Router

_NETWORK = "network."


class Grouped(Regression):
    """Each slice is made by its group's network; where the group changes along z, by both, weighted.

    A batch that does not say its slices' groups is one volume.

    Args:
        config: with the option `router`, the facts of a `models.router.Router` of the first source channel; there is
            one group without.
    """

    options: ClassVar[dict[str, Any]] = {"router": None}

    def __init__(self, config: FamilyConfig) -> None:
        told = config.options.get("router")
        self.router = None if told is None else Router.from_facts(told)
        super().__init__(config)

    def network_for(self, before: int) -> nn.Module:
        """The networks, one a group."""
        make, groups = super().network_for, 1 if self.router is None else len(self.router.names)
        return nn.ModuleList([make(before) for _ in range(groups)])

    def begin_with(self, other: Family) -> None:
        """Take over the weights of another network of this family, or of a plain regression for every group."""
        found = other.state_dict()
        if not isinstance(other, Grouped):
            one = {k.removeprefix(_NETWORK): v for k, v in found.items() if k.startswith(_NETWORK)}
            found = {k: v for k, v in found.items() if not k.startswith(_NETWORK)}
            for g in range(len(self._networks)):
                found |= {f"{_NETWORK}{g}.{k}": v for k, v in one.items()}
        self.load_state_dict(found)

    def layers(self, batch: Batch, steps: int | None = None) -> Tensor:
        """As of all families; groups are told by the whole volume, before it is cut into micro-batches."""
        return super().layers(replace(batch, groups=self._weights(batch)), steps)

    def shown(self, batch: Batch) -> Tensor:
        """Beside what a network is shown, planes of the groups' weights."""
        seen = super().shown(batch)
        weights = self._weights(batch)[:, :, None, None].expand(-1, -1, *seen.shape[-2:])
        return torch.cat([seen, weights], dim=1)

    def answer(self, x: Tensor, embedding: Tensor) -> Tensor:
        """What the groups' networks make, by the weights behind the source."""
        count = len(self._networks)
        x, weights = x[:, :-count], x[:, -count:, 0, 0]
        out = x.new_zeros(len(x), self.output_channels, *x.shape[2:])
        for network, weight in zip(self._networks, weights.unbind(1), strict=True):
            some = torch.nonzero(weight)[:, 0]
            if not len(some):
                continue
            if not self.training:  # a network's last bits depend on a batch's size
                some = torch.arange(len(x), device=x.device)
            made = network(x[some], embedding[some]).float()
            out = out.index_add(0, some, weight[some, None, None, None] * made)
        return out

    @property
    def _networks(self) -> nn.ModuleList:
        assert isinstance(self.network, nn.ModuleList)
        return self.network

    def _weights(self, batch: Batch) -> Tensor:
        """(b, g) of the groups' networks."""
        if batch.groups is not None:
            return batch.groups
        source = batch.source
        if self.router is None:
            return source.new_ones(len(source), 1)
        return torch.from_numpy(self.router.weights(source[:, 0].cpu().numpy())).to(source)


FAMILY = Grouped
