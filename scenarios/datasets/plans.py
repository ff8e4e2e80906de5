"""The plans of the longitudinal set: what a patient was given, what else he could have had, and when he is seen."""

from __future__ import annotations

import numpy as np

from scenarios.plans.calendar import IMAGE, fraction_times
from scenarios.plans.plan import Chemotherapy, TreatmentPlan
from scenarios.plans.scenario import Gap, Scenario

SBRT_CM3 = 35.0  # a sphere of 4 cm; larger tumours are seldom given SBRT [assumed]
SBRT = {"54/3 every 2 days": 0.6, "48/4": 0.4}
# Shares of curative plans, and that of 60/30 with a break of a week in the third or fourth [assumed].
CURATIVE = {"60/30": 0.34, "66/33": 0.18, "55/20": 0.18, "60/15": 0.12, "gap": 0.18}
PALLIATIVE = ("20/5", "30/10")
# Shares of patients who did not get what was meant, more than in a clinic: from them a generator learns what less dose
# does, and growth [assumed].
NOT_AS_MEANT = {"none": 0.10, "stopped": 0.12, "palliative": 0.13}
_SBRT_SHARE = 0.75  # of small peripheral tumours without nodes
# Follow-up in days from the end of treatment, mean and SD: 1, 3, 6 and 10 months [assumed, as in practice].
_AFTER = ((32.0, 10.0), (92.0, 18.0), (182.0, 25.0), (305.0, 30.0))
_LAST_DAY = 365
_APART_DAYS = 6


def intended(
    rng: np.random.Generator, *, gtv_cm3: float, central: bool, nodes: bool, drugs: bool
) -> Scenario:
    """The curative course that the patient's tumour calls for.

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


def given(rng: np.random.Generator, meant: Scenario) -> Scenario:
    """What the patient got: mostly what was meant, else nothing yet, an early stop, or a palliative course.

    Args:
        rng: chance of the patient.
        meant: the intended course.
    """
    u = rng.random()
    if u < NOT_AS_MEANT["none"]:
        return Scenario(plan=TreatmentPlan())
    u -= NOT_AS_MEANT["none"]
    if u < NOT_AS_MEANT["stopped"]:
        return stopped(rng, meant)
    u -= NOT_AS_MEANT["stopped"]
    return Scenario.parse(str(rng.choice(PALLIATIVE))) if u < NOT_AS_MEANT["palliative"] else meant


def stopped(rng: np.random.Generator, meant: Scenario) -> Scenario:
    """The intended course given up early: after a fifth to two fifths of it.

    Args:
        rng: chance of the patient.
        meant: the intended course.
    """
    after = int(rng.uniform(0.2, 0.42) * meant.plan.fractions)
    return Scenario(plan=meant.plan, stop_after=max(1, after))


def curative(text: str, drugs: bool, **changes) -> Scenario:
    """A plan with or without concurrent chemotherapy, and what interrupts it.

    Args:
        text: short form of the plan.
        drugs: concurrent chemotherapy, which plans of large fractions go without.
        **changes: further fields of the scenario.
    """
    plan = TreatmentPlan.parse(text)
    if drugs and plan.largest_fraction_gy < 3.0:
        plan = plan.model_copy(update={"chemotherapy": Chemotherapy()})
    return Scenario(plan=plan, **changes)


def others(rng: np.random.Generator, meant: Scenario, got: Scenario, *, drugs: bool) -> list[Scenario]:
    """What else he could have had: the intended course, nothing, an early stop, palliation, a long gap, another cure.

    Args:
        rng: chance of the patient.
        meant: the intended course.
        got: the factual one, which is left out.
        drugs: concurrent chemotherapy with curative plans.
    """
    stereotactic = meant.plan.largest_fraction_gy >= 6.0
    days = 7 if stereotactic else 14 if meant.plan.fractions < 20 else 21  # never longer than the course
    gap = Gap(from_day=1 if stereotactic else int(rng.integers(9, 17)), days=days)
    cures = (*SBRT, "60/15") if stereotactic else ("60/30", "66/33", "55/20", "60/15")
    alike = {meant.slug, got.slug, Scenario(plan=meant.plan).slug}
    rest = [s for s in (curative(text, drugs) for text in cures) if s.slug not in alike]
    palliative = Scenario.parse(str(rng.choice(PALLIATIVE)))
    menu = [
        meant,
        Scenario(plan=TreatmentPlan()),
        stopped(rng, meant),
        palliative,
        Scenario(plan=meant.plan, gaps=(gap,)),
        rest[int(rng.integers(len(rest)))],
    ]
    return [s for s in menu if s.slug != got.slug]


def dates(rng: np.random.Generator, got: Scenario, day0_weekday: int | None) -> list[float]:
    """Days of the follow-up CTs: up to three during the course, one to three after it, three to five in all.

    Args:
        rng: chance of the patient.
        got: the factual course.
        day0_weekday: 0 for a Monday, None where unknown.
    """
    end = max((s.time_days for s in fraction_times(got, day0_weekday)), default=0.0)
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
