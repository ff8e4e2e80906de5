"""The engine's own twin as a forecaster on the published simulator: its biology, its prior, its belief update.

The twin takes the volumes for drawn contours, believes in doomed cells that clear over weeks, and its belief update
knows of radiotherapy only; the simulator kills at once and gives drugs every other day. What it loses here is what a
wrong model costs, and is shown for that.
"""

from __future__ import annotations

import numpy as np

from simulators.belief.update import update_belief
from simulators.core.course import Course, Event
from simulators.published.baselines import Task
from simulators.published.constants import RADIO_GY
from simulators.tumour.dose_volume import DoseVolumeKinetics
from twin import Fraction, Geometry, Observation, PatientTwin, Scan, StructureSet, Volume

_FRACTION_TIME = 0.375
_VOXELS = 64


class TwinForecaster:
    """Updates a twin's belief from the volumes so far and follows its samples through what is planned.

    Args:
        observations: most volumes that it learns from, spread evenly up to the last.
        belief: size of the belief.
    """

    def __init__(self, observations: int = 10, belief: int = 1000):
        self.observations, self.belief = observations, belief

    def forecast(self, task: Task, samples: int = 100, seed: int = 0) -> np.ndarray:
        """(n, horizon, samples) volumes, cm3.

        Args:
            task: what is to be forecast.
            samples: of each forecast.
            seed: of the belief.
        """
        n, horizon = task.outcome_cm3.shape
        result = np.empty((n, horizon, samples))
        for history in np.unique(task.history):
            rows = np.flatnonzero(task.history == history)
            twin = update_belief(self.twin(task, int(rows[0])), samples=self.belief, seed=seed)
            assert twin.belief is not None
            chosen = np.linspace(0, self.belief - 1, samples).astype(np.int64)
            params = {name: values[chosen] for name, values in twin.belief.samples.items()}
            courses = [_course(task, int(i)) for i in rows]
            arms = {k: np.broadcast_to(v, (len(rows), samples)) for k, v in params.items()}
            kinetics = DoseVolumeKinetics(twin.gtv_cm3)
            days = task.now[rows[0]] + 1.0 + np.arange(horizon)
            curves, _ = kinetics.follow(kinetics.start(twin, arms), arms, courses, days)
            result[rows] = curves.transpose(0, 2, 1)
        return result

    def twin(self, task: Task, row: int) -> PatientTwin:
        """A patient with a tumour of the volume of day 0, his fractions and what was seen of him.

        Args:
            task: what was seen and done.
            row: whose.
        """
        volume, now = task.volume_cm3[row], int(task.now[row])
        side_mm = float((1000 * volume[0] / _VOXELS) ** (1 / 3))
        geometry = Geometry((8, 8, 8), (side_mm, side_mm, side_mm))
        mask = (np.arange(512) < _VOXELS).reshape(geometry.shape)
        contours = StructureSet(geometry, ()).with_mask("GTVp", "GTV", mask)
        ct = Volume(geometry, np.zeros(geometry.shape, dtype=np.int16), "CT", "HU")
        twin = PatientTwin(
            f"published-{task.history[row]}", scans=(Scan("CT", 0.0, ct),), structures=(contours,)
        )
        given = np.flatnonzero(task.radio[row, :now])
        twin = twin.deliver(Fraction(float(day) + _FRACTION_TIME, RADIO_GY) for day in given)
        for day in np.unique(np.linspace(now, 1, self.observations).astype(np.int64) if now else []):
            if volume[int(day)] > 0:
                twin = twin.observe(Observation(float(day), "gtv_cm3", float(volume[int(day)])))
        return twin


def _course(task: Task, row: int) -> Course:
    """What was given and what is planned; it does not end within the forecast, so no survivors are drawn."""
    now = int(task.now[row])
    given = np.flatnonzero(task.radio[row, :now])
    planned = now + np.flatnonzero(task.plan_radio[row])
    times = np.concatenate([given, planned]) + _FRACTION_TIME
    n = len(times)
    return Course(
        times,
        np.full(n, Event.FRACTION, dtype=np.int8),
        np.full(n, RADIO_GY),
        np.full(n, -1, dtype=np.int16),
        np.zeros(n),
    )
