"""Organ doses of patients without images, and what follows from them, by their matches among in-silico patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scenarios.comparison.effect import Effect, Kind
from scenarios.matching.doses import Matches, OrganTables, ReferencePatients
from scenarios.plans.scenario import Scenario
from scenarios.study.arm import ArmCourses, stereotactic
from scenarios.study.cohort import Member
from scenarios.study.settings import Settings
from simulators.core.chance import Purpose, many_uniforms
from simulators.core.outcome import shifted
from simulators.outcome.central import central_risks
from simulators.outcome.complications import coefficient_draws, hurry_draws

_DOSE_NUMBERS = 4


@dataclass(frozen=True, eq=False)
class Organs:
    """Outcomes of the organs, and what life afterwards depends on, each (a, p, s)."""

    effects: Mapping[str, Effect]
    pneumonitis: np.ndarray
    mean_heart_gy: np.ndarray


def match_members(
    members: Sequence[Member], scenarios: Sequence[Scenario], settings: Settings
) -> dict[bool, Matches]:
    """The in-silico patients whose organ doses some patients are given, by chance among the most similar ones.

    Args:
        members: the patients.
        scenarios: the plans.
        settings: what the study asks for.

    Returns:
        Whether the technique is SBRT -> (p, s) matches, the truth first.
    """
    ids = [m.id for m in members]
    u = np.concatenate(
        [
            many_uniforms(settings.seed, ids, Purpose.TRUTH, np.ones(1), _DOSE_NUMBERS),
            many_uniforms(settings.seed, ids, Purpose.DOSE, np.arange(settings.samples), _DOSE_NUMBERS),
        ],
        axis=1,
    )
    log_gtv = np.log([m.gtv_cm3 for m in members])
    by_technique = {}
    for sbrt in {stereotactic(s) for s in scenarios}:
        references = ReferencePatients.of(sbrt)
        nearest = np.stack([references.nearest(m.gtv_cm3, m.site, _nodes(m)) for m in members])
        by_technique[sbrt] = Matches.of(references, nearest, log_gtv, u)
    return by_technique


def organ_effects(
    members: Sequence[Member],
    scenarios: Sequence[Scenario],
    arms: Sequence[ArmCourses],
    by_technique: Mapping[bool, Matches],
    seed: int,
) -> Organs:
    """Organ doses of every patient, plan and sample, and the complications that follow from them.

    Args:
        members: the patients.
        scenarios: the plans.
        arms: what each plan became.
        by_technique: whether the technique is SBRT -> the patients' matches.
        seed: root of all chance.
    """
    chance = _Chance(seed, next(iter(by_technique.values())).reference.shape[1])
    drugs = [m.clinical.chemotherapy for m in members]
    without = np.array([np.nan if d is None else float(d != "concurrent") for d in drugs])[:, None]
    values: dict[str, list[np.ndarray]] = {}
    units: dict[str, str] = {}
    for scenario, arm in zip(scenarios, arms, strict=True):
        sbrt = stereotactic(scenario)
        of_arm = _arm_organs(arm, ReferencePatients.of(sbrt), by_technique[sbrt].after(arm.shrunk), chance)
        for name, (unit, found, alone) in of_arm.items():
            values.setdefault(name, []).append(shifted(found, alone * without) if alone else found)
            units[name] = unit
    stacked = {name: np.stack(v) for name, v in values.items()}
    used = {m for s in scenarios for m in ReferencePatients.of(stereotactic(s)).methods}
    method, note = " and ".join(sorted(used)), "dose of a similar in-silico patient"
    effects = {k: Effect(v, units[k], _kind(units[k]), "estimated", note, method) for k, v in stacked.items()}
    effects |= _central(members, scenarios, chance)
    return Organs(effects, stacked["pneumonitis"], stacked["mean_heart_dose"])


@dataclass(frozen=True)
class _Chance:
    """What sources of complications do not know, in draws that all patients share; the truth, first, as printed.

    Args:
        seed: root of all chance.
        n: samples, the truth first.
    """

    seed: int
    n: int

    def hurry(self) -> np.ndarray:
        """(n,) standard normal draws of what a course's time adds."""
        return np.append(0.0, hurry_draws(self.n - 1, self.seed))

    def coefficients(self, name: str) -> np.ndarray:
        """(n, 2) standard normal draws of a complication's coefficients."""
        return np.concatenate([np.zeros((1, 2)), coefficient_draws(name, self.n - 1, self.seed)])


def _central(members: Sequence[Member], scenarios: Sequence[Scenario], chance: _Chance) -> dict[str, Effect]:
    """Toxicity of stereotactic plans by a patient's site, central being within 2 cm of the airways; else nan.

    How near a central tumour lies is not known of patients without images.
    """
    if not any(stereotactic(s) for s in scenarios):
        return {}
    treated = np.array([stereotactic(s) for s in scenarios])[:, None, None]
    central = np.array([m.site == "central" for m in members])[:, None]
    risks = central_risks("central", chance.n - 1, chance.seed)
    note = "the site of the tumour decides; by series of stereotactic treatment, whatever its dose"
    return {
        name: Effect(np.where(treated & central, np.append(risk.mean(), risk), np.nan), "probability", "expected",
                     "estimated", note)
        for name, risk in risks.items()
    }  # fmt: skip


def _kind(unit: str) -> Kind:
    return "expected" if unit == "probability" else "predictive"


def _arm_organs(
    arm: ArmCourses, references: ReferencePatients, matches: Matches, chance: _Chance
) -> dict[str, tuple[str, np.ndarray, float]]:
    """Outcome -> (unit, (p, s) values, log odds without concurrent drugs)."""
    shape = matches.reference.shape
    found: dict[str, tuple[str, np.ndarray, float]] = {}
    for course, rows in arm.groups():
        mine = np.ones(shape, dtype=bool)
        if len(arm.courses) > 1:
            mine = np.isin(np.arange(len(arm.courses)), rows).reshape(shape)
        tables = OrganTables.of(references, course)
        for name, (organ, unit, table) in tables.metrics.items():
            values = found.setdefault(name, (unit, np.empty(shape), 0.0))[1]
            values[mine] = matches.look_up(organ, table)[mine]
        for name, harm in tables.complications.items():
            values = found.setdefault(name, ("probability", np.empty(shape), harm.row.alone))[1]
            drawn = harm.look_up(matches, chance.hurry(), chance.coefficients(name))
            values[mine] = drawn[mine]
    return found


def _nodes(member: Member) -> bool | None:
    n = member.clinical.n_stage
    return None if n in (None, "NX") else n != "N0"
