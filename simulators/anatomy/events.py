"""What happens to a patient's anatomy during treatment besides the tumour's own change.

Kwint (2014, 177 patients) saw anatomical changes in 72 % of patients; among the changes, 27 % were baseline shifts of
the tumour, 19 % atelectasis that came or opened, 6 % effusions, 3 % infiltrates (regression and progression, the
rest, come from the kinetics). Møller (2014) saw shifts above 5 mm in 9 %. Sizes and times are assumed: uniform over
the first six weeks, log-normal shifts with a median of 5 mm, 10 mm where a lobe collapses or opens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms

_CHANGED = 0.72
_AMONG_CHANGES = {"shift": 0.27, "atelectasis": 0.19, "effusion": 0.06, "infiltrate": 0.03}
_DAYS = 42.0
_SHIFT_MM = {"shift": (5.0, 0.45), "atelectasis": (10.0, 0.4)}  # median, SD(ln)
KINDS = tuple(_AMONG_CHANGES)


@dataclass(frozen=True, eq=False)
class AnatomyEvents:
    """Events of many samples of one patient, the same under every plan.

    Args:
        day: kind -> (n,) when it happens, days from day 0; infinite where it does not.
        shift_mm: kind -> (n, 3) displacement (z, y, x) of the tumour from then on, mm, for shifts and atelectasis.
    """

    day: dict[str, np.ndarray]
    shift_mm: dict[str, np.ndarray]

    @classmethod
    def draw(cls, patient_id: str, n: int, seed: int, start_days: float = 0.0) -> AnatomyEvents:
        """The events of samples 0 to n - 1, in the first six weeks of radiotherapy.

        Args:
            patient_id: whose.
            n: how many samples.
            seed: root of all chance.
            start_days: first day of radiotherapy.

        Example:
            >>> events = AnatomyEvents.draw("p", 20000, seed=0)
            >>> 0.18 < float(np.isfinite(events.day["shift"]).mean()) < 0.21
            True
        """
        from scipy.special import ndtri

        day, shift_mm = {}, {}
        for k, kind in enumerate(KINDS):
            u = uniforms(Key(seed, patient_id, Purpose.ANATOMY, ordinal=k), np.arange(n), 5)
            happens = u[:, 0] < _CHANGED * _AMONG_CHANGES[kind]
            day[kind] = np.where(happens, start_days + _DAYS * u[:, 1], np.inf)
            if kind in _SHIFT_MM:
                median, spread = _SHIFT_MM[kind]
                size = median * np.exp(spread * ndtri(u[:, 2]))
                up, turn = 2 * u[:, 3] - 1, 2 * np.pi * u[:, 4]
                flat = np.sqrt(1 - up**2)
                direction = np.stack([up, flat * np.sin(turn), flat * np.cos(turn)], axis=1)
                shift_mm[kind] = size[:, None] * direction
        return cls(day, shift_mm)

    def displacement_mm(self, sample: int, day: float) -> np.ndarray:
        """(3,) displacement (z, y, x) of the tumour of one sample on a day, mm.

        Args:
            sample: of the belief.
            day: from day 0.
        """
        moved = [self.shift_mm[k][sample] for k in self.shift_mm if self.day[k][sample] <= day]
        return np.sum(moved, axis=0) if moved else np.zeros(3)

    def changes(self, sample: int, after: float, until: float) -> list[float]:
        """Days in (after, until] on which the tumour of one sample is displaced.

        Args:
            sample: of the belief.
            after: day from day 0.
            until: day from day 0.
        """
        days = [float(self.day[k][sample]) for k in self.shift_mm]
        return sorted(d for d in days if after < d <= until)

    def present(self, sample: int, day: float) -> tuple[str, ...]:
        """Kinds of event that have happened to one sample by a day.

        Args:
            sample: of the belief.
            day: from day 0.
        """
        return tuple(k for k in KINDS if self.day[k][sample] <= day)
