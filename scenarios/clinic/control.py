"""What waiting and lost fractions cost in tumour control, by the engine's own kinetics.

Every patient's tumour is followed three times with the same samples of its parameters: treated at once as planned,
as planned after his wait, and as it went. A tumour grows by the Gompertz law while it waits, and its clonogens with
it; within the course, time is lost to repopulation. Only the time course counts: a replan that comes late costs what
the held fractions cost, not what the old plan misses.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.clinic.people import Patient
from scenarios.plans.plan import Chemotherapy
from simulators.belief.prior import DIMENSIONS, parameters
from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.course import Course, Event
from simulators.outcome.control import expected_survivors, tumour_control_probability
from simulators.tumour.dose_volume import DoseVolumeKinetics
from twin import PatientTwin

_GROUPS = 8  # courses of about one length are followed together, each group to its own end


def with_control(patients: Sequence[Patient], days: int, samples: int, seed: int) -> None:
    """Give every patient whose treatment is over his three chances of control.

    Args:
        patients: of a finished flow.
        days: its last day.
        samples: of the parameters' prior, the same for all patients.
        seed: root of all chance.
    """
    over = [p for p in patients if p.over]
    if not over:
        return
    params = _parameters(samples, seed)
    planned: dict[tuple[tuple[tuple[float, float], ...], Chemotherapy | None], int] = {}
    which = []
    for p in over:
        # Appointments differ by minutes within a day; the plan's own course is that of its treatment days.
        course = tuple((v.day - p.planned[0].day + k / 4, v.dose_gy) for v, k in _places(p))
        which.append(planned.setdefault((course, _drugs(p)), len(planned)))
    as_planned = _log_survival([_course(*c) for c in planned], params)[which]
    as_it_went = _log_survival([_course(_delivered(p), _drugs(p)) for p in over], params)
    gtv = np.array([[p.gtv_cm3] for p in over])
    waited = np.array(
        [[(p.delivered[0][1] if p.delivered else p.planned[0].time_days) - p.arrival] for p in over]
    )
    capacity, rate = params["capacity_cm3"], params["growth_per_d"]
    grown = capacity * (np.minimum(gtv, capacity) / capacity) ** np.exp(-rate * waited)

    def control(log_survival: np.ndarray, gtv_cm3: np.ndarray) -> np.ndarray:
        return tumour_control_probability(expected_survivors(log_survival, params, gtv_cm3)).mean(axis=1)

    three = (control(as_planned, gtv), control(as_planned, grown), control(as_it_went, grown))
    for p, *values in zip(over, *three, strict=True):
        p.control = (float(values[0]), float(values[1]), float(values[2]))


def _parameters(samples: int, seed: int) -> dict[str, np.ndarray]:
    """(1, samples) parameters of the prior, without a patient."""
    from scipy.special import ndtri

    u = uniforms(Key(seed, "clinic", Purpose.PRIOR), np.arange(samples), len(DIMENSIONS))
    drawn = parameters(ndtri(u), PatientTwin("clinic"))
    return {name: values[None, :] for name, values in drawn.items()} | {
        "control_quantile": np.full((1, samples), 0.5)
    }


def _places(p: Patient) -> list[tuple]:
    """Planned visits with their place in the day."""
    places, today, k = [], -1, 0
    for visit in p.planned:
        k = k + 1 if visit.day == today else 0
        today = visit.day
        places.append((visit, k))
    return places


def _delivered(p: Patient) -> tuple[tuple[float, float], ...]:
    if not p.delivered:
        return ()
    first = p.delivered[0][1]
    return tuple((time - first, dose) for _, time, dose in p.delivered)


def _drugs(p: Patient) -> Chemotherapy | None:
    return p.what.scenario.plan.chemotherapy


def _course(fractions: Sequence[tuple[float, float]], drugs: Chemotherapy | None) -> Course:
    """Fractions, and the cycles of concurrent drugs that fall into their time, from the first fraction on."""
    events = [(time, int(Event.FRACTION), dose, 0.0) for time, dose in fractions]
    if drugs is not None and events:
        days = [float(k * drugs.every_days) for k in range(drugs.cycles)]
        events += [
            (day, int(Event.CHEMOTHERAPY), 0.0, 1 / drugs.cycles) for day in days if day <= events[-1][0]
        ]
    table = np.array(sorted(events), dtype=np.float64).reshape(len(events), 4)
    return Course(
        table[:, 0].copy(),
        table[:, 1].astype(np.int8),
        table[:, 2].copy(),
        np.full(len(table), -1, dtype=np.int16),
        table[:, 3].copy(),
    )


def _log_survival(courses: Sequence[Course], params: dict[str, np.ndarray]) -> np.ndarray:
    """(courses, samples) logarithm of the clonogens' survival after each course."""
    samples = params["alpha_per_gy"].shape[1]
    result = np.zeros((len(courses), samples))
    order = np.argsort([c.end_days for c in courses], kind="stable")
    kinetics = DoseVolumeKinetics(1.0)
    for group in np.array_split(order, min(_GROUPS, len(order))):
        some = {k: np.broadcast_to(v, (len(group), samples)) for k, v in params.items()}
        chosen = [courses[i] for i in group]
        state = kinetics.start(PatientTwin("clinic"), some)
        last = max(c.end_days for c in chosen)  # no event comes after the last fraction
        result[group] = kinetics.advance(state, some, chosen, last).log_survival
    return result
