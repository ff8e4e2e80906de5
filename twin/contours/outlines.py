"""Masks to closed contours that give the same mask back."""

from __future__ import annotations

import numpy as np


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """The outlines of a slice's regions along pixel edges, one contour for each 4-connected region.

    A hole is joined to its region's outline by a channel without width, the key-hole of DICOM PS3.3 C.8.8.6.3.

    Args:
        mask: (rows, columns) bool.

    Returns:
        (n, 2) corners each as (row, column) indices, where pixel centres are whole; closed implicitly.

    Example:
        >>> [c.tolist() for c in outlines(np.array([[False, True]]))]
        [[[-0.5, 0.5], [-0.5, 1.5], [0.5, 1.5], [0.5, 0.5]]]
    """
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    found = []
    for number, box in enumerate(ndimage.find_objects(labels, count), start=1):
        loops = _loops(labels[box] == number)
        loops.sort(key=_area, reverse=True)
        joined = loops[0]
        for hole in loops[1:]:
            joined = _joined(joined, hole)
        found.append(joined + np.array([box[0].start - 0.5, box[1].start - 0.5]))
    return found


def _loops(region: np.ndarray) -> list[np.ndarray]:
    """All closed boundaries of one region as corner indices, the region to the right of the way."""
    padded = np.pad(region, 1).astype(np.int8)
    down, right = np.diff(padded, axis=0), np.diff(padded, axis=1)
    ends: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def add(starts: np.ndarray, step: tuple[int, int]) -> None:
        for row, column in starts.tolist():
            ends.setdefault((row, column), []).append((row + step[0], column + step[1]))

    add(np.argwhere(down[:, 1:-1] == 1), (0, 1))  # top edges run right
    add(np.argwhere(down[:, 1:-1] == -1) + np.array([0, 1]), (0, -1))  # bottom edges run left
    add(np.argwhere(right[1:-1] == -1), (1, 0))  # right edges run down
    add(np.argwhere(right[1:-1] == 1) + np.array([1, 0]), (-1, 0))  # left edges run up
    loops = []
    while ends:
        start = next(iter(ends))
        loop, here, way = [start], start, (0, 0)
        while True:
            there = _next(ends, here, way)
            step = (there[0] - here[0], there[1] - here[1])
            if step == way:
                loop.pop()
            loop.append(there)
            here, way = there, step
            if here == start:
                break
        loops.append(_without_last(loop))
    return loops


def _next(
    ends: dict[tuple[int, int], list[tuple[int, int]]], here: tuple[int, int], way: tuple[int, int]
) -> tuple[int, int]:
    """Take the way on; where two pixels touch at a corner, turn right, so as to stay with the same pixel."""
    choices = ends[here]
    turn = (here[0] + way[1], here[1] - way[0])
    there = turn if len(choices) > 1 and turn in choices else choices[0]
    choices.remove(there)
    if not choices:
        del ends[here]
    return there


def _without_last(loop: list[tuple[int, int]]) -> np.ndarray:
    """The loop's corners, its start once, and not at all where the way is straight there."""
    corners = loop[:-1]
    (a, b), (c, d), (e, f) = corners[-1], corners[0], corners[1]
    if (c - a) * (f - d) == (d - b) * (e - c):
        corners = corners[1:]
    return np.asarray(corners, dtype=np.float64)


def _area(loop: np.ndarray) -> float:
    y, x = loop.T
    return 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


def _joined(outer: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Outline and hole as one way, by the shortest channel between two corners."""
    gaps = np.abs(outer[:, None] - hole[None]).sum(axis=2)
    i, j = np.unravel_index(int(gaps.argmin()), gaps.shape)
    around = np.concatenate([hole[j:], hole[: j + 1]])
    return np.concatenate([outer[: i + 1], around, outer[i:]])
