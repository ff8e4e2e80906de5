"""Who comes to the department: each patient with his own chance, the same in every department."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from scenarios.clinic.department import Case, Referrals
from scenarios.clinic.hours import Hours, Visit
from simulators.core.chance import Key, Purpose, uniforms

STEPS = ("scan", "contouring", "planning", "qa")
VISIT_DRAWS = 160  # visits have two numbers each; a longer course begins them again
_DRAWS = 8 + 2 * len(STEPS)  # columns of a patient's chance before those of his visits


@dataclass(slots=True, eq=False)
class Patient:
    """One patient: his chance, and what became of him.

    `delivered` holds (fraction's number, time, dose); `unplanned` the numbers that the scenario itself leaves out.
    """

    number: int
    case: int
    what: Case
    arrival: float
    gtv_cm3: float
    absence: float
    stops_after: int
    level: str
    changes_after: int
    tasks: list[float]
    absent: list[float]
    pace: list[float]
    linac: int = -1
    ready: float = math.nan
    booked_day: int = -1
    planned: list[Visit] = field(default_factory=list)
    visits: deque[Visit] = field(default_factory=deque)
    lost: list[Visit] = field(default_factory=list)
    delivered: list[tuple[int, float, float]] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=lambda: {"patient": 0, "machine": 0, "replan": 0})
    last_end: float = math.nan
    status: str = "preparing"
    control: tuple[float, float, float] = (math.nan, math.nan, math.nan)

    @property
    def fractions(self) -> int:
        """Fractions prescribed."""
        return self.what.scenario.plan.fractions

    @property
    def over(self) -> bool:
        """Whether nothing is pending any more."""
        return self.status in ("finished", "stopped")


@dataclass(slots=True, eq=False)
class Replan:
    """A request for a new plan."""

    patient: int
    level: str
    asked: float
    due: float
    ready: float = math.nan


def draw_patients(referrals: Referrals, office: Hours, days: int, seed: int) -> list[Patient]:
    """All who arrive, with their chance; patient i is the same in every department.

    Args:
        referrals: who comes.
        office: hours in which they come.
        days: for how long.
        seed: root of all chance.
    """
    from scipy.special import ndtri

    mean = referrals.per_year * days / 365
    most = int(mean + 8 * math.sqrt(mean) + 20)
    u = uniforms(Key(seed, "clinic", Purpose.CLINIC), np.arange(most), _DRAWS + 2 * VISIT_DRAWS)
    z = ndtri(u)
    # Arrivals are a Poisson process on a clock of working days, of which a year has 5 in 7.
    clock = np.cumsum(-np.log(u[:, 0])) * (365 * 5 / 7) / referrals.per_year
    weights = np.array([case.weight for case in referrals.cases])
    cases = np.searchsorted(np.cumsum(weights)[:-1] / weights.sum(), u[:, 1], side="right")
    patients = []
    working = [day for day in range(days) if office.works(day)]
    for i in range(most):
        if clock[i] >= len(working):
            break
        day, part = working[int(clock[i])], clock[i] % 1
        what = referrals.cases[cases[i]]
        n = what.scenario.plan.fractions
        stops, change = u[i, 4] < referrals.stops, u[i, 6]
        replanned = referrals.orange * referrals.orange_replanned
        level = (
            "red" if change < referrals.red else "orange" if change < referrals.red + replanned else "none"
        )
        patients.append(
            Patient(
                number=i,
                case=int(cases[i]),
                what=what,
                arrival=day + office.opens + part * office.length,
                gtv_cm3=float(what.gtv_cm3 * np.exp(what.gtv_spread * z[i, 2])),
                absence=referrals.absence if u[i, 3] < referrals.nonadherent else referrals.absence_others,
                stops_after=int(u[i, 5] * n) if stops else n + 1,
                level=level,
                changes_after=int(u[i, 7] * n) if level != "none" else n + 1,
                tasks=z[i, 8:_DRAWS].tolist(),
                absent=u[i, _DRAWS : _DRAWS + VISIT_DRAWS].tolist(),
                pace=z[i, _DRAWS + VISIT_DRAWS :].tolist(),
            )
        )
    return patients
