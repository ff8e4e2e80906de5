"""Scores of an image without a true one: by what images of its kind are like (NIQE, BRISQUE), and by blocks (PIQE).

All look at values less their local mean over their local SD, which in images of one kind follow a generalised
normal law; what disturbs them changes its shape (Mittal, Moorthy and Bovik, IEEE TIP 21:4695, 2012).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from models.metrics.planes import halved, scaled, smoothed, windowed

_TOP, _SIGMA, _MARGIN = 255.0, 7 / 6, 3
_SHAPES = np.arange(0.2, 10.0, 0.001)
_BLOCK, _LEAST_SHARE, _LEAST_VOXELS = 32, 0.8, 100  # of a square: side, share of it in the part; of any law
_RIDGE = 1e-3
_PIQE_BLOCK, _PIQE_ACTIVE, _PIQE_SEGMENT, _PIQE_EVEN = 16, 0.1, 6, 0.1


def normalised(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values less their local mean over their local SD and 1, and that SD, in a Gaussian window of 7 voxels.

    Args:
        image: (..., y, x), 0 to 255.
    """
    mean = smoothed(image, _SIGMA, _MARGIN)
    spread = np.sqrt(np.maximum(smoothed(image * image, _SIGMA, _MARGIN) - mean**2, 0.0))
    return (image - mean) / (spread + 1), spread


def features(image: np.ndarray, where: np.ndarray, low: float, high: float) -> np.ndarray:
    """(36,) shape of the law of values, and of products with neighbours on four sides, at full and at half size.

    They are BRISQUE's, but for half size, which is means of 2 x 2 voxels, and edges, which are left out.

    Args:
        image: (..., y, x), in any unit.
        where: (..., y, x) bool, the part that counts.
        low, high: the range to which it is cut.

    Returns:
        The features; nan where the part is too small.
    """
    found: list[float] = []
    for maps, there in _maps(image, where, low, high):
        found += _laws(maps[:, there])
    return np.array(found)


def block_features(image: np.ndarray, where: np.ndarray, low: float, high: float) -> np.ndarray:
    """(n, 36) features of squares of 32 voxels that lie in the part.

    Args:
        image, where, low, high: as in `features`.
    """
    scales = [
        (maps, np.broadcast_to(there, maps.shape[1:])) for maps, there in _maps(image, where, low, high)
    ]
    planes = scales[0][1].reshape(-1, *image.shape[-2:])
    found = []
    for z, y, x in np.ndindex(len(planes), *(n // _BLOCK for n in image.shape[-2:])):
        own: list[float] = []
        for scale, (maps, there) in enumerate(scales):
            side = _BLOCK >> scale
            box = (z, slice(y * side, (y + 1) * side), slice(x * side, (x + 1) * side))
            inside = there.reshape(-1, *there.shape[-2:])[box]
            if inside.mean() < _LEAST_SHARE:
                break
            own += _laws(maps.reshape(len(maps), -1, *there.shape[-2:])[(slice(None), *box)][:, inside])
        else:
            found.append(own)
    return np.array(found).reshape(-1, 36)


def _maps(
    image: np.ndarray, where: np.ndarray, low: float, high: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(5, ..., y, x) normalised values and their products with four neighbours, and where they count; of both sizes."""
    values, part = scaled(image, low, high, _TOP), where.astype(float)
    for _ in range(2):
        level, _ = normalised(values)
        near = [level * np.roll(level, step, (-2, -1)) for step in ((0, 1), (1, 0), (1, 1), (1, -1))]
        yield np.stack([level, *near]), windowed(part >= 0.5, _MARGIN)
        values, part = halved(values), halved(part)


def _laws(maps: np.ndarray) -> list[float]:
    """The 18 features of (5, n) normalised values and products; nan where they are too few."""
    if maps.shape[1] < _LEAST_VOXELS:
        return [float("nan")] * 18
    return [*_symmetric(maps[0]), *(v for products in maps[1:] for v in _asymmetric(products))]


@dataclass(frozen=True, eq=False)
class Naturalness:
    """NIQE (Mittal, Soundararajan and Bovik, IEEE SPL 20:209, 2013) with the law of images of one kind, as CTs.

    Args:
        mean: (36,) of their blocks' features.
        spread: (36, 36) covariance.
    """

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def fitted(cls, blocks: np.ndarray) -> Naturalness:
        """The law of good images.

        Args:
            blocks: (n, 36) features of their blocks, n of 2 or more.
        """
        return cls(blocks.mean(axis=0), np.cov(blocks, rowvar=False))

    def distance(self, blocks: np.ndarray) -> float:
        """How far an image's blocks lie from that law, by both their spreads.

        Args:
            blocks: (n, 36) features of its blocks.

        Returns:
            The distance, the more the worse; nan with fewer than 2 blocks.
        """
        if len(blocks) < 2:
            return float("nan")
        apart = blocks.mean(axis=0) - self.mean
        both = (self.spread + np.cov(blocks, rowvar=False)) / 2
        return float(np.sqrt(apart @ np.linalg.pinv(both) @ apart))


@dataclass(frozen=True, eq=False)
class Spoiling:
    """BRISQUE's features, fitted to how much images of one kind were spoiled, in place of what observers said.

    Args:
        mean, spread: (36,) of the features that it was fitted to.
        points: (n, 36) these features.
        weights: (n,) of a Gaussian kernel about each.
        middle: of what was fitted.
    """

    mean: np.ndarray
    spread: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    middle: float

    @classmethod
    def fitted(cls, found: np.ndarray, spoiled: np.ndarray) -> Spoiling:
        """A kernel ridge regression.

        Args:
            found: (n, 36) features of images.
            spoiled: (n,) how much each was spoiled, in any unit.
        """
        mean, spread = found.mean(axis=0), found.std(axis=0) + 1e-9
        points = (found - mean) / spread
        middle = float(spoiled.mean())
        ridge = _kernel(points, points) + _RIDGE * np.eye(len(points))
        return cls(mean, spread, points, np.linalg.solve(ridge, spoiled - middle), middle)

    def score(self, found: np.ndarray) -> float:
        """How much an image is spoiled.

        Args:
            found: (36,) its features.

        Returns:
            In the unit of what was fitted; far from all that was seen, its mean.
        """
        return (
            float(_kernel((found - self.mean)[None] / self.spread, self.points)[0] @ self.weights)
            + self.middle
        )


def perceived_spoiling(image: np.ndarray, where: np.ndarray, low: float, high: float) -> float:
    """PIQE (Venkatanath et al., NCC 2015): share of active blocks of 16 voxels that are blocked or noisy.

    Args:
        image: (..., y, x), in any unit.
        where: (..., y, x) bool; blocks that lie in it count.
        low, high: the range to which it is cut.

    Returns:
        0 for an image without such blocks to 100; nan where no block lies in the part.
    """
    level, _ = normalised(np.rint(scaled(image, low, high, _TOP)))
    y, x = (n // _PIQE_BLOCK for n in level.shape[-2:])
    blocks = _tiles(level, y, x)
    blocks = blocks[_tiles(where, y, x).mean(axis=(-2, -1)) >= _LEAST_SHARE]
    if not len(blocks):
        return float("nan")
    variance = blocks.var(axis=(-2, -1), ddof=1)
    active = variance > _PIQE_ACTIVE
    spoiled = 0.0
    for block, spread in zip(blocks[active], variance[active], strict=True):
        if _has_even_edge(block):
            spoiled += 1 - spread
        if _is_noisy(block, spread):
            spoiled += spread
    return float(100 * (spoiled + 1) / (np.count_nonzero(active) + 1)) if active.any() else 100.0


def _has_even_edge(block: np.ndarray) -> bool:
    """Whether some stretch of six voxels of a block's edge hardly varies."""
    edges = (block[0], block[-1], block[:, 0], block[:, -1])
    runs = np.concatenate([np.lib.stride_tricks.sliding_window_view(e, _PIQE_SEGMENT) for e in edges])
    return bool((runs.std(axis=-1, ddof=1) < _PIQE_EVEN).any())


def _is_noisy(block: np.ndarray, variance: float) -> bool:
    """Whether the middle two columns vary otherwise than what is about them."""
    middle = _PIQE_BLOCK // 2 - 1
    centre = block[:, middle : middle + 2]
    about = np.delete(block, (middle, middle + 1), axis=1)
    within, around = centre.std(ddof=1), about.std(ddof=1)
    spread = np.sqrt(variance)
    ratio = within / around if around > 0 else 0.0
    return bool(spread > 2 * abs(spread - ratio) / max(spread, ratio))


def _tiles(image: np.ndarray, y: int, x: int) -> np.ndarray:
    """(n, 16, 16) blocks of all slices."""
    side = _PIQE_BLOCK
    cut = image[..., : y * side, : x * side].reshape(-1, y, side, x, side)
    return cut.transpose(0, 1, 3, 2, 4).reshape(-1, side, side)


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.exp(-((a[:, None] - b[None]) ** 2).sum(axis=-1) / (2 * a.shape[1]))


@cache
def _ratios() -> np.ndarray:
    """Squared mean of the length over the mean square, of generalised normal laws of each shape."""
    from scipy.special import gamma

    return gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))


def _symmetric(values: np.ndarray) -> list[float]:
    """Shape and variance of a generalised normal law."""
    square, length = (values**2).mean(), np.abs(values).mean()
    shape = _SHAPES[np.argmin((_ratios() - length**2 / max(square, 1e-12)) ** 2)]
    return [float(shape), float(square)]


def _asymmetric(values: np.ndarray) -> list[float]:
    """Shape, mean, and variances on both sides of an asymmetric generalised normal law."""
    from scipy.special import gamma

    left, right = (
        np.sqrt((v**2).mean()) if v.size else 1e-6 for v in (values[values < 0], values[values > 0])
    )
    skew = left / max(right, 1e-12)
    share = np.abs(values).mean() ** 2 / max((values**2).mean(), 1e-12)
    share *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = _SHAPES[np.argmin((_ratios() - share) ** 2)]
    mean = (right - left) * gamma(2 / shape) / np.sqrt(gamma(1 / shape) * gamma(3 / shape))
    return [float(shape), float(mean), float(left**2), float(right**2)]
