"""What each ray counts: rays that are measured twice share their weight."""

from __future__ import annotations

import numpy as np

from simulators.scanners.projection.beam import Beam
from twin import InputError


def angle_steps(angles_rad: np.ndarray) -> np.ndarray:
    """(views,) the angle that each view stands for, rad; a scan of a whole turn closes on itself.

    Args:
        angles_rad: (views,) in the order of the scan, either way round.
    """
    steps = np.abs(np.diff(angles_rad))
    around = 2 * np.pi - steps.sum()
    gap = around if around < 1.5 * steps.max() else steps.mean()
    return (np.append(steps, gap) + np.append(gap, steps)) / 2


def redundancy(beam: Beam) -> np.ndarray:
    """(views, nu) the share of each ray among those that measure its line.

    A whole turn measures each line twice; a detector that is moved sideways measures only the middle twice (Wang, Med
    Phys 29:1634, 2002); a short scan measures some lines twice (Parker, Med Phys 9:254, 1982).

    Args:
        beam: of the scan.

    Raises:
        InputError: the scan is too short for its fan, or half of a field is measured in less than a whole turn.
    """
    covered = float(angle_steps(beam.angles_rad).sum())
    across, _ = beam.divergence
    gamma = np.arctan(beam.u_mm * across) if across else beam.u_mm
    if beam.sideways:
        if covered < 2 * np.pi - 1e-3:
            raise InputError("a detector that is moved sideways needs a scan of a whole turn")
        return np.broadcast_to(_half_fan(gamma), beam.shape[:2])
    if covered > 2 * np.pi - 1e-3:
        return np.full(beam.shape[:2], 0.5)
    if not across:
        if covered < np.pi - 1e-3:
            raise InputError("a scan with parallel rays needs half a turn")
        return np.full(beam.shape[:2], np.pi / covered)
    return _short_scan(beam, gamma, covered)


def _half_fan(gamma: np.ndarray) -> np.ndarray:
    far, near = (gamma[-1], -gamma[0]) if gamma[-1] > -gamma[0] else (-gamma[0], gamma[-1])
    toward_far = gamma if far == gamma[-1] else -gamma
    return np.sin(np.pi / 4 * (1 + np.clip(toward_far / near, -1.0, 1.0))) ** 2


def _short_scan(beam: Beam, gamma: np.ndarray, covered: float) -> np.ndarray:
    delta = (covered - np.pi) / 2
    if delta < gamma[-1] - 1e-6:
        raise InputError(
            f"a scan over {np.degrees(covered):.0f} degrees is too short for its fan: it needs "
            f"{180 + 2 * np.degrees(gamma[-1]):.0f}"
        )
    beta = np.abs(beam.angles_rad - beam.angles_rad[0])[:, None] + angle_steps(beam.angles_rad)[0] / 2
    # The opposite ray of (beta, gamma) is seen at beta + pi + 2 gamma where the gantry turns towards +u.
    g = (-gamma if beam.angles_rad[-1] > beam.angles_rad[0] else gamma)[None, :]
    rise = np.clip(beta / np.maximum(2 * (delta - g), 1e-9), 0.0, 1.0)
    fall = np.clip((np.pi + 2 * delta - beta) / np.maximum(2 * (delta + g), 1e-9), 0.0, 1.0)
    return np.sin(np.pi / 2 * rise) ** 2 * np.sin(np.pi / 2 * fall) ** 2
