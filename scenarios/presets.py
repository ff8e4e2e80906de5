"""Plans known by name, each with the trial that gave it.

A schedule's spacing is the protocol's: the thrice-weekly SBRT of RTOG 0236 and RTOG 0813 asks for at least 40 hours
between two fractions, so that they lie on alternate days; that of RTOG 0915 is given on consecutive days.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenarios.plan import Phase, TreatmentPlan
from twin import InputError


@dataclass(frozen=True)
class Preset:
    """A named plan.

    Args:
        plan: the schedule.
        source: trial and publication, and where this is the schedule's arm.
    """

    plan: TreatmentPlan
    source: str


def _once(total_gy: float, fractions: int, every_days: int = 1) -> TreatmentPlan:
    return TreatmentPlan(phases=(Phase(total_gy=total_gy, fractions=fractions, every_days=every_days),))


PRESETS: dict[str, Preset] = {
    "60/30": Preset(_once(60, 30), "RTOG 0617, standard dose: Bradley 2015, Lancet Oncol 16:187"),
    "66/33": Preset(_once(66, 33), "CHARTWEL, control arm: Baumann 2011, Radiother Oncol 100:76"),
    "74/37": Preset(_once(74, 37), "RTOG 0617, high dose: Bradley 2015, Lancet Oncol 16:187"),
    "55/20": Preset(_once(55, 20), "SOCCAR: Maguire 2014, Eur J Cancer 50:2939"),
    "60/15": Preset(_once(60, 15), "hypofractionated arm: Iyengar 2021, JAMA Oncol 7:1497"),
    "69.6/58 bid": Preset(
        TreatmentPlan(phases=(Phase(total_gy=69.6, fractions=58, per_day=2),)),
        "RTOG 9410, twice-daily arm: Curran 2011, J Natl Cancer Inst 103:1452",
    ),
    "CHART": Preset(
        TreatmentPlan(name="CHART", phases=(Phase(total_gy=54, fractions=36, per_day=3),), weekends=True),
        "12 consecutive days, three a day six hours apart: Saunders 1999, Radiother Oncol 52:137",
    ),
    "CHARTWEL": Preset(
        TreatmentPlan(name="CHARTWEL", phases=(Phase(total_gy=60, fractions=40, per_day=3),)),
        "ARO 97-1, 2.5 weeks without weekends: Baumann 2011, Radiother Oncol 100:76",
    ),
    "54/3": Preset(_once(54, 3, every_days=2), "RTOG 0236: Timmerman 2010, JAMA 303:1070"),
    "50/5": Preset(
        _once(50, 5, every_days=2), "RTOG 0813, first dose level: Bezjak 2019, J Clin Oncol 37:1316"
    ),
    "48/4": Preset(_once(48, 4), "RTOG 0915, four-fraction arm: Videtic 2015, IJROBP 93:757"),
}


def preset(name: str) -> TreatmentPlan:
    """The plan of that name.

    Args:
        name: as in `PRESETS`; case does not matter.

    Raises:
        InputError: no such preset; the sentence lists them.

    Example:
        >>> preset("CHART").weekends, preset("54/3").label
        (True, '54/3 every 2 days')
    """
    for known, item in PRESETS.items():
        if known.lower() == name.strip().lower():
            return item.plan
    raise InputError(f"there is no preset plan {name!r}; those known are {', '.join(PRESETS)}")
