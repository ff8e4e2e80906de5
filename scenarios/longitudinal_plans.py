"""The plans of the longitudinal set: what a patient was given, what else he could have had, and when he is seen."""

from __future__ import annotations

import numpy as np

from scenarios.calendar import IMAGE, fraction_times
from scenarios.plan import Chemotherapy, TreatmentPlan
from scenarios.scenario import Gap, Scenario

SBRT_CM3 = 35.0  # a sphere of 4 cm; larger tumours are seldom given SBRT [assumed]
SBRT = {"54/3 every 2 days": 0.6, "48/4": 0.4}
# Shares of curative plans, and that of 60/30 with a break of a week in the third or fourth [assumed].
CURATIVE = {"60/30": 0.34, "66/33": 0.18, "55/20": 0.18, "60/15": 0.12, "gap": 0.18}
PALLIATIVE = ("20/5", "30/10")
_SBRT_SHARE = 0.75  # of small peripheral tumours without nodes
# Follow-up in days from the end of treatment, mean and SD: 1, 3, 6 and 10 months [assumed, as in practice].
_AFTER = ((32.0, 10.0), (92.0, 18.0), (182.0, 25.0), (305.0, 30.0))
_LAST_DAY = 365
_APART_DAYS = 6


def factual(rng: np.random.Generator, *, gtv_cm3: float, central: bool, nodes: bool, drugs: bool) -> Scenario:
    """What the patient was given.

    Args:
        rng: chance of the patient.
        gtv_cm3: tumour volume on day 0.
        central: whether the tumour is central.
        nodes: whether nodes are involved.
        drugs: concurrent chemotherapy.
    """
    if not central and not nodes and gtv_cm3 <= SBRT_CM3 and rng.random() < _SBRT_SHARE:
        return Scenario.parse(str(rng.choice(list(SBRT), p=list(SBRT.values()))))
    choice = str(rng.choice(list(CURATIVE), p=list(CURATIVE.values())))
    if choice != "gap":
        return curative(choice, drugs)
    return curative("60/30", drugs, gaps=(Gap(from_day=int(rng.integers(14, 26)), days=7),))


def curative(text: str, drugs: bool, **changes) -> Scenario:
    """A plan with or without concurrent chemotherapy, and what interrupts it."""
    plan = TreatmentPlan.parse(text)
    if drugs and plan.largest_fraction_gy < 3.0:
        plan = plan.model_copy(update={"chemotherapy": Chemotherapy()})
    return Scenario(plan=plan, **changes)


def others(rng: np.random.Generator, given: Scenario, *, drugs: bool) -> list[Scenario]:
    """What else he could have had: nothing, an early stop, a palliative course, a long gap, another curative plan.

    Args:
        rng: chance of the patient.
        given: the factual plan.
        drugs: concurrent chemotherapy with curative plans.
    """
    stereotactic = given.plan.largest_fraction_gy >= 6.0
    base = Scenario(plan=given.plan)
    stop = 1 if stereotactic else int(rng.integers(6, 13) * given.plan.fractions / 30)
    gap = Gap(from_day=1 if stereotactic else int(rng.integers(9, 17)), days=7 if stereotactic else 21)
    same = {given.slug, base.slug}
    more = [s for s in (*SBRT, "60/15") if stereotactic] or ["60/30", "66/33", "55/20", "60/15"]
    rest = [s for s in (curative(t, drugs) for t in more) if s.slug not in same]
    palliative = Scenario.parse(str(rng.choice(PALLIATIVE)))
    return [
        Scenario(plan=TreatmentPlan()),
        base.model_copy(update={"stop_after": max(1, stop)}),
        palliative,
        base.model_copy(update={"gaps": (gap,)}),
        rest[int(rng.integers(len(rest)))],
    ]


def dates(rng: np.random.Generator, given: Scenario, day0_weekday: int | None) -> list[float]:
    """Days of the follow-up CTs: up to three during the course, one to three after it, three to five in all."""
    end = max(s.time_days for s in fraction_times(given, day0_weekday))
    during = 0 if end < 15 else int(rng.integers(1, 4))
    after = int(rng.integers(max(1, 3 - during), min(3, 5 - during) + 1))
    days: list[int] = []
    for k in range(during):
        width = (end - 4) / during
        days.append(int(4 + width * (k + rng.uniform(0.2, 0.95))))
    for k in sorted(rng.choice(len(_AFTER), size=after, replace=False)):
        mean, sd = _AFTER[k]
        days.append(min(_LAST_DAY, int(end + max(14.0, rng.normal(mean, sd)))))
    kept: list[int] = []
    for day in sorted(days):
        friday = day - max(0, (day + (day0_weekday or 0)) % 7 - 4)  # nobody is imaged on a weekend
        if not kept or friday - kept[-1] >= _APART_DAYS:
            kept.append(friday)
    return [day + IMAGE for day in kept]
