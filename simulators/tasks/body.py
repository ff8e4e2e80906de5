"""The patient's body on a scan."""

from __future__ import annotations

import numpy as np

_BODY_HU = -400.0


def body(hu: np.ndarray) -> np.ndarray:
    """(z, y, x) bool: the largest piece of tissue on each slice with all that it encloses."""
    from scipy.ndimage import label

    out = np.zeros(hu.shape, bool)
    for z, plane in enumerate(hu > _BODY_HU):
        pieces, n = label(plane)
        if n:
            largest = int(np.bincount(pieces.ravel())[1:].argmax()) + 1
            out[z] = ~reaching_rim(pieces != largest)
    return out


def reaching_rim(plane: np.ndarray) -> np.ndarray:
    """(y, x) bool: the pieces of a plane (y, x) bool that reach its rim."""
    from scipy.ndimage import label

    pieces, n = label(plane)
    reaching = np.zeros(n + 1, bool)
    for line in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        reaching[line] = True
    reaching[0] = False
    return reaching[pieces]
