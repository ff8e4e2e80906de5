"""Plans known by name, each with the trial that gave it.

A schedule's spacing is the protocol's: the thrice-weekly SBRT of RTOG 0236 and RTOG 0813 asks for at least 40 hours
between two fractions, so that they lie on alternate days; that of RTOG 0915 is given on consecutive days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin import InputError


@dataclass(frozen=True)
class Preset:
    """A named plan.

    Args:
        plan: the schedule, in the fields of a `TreatmentPlan`.
        source: trial and publication, and where this is the schedule's arm.
        policy: kind of the adaptation policy that belongs to it, or None.
    """

    plan: Mapping[str, Any]
    source: str
    policy: str | None = None


def _phases(*phases: tuple[float, int], **rate: int) -> dict[str, Any]:
    """Phases of so many Gy in so many fractions, all at one rate."""
    return {"phases": [{"total_gy": gy, "fractions": n, **rate} for gy, n in phases]}


PRESETS: dict[str, Preset] = {
    "60/30": Preset(_phases((60, 30)), "RTOG 0617, standard dose: Bradley 2015, Lancet Oncol 16:187"),
    "66/33": Preset(_phases((66, 33)), "CHARTWEL, control arm: Baumann 2011, Radiother Oncol 100:76"),
    "74/37": Preset(_phases((74, 37)), "RTOG 0617, high dose: Bradley 2015, Lancet Oncol 16:187"),
    "55/20": Preset(_phases((55, 20)), "SOCCAR: Maguire 2014, Eur J Cancer 50:2939"),
    "60/15": Preset(_phases((60, 15)), "hypofractionated arm: Iyengar 2021, JAMA Oncol 7:1497"),
    "69.6/58 bid": Preset(
        _phases((69.6, 58), per_day=2),
        "RTOG 9410, twice-daily arm: Curran 2011, J Natl Cancer Inst 103:1452",
    ),
    "CHART": Preset(
        {"name": "CHART", "weekends": True, **_phases((54, 36), per_day=3)},
        "12 consecutive days, three a day six hours apart: Saunders 1999, Radiother Oncol 52:137",
    ),
    "CHARTWEL": Preset(
        {"name": "CHARTWEL", **_phases((60, 40), per_day=3)},
        "ARO 97-1, 2.5 weeks without weekends: Baumann 2011, Radiother Oncol 100:76",
    ),
    "54/3": Preset(_phases((54, 3), every_days=2), "RTOG 0236: Timmerman 2010, JAMA 303:1070"),
    "50/5": Preset(
        _phases((50, 5), every_days=2), "RTOG 0813, first dose level: Bezjak 2019, J Clin Oncol 37:1316"
    ),
    "48/4": Preset(_phases((48, 4)), "RTOG 0915, four-fraction arm: Videtic 2015, IJROBP 93:757"),
    "sequential": Preset(
        {
            "name": "sequential",
            **_phases((45, 25), (18, 9)),
            "chemotherapy": {"cycles": 2, "every_days": 28, "timing": "sequential", "wait_days": 21},
        },
        "RTOG 9410, sequential arm, cisplatin on days 1 and 29, 63 Gy from day 50: Curran 2011, J Natl Cancer Inst "
        "103:1452",
    ),
    "PACIFIC": Preset(
        {"name": "PACIFIC", **_phases((60, 30)), "chemotherapy": {}, "immunotherapy": {}},
        "chemo-radiotherapy of 60 to 66 Gy, then durvalumab every 2 weeks for 12 months: Spigel 2022, J Clin Oncol "
        "40:1301",
    ),
    "isotoxic": Preset(
        {"name": "isotoxic", **_phases((50.4, 28), per_day=2), "imaging": {"also": [1.0]}},
        "1.8 Gy twice a day from 50.4 Gy to 79.2 Gy, as far as a mean lung dose of 19 Gy allows: van Baardwijk 2010, "
        "J Clin Oncol 28:1380 [quoted from memory]; the oesophagus' limit is this engine's",
        policy="isotoxic",
    ),
}


def find_preset(name: str) -> Preset | None:
    """The preset of a name, or None; case does not matter."""
    return next((item for known, item in PRESETS.items() if known.lower() == name.strip().lower()), None)


def known_preset(name: str) -> Preset:
    """The preset of a name; case does not matter.

    Raises:
        InputError: no such preset; the sentence lists them.
    """
    found = find_preset(name)
    if found is None:
        raise InputError(f"there is no preset plan {name!r}; those known are {', '.join(PRESETS)}")
    return found
