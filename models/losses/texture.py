"""A loss of texture at several scales: properties of grey-level co-occurrence, made differentiable by soft bins.

After Di Feola et al., Multi-scale texture loss for CT denoising with GANs (2024): the properties of Haralick et al.
(IEEE TSMC 3:610, 1973) of made and true images, at each distance and angle, and what they differ by in one number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

Property = Literal["contrast", "dissimilarity", "homogeneity", "energy", "correlation"]
Aggregation = Literal["maximum", "mean", "frobenius", "attention"]
_ANGLES_RAD = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_LEAST = 1e-12
_BY_DIFFERENCE: dict[Property, Callable[[Tensor], Tensor]] = {
    "contrast": lambda apart: apart**2,
    "dissimilarity": lambda apart: apart.abs(),
    "homogeneity": lambda apart: 1 / (1 + apart**2),
}


def cooccurrence(images: Tensor, distance: int, levels: int) -> Tensor:
    """How often two levels lie a distance apart, at four angles, symmetric and summing to 1.

    A value counts for the two levels that it lies between, by its nearness to each, so that values on levels give
    the matrix of hard bins.

    Args:
        images: (b, y, x) from -1 to 1, which are the first and the last level.
        distance: between voxels.
        levels: how many.

    Returns:
        (b, 4, levels, levels) at 0, 45, 90 and 135 degrees.
    """
    at = _levels(images, levels)
    near = torch.arange(levels, dtype=images.dtype, device=images.device)
    share = (1 - (at[:, None] - near[:, None, None]).abs()).clamp(min=0)
    found = []
    for first, second in _neighbours(share, distance):
        pairs = torch.einsum("biyx,bjyx->bij", first, second)
        found.append((pairs + pairs.transpose(-1, -2)) / (2 * first[0, 0].numel()))
    return torch.stack(found, dim=1)


def mean_of_pairs(images: Tensor, distance: int, of_difference: Tensor) -> Tensor:
    """What a function of the difference of two levels is in the mean of all pairs, as `cooccurrence` would give it.

    A value lies between two levels at most, so that four pairs of levels are all that a pair of voxels counts for:
    there is no need of matrices, which take ten times as long.

    Args:
        images: (b, y, x) from -1 to 1.
        distance: between voxels.
        of_difference: (levels,) the function, of differences 0, 1, ...

    Returns:
        (b, 4) at 0, 45, 90 and 135 degrees.
    """
    at = _levels(images, len(of_difference))
    table = F.pad(of_difference, (0, 1))  # a value on the last level lies in no part beyond it
    found = []
    for one, other in _neighbours(at, distance):
        p, q = one - one.detach().floor(), other - other.detach().floor()
        apart = (one.detach().floor() - other.detach().floor()).long()
        same, more, less = (table[(apart + k).abs()] for k in (0, 1, -1))
        mean = (p * q + (1 - p) * (1 - q)) * same + p * (1 - q) * more + (1 - p) * q * less
        found.append(mean.mean((-2, -1)))
    return torch.stack(found, dim=1)


def _levels(images: Tensor, levels: int) -> Tensor:
    """Where numbers from -1 to 1 lie between the first level, 0, and the last."""
    return (images.clamp(-1, 1) + 1) * ((levels - 1) / 2)


def _neighbours(images: Tensor, distance: int) -> Iterator[tuple[Tensor, Tensor]]:
    """(..., y, x) voxels and those a distance away, at four angles."""
    for angle in _ANGLES_RAD:
        down, right = round(distance * np.sin(angle)), round(distance * np.cos(angle))
        y, x = images.shape[-2] - down, images.shape[-1] - abs(right)
        first = images[..., :y, max(-right, 0) : max(-right, 0) + x]
        yield first, images[..., down : down + y, max(right, 0) : max(right, 0) + x]


def properties(matrices: Tensor, names: tuple[Property, ...] = get_args(Property)) -> Tensor:
    """Properties of co-occurrence, in levels.

    Args:
        matrices: (..., levels, levels), symmetric and summing to 1.
        names: which.

    Returns:
        (..., names).
    """
    level = torch.arange(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    apart = level[:, None] - level
    found = []
    for name in names:
        if name == "energy":
            found.append((matrices**2).sum((-2, -1)).clamp(min=_LEAST).sqrt())
        elif name == "correlation":
            each = matrices.sum(-1)
            mean = (each * level).sum(-1)
            variance = (each * level**2).sum(-1) - mean**2
            both = (matrices * (level[:, None] * level)).sum((-2, -1)) - mean**2
            found.append(torch.where(variance > 1e-9, both / variance.clamp(min=1e-9), 1.0))
        else:
            found.append((matrices * _BY_DIFFERENCE[name](apart)).sum((-2, -1)))
    return torch.stack(found, dim=-1)


class TextureLoss(nn.Module):
    """What texture of made and true images differs by.

    Args:
        name: the property that is compared; contrast and dissimilarity are taken over their greatest value.
        aggregation: of the differences at all distances and angles: the greatest, the mean, the Frobenius norm of
            their matrix, or the mean by attention, which weighs them by the softmax of what they are over their mean.
        distances: between voxels.
        levels: of grey.
    """

    def __init__(
        self, name: Property = "homogeneity", aggregation: Aggregation = "mean",
        distances: tuple[int, ...] = (1, 3, 5, 7), levels: int = 24,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.aggregation, self.distances, self.levels = name, aggregation, distances, levels

    def forward(self, made: Tensor, truth: Tensor) -> Tensor:
        """The loss of a batch, a number.

        Args:
            made: (b, c, y, x) from -1 to 1.
            truth: the same of what is true.
        """
        textures = [self._texture(images.flatten(0, 1)) for images in (made, truth)]
        return self._one((textures[0] - textures[1]).abs()).mean()

    def between_sets(self, made: Tensor, true: Tensor) -> Tensor:
        """What mean texture of two batches differs by, a number: of images that are no pairs.

        Args:
            made: (b, c, y, x) from -1 to 1.
            true: (n, c, y, x) of others.
        """
        textures = [self._texture(images.flatten(0, 1)).mean(0, keepdim=True) for images in (made, true)]
        return self._one((textures[0] - textures[1]).abs()).mean()

    def _texture(self, images: Tensor) -> Tensor:
        """(b, distances, angles) of the property."""
        if self.name in _BY_DIFFERENCE:
            apart = torch.arange(self.levels, dtype=images.dtype, device=images.device)
            by = _BY_DIFFERENCE[self.name](apart)
            found = [mean_of_pairs(images, d, by) for d in self.distances]
        else:
            matrices = (cooccurrence(images, d, self.levels) for d in self.distances)
            found = [properties(m, (self.name,))[..., 0] for m in matrices]
        most = {"contrast": (self.levels - 1) ** 2, "dissimilarity": self.levels - 1}.get(self.name, 1)
        return torch.stack(found, dim=1) / most

    def _one(self, differences: Tensor) -> Tensor:
        """(b,) of (b, distances, angles)."""
        all_of = differences.flatten(1)
        if self.aggregation == "maximum":
            return all_of.amax(dim=1)
        if self.aggregation == "frobenius":
            return (all_of**2).sum(dim=1).clamp(min=_LEAST).sqrt()
        if self.aggregation == "attention":
            with torch.no_grad():
                weight = torch.softmax(all_of / all_of.mean(dim=1, keepdim=True).clamp(min=_LEAST), dim=1)
            return (weight * all_of).sum(dim=1)
        return all_of.mean(dim=1)
