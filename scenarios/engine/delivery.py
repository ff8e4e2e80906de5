"""How the fractions of a plan reach a patient: each with its set-up error, on tissue that events have moved.

One mechanism for organ doses, constraints and the dose that images carry: dose grids stay fixed in the room, tissue is
followed (docs/model.md, 6): it is drawn along while the tumour shrinks. Where a policy may adapt, the tumour is
displaced by its events as well; without a policy nothing happens to the anatomy but the tumour's own change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scenarios.engine.arm import Arm
from scenarios.engine.course_dose import accumulated, fractions_of
from scenarios.engine.organ_dose import dose_ratio
from simulators.core.chance import Key, Purpose
from simulators.core.course import Event
from simulators.core.treatment import FollowUp
from simulators.dose.accumulation import SetUp, delivered_at
from simulators.tumour.radiobiology import LATE_ALPHA_BETA_GY
from twin import Belief, Fraction, Geometry, PatientTwin, Volume

if TYPE_CHECKING:
    from simulators.anatomy.tissue_motion import TissueMotion
    from simulators.insilico.moved_anatomy import ChangedAnatomy


@dataclass(frozen=True, eq=False)
class Shrinking:
    """How far each sample's shrinking tumour has drawn tissue along.

    Args:
        motion: of the patient's tissue.
        stages: (samples, days) steps along its paths, daily from day 0.
    """

    motion: TissueMotion
    stages: np.ndarray

    @classmethod
    def of(cls, motion: TissueMotion, belief: Belief, gtv_cm3: np.ndarray) -> Shrinking:
        """By the daily volumes of a belief's samples, (samples, days) cm3 from day 0."""
        return cls(motion, motion.stage(gtv_cm3, belief.samples["erosion_fraction"][:, None]))

    def at(self, samples: range, given: Sequence[Fraction]) -> np.ndarray:
        """(samples, fractions) steps along the paths."""
        when = np.array([f.time_days for f in given])
        days = np.arange(self.stages.shape[1])
        return np.stack([np.interp(when, days, self.stages[sample]) for sample in samples])


@dataclass(frozen=True, eq=False)
class Delivery:
    """The fractions of one arm as they reach each sample.

    Args:
        twin: the patient.
        arm: what the plan became.
        seed: root of all chance; the errors of a sample are the same under every plan, and those of the closed loop.
        set_up: errors of positioning in each fraction.
        shrinking: how tissue follows the shrinking tumour; it stands still where None.
    """

    twin: PatientTwin
    arm: Arm
    seed: int
    set_up: SetUp = field(default_factory=SetUp)
    shrinking: Shrinking | None = None
    _sums: dict[int, tuple[int, list[np.ndarray]]] = field(default_factory=dict)

    def at(
        self,
        lps_mm: np.ndarray,
        samples: int,
        *,
        alpha_beta_gy: float | None = None,
        tumour: bool = False,
        place_mm: np.ndarray | None = None,
        organ: str | None = None,
    ) -> np.ndarray:
        """(samples, points) float32 dose of the whole course with its set-up errors, Gy.

        Args:
            lps_mm: (points, 3) on the baseline anatomy.
            samples: the first so many.
            alpha_beta_gy: sum EQD2 with this alpha/beta; physical dose where None.
            tumour: the points lie in the tumour and move with it.
            place_mm: (samples, 3) LPS mm, how far the points of each sample lie from there, in all fractions.
            organ: in which they lie: its doses are corrected by `dose_ratio`.
        """
        each = 1 if len(self.arm.courses) > 1 or (tumour and self.arm.events is not None) else samples
        blocks = [(range(i, i + each), self._fractions(i, organ)) for i in range(0, samples, each)]
        stages = [
            None if self.shrinking is None else self.shrinking.at(block, given) for block, given in blocks
        ]
        where = lps_mm
        if self.shrinking is not None:
            furthest = max((float(s.max(initial=0.0)) for s in stages if s is not None), default=0.0)
            where = self.shrinking.motion.paths(lps_mm, furthest)
        parts = []
        for (block, given), stage in zip(blocks, stages, strict=True):
            key = Key(self.seed, self.twin.id, Purpose.DOSE)
            shifts = self.set_up.many(key, block, len(given))
            if place_mm is not None:
                shifts = shifts + place_mm[block.start : block.stop, None]
            if tumour:
                shifts = shifts + self._moved_lps(block[0], given)
            parts.append(
                delivered_at(self.arm.doses, given, where, shifts, stages=stage, alpha_beta_gy=alpha_beta_gy)
            )
        return np.concatenate(parts)

    def planned_at(self, lps_mm: np.ndarray, organ: str | None = None) -> np.ndarray:
        """(points,) float32 physical dose of the first sample's course without any error, Gy, as `at` corrects it."""
        given = self._fractions(0, organ)
        return delivered_at(self.arm.doses, given, lps_mm, np.zeros((1, len(given), 3)))[0]

    def ratio(self, organ: str) -> float:
        """What an organ's dose in the first sample's course is multiplied by, on average over its fractions."""
        given = [(f.dose_gy, self.arm.doses[f.grid]) for f in self._fractions(0) if f.grid is not None]
        return sum(gy * dose_ratio(organ, dose) for gy, dose in given) / sum(gy for gy, _ in given)

    def before(self, sample: int, ordinal: int) -> tuple[Volume | None, Volume | None, int]:
        """What one sample has received before an event, on the tissue of the baseline.

        Where a policy may adapt it is the dose as delivered; without one, the plan's.

        Returns:
            Physical dose, EQD2 (alpha/beta 3 Gy, taken for each fraction before summing) and number of the fractions.
        """
        course, events = self.arm.course(sample), self.arm.events
        given = self._fractions(sample)
        first = next((f.grid for f in given if f.grid is not None), None)
        if events is None or first is None:
            return accumulated(course, self.arm.doses, ordinal)
        geometry = self.arm.doses[first].volume.geometry
        until = int((course.of(Event.FRACTION) < ordinal).sum())
        done, doses = self._sums.get(sample, (0, [np.zeros(geometry.shape, np.float32)] * 2))
        if done > until:
            done, doses = 0, [np.zeros(geometry.shape, np.float32)] * 2
        shifts = self.set_up.shifts(Key(self.seed, self.twin.id, Purpose.DOSE, sample), len(given))
        moved = [events.displacement_mm(sample, f.time_days) for f in given[:until]]
        while done < until:  # together as long as the tumour stays where it is
            end = done + 1
            while end < until and np.array_equal(moved[done], moved[end]):
                end += 1
            points = self._tissue(geometry, moved[done])
            for k, ratio in enumerate((None, LATE_ALPHA_BETA_GY)):
                more = delivered_at(
                    self.arm.doses, given[done:end], points, shifts[None, done:end], alpha_beta_gy=ratio
                )
                doses = [d + more.reshape(geometry.shape) if i == k else d for i, d in enumerate(doses)]
            done = end
        self._sums.clear()  # images of one sample come one after the other
        self._sums[sample] = done, doses
        physical, eqd2 = (Volume(geometry, d, "DOSE", "Gy") for d in doses)
        return physical, eqd2, done

    def seen(self, followup: FollowUp, sample: int, day: float) -> FollowUp:
        """A follow-up with what has happened to the sample's anatomy by a day."""
        if self.arm.events is None:
            return followup
        return self._anatomy.after(followup, self.arm.events, sample, day)

    @cached_property
    def _anatomy(self) -> ChangedAnatomy:
        from simulators.insilico.moved_anatomy import ChangedAnatomy

        key = Key(self.seed, self.twin.id, Purpose.ANATOMY)
        return ChangedAnatomy(self.twin.baseline, self.twin.contours, key)

    def _fractions(self, sample: int, organ: str | None = None) -> list[Fraction]:
        """The fractions of a sample; names of one and the same grid are one, and an organ's doses corrected."""
        one = {id(grid): name for name, grid in self.arm.doses.items()}
        ratio = dict.fromkeys(self.arm.doses, 1.0)
        if organ is not None:
            ratio = {name: dose_ratio(organ, grid) for name, grid in self.arm.doses.items()}
        return [
            f
            if f.grid is None
            else replace(f, grid=one[id(self.arm.doses[f.grid])], scale=f.scale * ratio[f.grid])
            for f in fractions_of(self.arm.course(sample))
        ]

    def _moved_lps(self, sample: int, given: Sequence[Fraction]) -> np.ndarray:
        """(fractions, 3) LPS mm, how far the tumour lies from where it was on the baseline."""
        if self.arm.events is None:
            return np.zeros((len(given), 3))
        moved = [self.arm.events.displacement_mm(sample, f.time_days) for f in given]
        return np.reshape(moved, (-1, 3)) @ self._axes

    def _tissue(self, geometry: Geometry, moved_mm: np.ndarray) -> np.ndarray:
        """(voxels, 3) LPS mm, where the tissue of each voxel of a grid has gone."""
        rest = np.moveaxis(np.indices(geometry.shape, dtype=np.float64), 0, -1)
        points = geometry.lps(rest).reshape(-1, 3)
        forward = self._anatomy.forward_mm(moved_mm, geometry)
        return points if forward is None else points + forward.reshape(3, -1).T @ self._axes

    @cached_property
    def _axes(self) -> np.ndarray:
        return self.twin.contours.geometry.rotation[:, ::-1].T  # LPS directions of the z, y and x axes
