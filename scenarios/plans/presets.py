"""Plans known by name, each with the trial that gave it.

A schedule's spacing is the protocol's: the thrice-weekly SBRT of RTOG 0236 and RTOG 0813 asks for at least 40 hours
between two fractions, so that they lie on alternate days; that of RTOG 0915 is given on consecutive days.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenarios.plans.plan import Chemotherapy, Imaging, Immunotherapy, Phase, TreatmentPlan
from scenarios.plans.scenario import Scenario
from twin import InputError


@dataclass(frozen=True)
class Preset:
    """A named plan.

    Args:
        plan: the schedule.
        source: trial and publication, and where this is the schedule's arm.
        policy: kind of the adaptation policy that belongs to it, or None.
    """

    plan: TreatmentPlan
    source: str
    policy: str | None = None


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
    "sequential": Preset(
        TreatmentPlan(
            name="sequential",
            phases=(Phase(total_gy=45, fractions=25), Phase(total_gy=18, fractions=9)),
            chemotherapy=Chemotherapy(cycles=2, every_days=28, timing="sequential", wait_days=21),
        ),
        "RTOG 9410, sequential arm, cisplatin on days 1 and 29, 63 Gy from day 50: Curran 2011, J Natl Cancer Inst "
        "103:1452",
    ),
    "PACIFIC": Preset(
        TreatmentPlan(
            name="PACIFIC",
            phases=(Phase(total_gy=60, fractions=30),),
            chemotherapy=Chemotherapy(),
            immunotherapy=Immunotherapy(),
        ),
        "chemo-radiotherapy of 60 to 66 Gy, then durvalumab every 2 weeks for 12 months: Spigel 2022, J Clin Oncol "
        "40:1301",
    ),
    "isotoxic": Preset(
        TreatmentPlan(
            name="isotoxic",
            phases=(Phase(total_gy=50.4, fractions=28, per_day=2),),
            imaging=Imaging(also=(1.0,)),
        ),
        "1.8 Gy twice a day from 50.4 Gy to 79.2 Gy, as far as a mean lung dose of 19 Gy allows: van Baardwijk 2010, "
        "J Clin Oncol 28:1380 [quoted from memory]; the oesophagus' limit is this engine's",
        policy="isotoxic",
    ),
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
    return _find(name).plan


def scenario_preset(name: str) -> Scenario:
    """The plan of that name with the policy that belongs to it.

    Args:
        name: as in `PRESETS`; case does not matter.

    Raises:
        InputError: no such preset; the sentence lists them.

    Example:
        >>> scenario_preset("isotoxic").policy.most_gy
        79.2
    """
    found = _find(name)
    return Scenario(plan=found.plan, policy=found.policy, name=found.plan.name)


def _find(name: str) -> Preset:
    for known, item in PRESETS.items():
        if known.lower() == name.strip().lower():
            return item
    raise InputError(f"there is no preset plan {name!r}; those known are {', '.join(PRESETS)}")
