"""The hierarchical model of an arm: from schedule, stage and drugs to curves of survival and control.

Written for arrays of numpy and of jax alike (`xp`). Parameters have any leading axes (draws) and end in an axis for
arms, of length 1 where all arms share them. Equations and sources are in docs/model.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from simulators.calibration.evidence import Row
from simulators.tumour.radiobiology import thames_factor

VERSION = 1
MONTHS = np.arange(0.0, 67.0)  # grid of the curves
CLONOGENS_PER_CM3 = 1e7  # [quoted from memory], as in the engine's prior
VOLUME_CM3 = np.array([9.0, 30.0, 80.0])  # median tumour by stage [quoted from memory]
VOLUME_SD = 0.9  # SD(ln) between patients of a stage [quoted from memory]
ENTRY_MONTHS = (
    3  # from start of radiotherapy to entry, where the clock starts after it: 6 weeks, and 1 to 42 days
)
GUMBEL = (
    0.5772,
    np.pi**2 / 6,
)  # mean and variance of the logarithm of the clonogens that one surviving cell means
_FASTEST = 10.0  # deaths a month after failure; growing sums overflow beyond, which is a life of two days
_REPAIR_H, _APART_H = (
    1.5,
    6.0,
)  # repair half-time and interval of fractions of one day, hours [quoted from memory]


@dataclass(frozen=True)
class Prior:
    """What is believed of a parameter before the trials: its scale's centre and SD, and where that is from.

    Args:
        name: of the parameter.
        log: whether it is the logarithm that is normal; then `centre` is the median.
        centre, sd: of the normal law.
        source: words.
    """

    name: str
    log: bool
    centre: float
    sd: float
    source: str

    def at(self, z: Any, xp: ModuleType = np) -> Any:
        """The parameter at a point of the standard normal law.

        Args:
            z: the point.
            xp: numpy or jax.numpy.
        """
        return self.centre * xp.exp(self.sd * z) if self.log else self.centre + self.sd * z


PRIORS = (
    Prior("alpha_per_gy", True, 0.36, 0.15, "the engine's prior of alpha; its mean is uncertain [A]"),
    Prior(
        "alpha_spread", True, 0.28, 0.3, "SD over mean of alpha between patients: the engine's 0.10 of 0.36"
    ),
    Prior("alpha_beta_gy", True, 10.0, 0.3, "10 [M]; published from 3 to 20"),
    Prior("time_loss_gy_per_d", True, 0.64, 0.4, "ln2 / (alpha Td) with Td 3 d [A]"),
    Prior("kickoff_d", True, 21.0, 0.25, "the engine's prior of Tk [M]"),
    Prior("volume_power", False, 1.0, 0.4, "clonogens go with volume [A]"),
    Prior("drug_log_kill", False, 0.5, 1.0, "concurrent drugs; wide, of either sign [A]"),
    Prior("local_months", True, 12.0, 0.3, "median time of local failures [A]"),
    Prior("local_spread", True, 0.8, 0.2, "its SD(ln) [A]"),
    Prior("distant_1", False, -0.67, 0.4, "probit of distant relapse in stage I: 0.25 [A]"),
    Prior("distant_2", False, -0.25, 0.4, "in stage II: 0.40 [A]"),
    Prior("distant_3", False, 0.13, 0.4, "in stage III: 0.55 [A]"),
    Prior("drug_distant", False, 0.2, 0.2, "probit that drugs take off: hazard 0.73, BMJ 1995;311:899"),
    Prior("regional", False, -1.0, 0.4, "probit of regional relapse: 0.16 [A]"),
    Prior("distant_months", True, 9.0, 0.3, "median time of distant relapses [A]"),
    Prior("distant_spread", True, 0.9, 0.2, "its SD(ln) [A]"),
    Prior("immune_ratio", True, 0.75, 0.4, "hazard of failure with immune consolidation [A]"),
    Prior("after_months", True, 9.0, 0.3, "median survival after failure, stage III [A]"),
    Prior("after_early", True, 1.5, 0.4, "its ratio in stage I and II [A]"),
    Prior("other_early", True, 0.12, 0.4, "deaths of other causes a year, stage I unfit for surgery [A]"),
    Prior("operable_ratio", True, 0.5, 0.4, "the same of patients fit for surgery, as a ratio [A]"),
    Prior("other_late", True, 0.05, 0.4, "deaths of other causes a year, stage III [A]"),
    Prior("decade_distant", False, 0.0, 0.2, "probit of distant relapse that a later decade takes off [A]"),
    Prior(
        "decade_death", False, 0.1, 0.15, "ln of the hazard after failure that a later decade takes off [A]"
    ),
    Prior("trial_control", True, 0.25, 0.6, "SD between trials, probit of control [A]"),
    Prior("trial_distant", True, 0.25, 0.6, "SD between trials, probit of distant relapse [A]"),
    Prior("trial_death", True, 0.2, 0.6, "SD between trials, ln hazard of death [A]"),
    Prior("arm_control", True, 0.15, 0.6, "SD between arms of a randomised trial, probit of control [A]"),
    Prior("arm_death", True, 0.1, 0.6, "SD between arms of a randomised trial, ln hazard of death [A]"),
)
TERMS = ("control", "distant", "death")  # of trials; arms have the first and the last


@dataclass(frozen=True, eq=False)
class Arms:
    """What the model knows of arms, as arrays; a cell is one stage of one arm.

    Args:
        names: (trial, arm).
        trials: names of the trials.
        trial: (a,) index into them.
        randomised: (a,) 0 or 1.
        arm, stage: (c,) of the cells.
        mix: (a, c) shares of the cells in their arms.
        total_gy, size_gy, days, weight: (c, k) total dose, dose a fraction with its factor of incomplete repair, days
            and share of the k schedules.
        drugs, concurrent: (c,) shares with any drugs, and with concurrent ones.
        immune, operable, decades, after: (c,) consolidation, fit for surgery, decades after 2005, clock after
            chemoradiotherapy.
        log_volume, volume_sd: (c,) ln of the tumour's volume over `VOLUME_CM3`'s largest, and its SD between patients.
        failure_ratio: (c,) ratio of the cumulative hazards of failures; 1 for arms.
        death_ratio, other_ratio: (c,) ratios of the hazards of all deaths and of those of other causes; 1 for arms.
    """

    names: tuple[tuple[str, str], ...]
    trials: tuple[str, ...]
    trial: np.ndarray
    randomised: np.ndarray
    arm: np.ndarray
    stage: np.ndarray
    mix: np.ndarray
    total_gy: np.ndarray
    size_gy: np.ndarray
    days: np.ndarray
    weight: np.ndarray
    drugs: np.ndarray
    concurrent: np.ndarray
    immune: np.ndarray
    operable: np.ndarray
    decades: np.ndarray
    after: np.ndarray
    log_volume: np.ndarray
    volume_sd: np.ndarray
    failure_ratio: np.ndarray
    death_ratio: np.ndarray
    other_ratio: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Arms:
        """Those of a table's rows.

        Args:
            rows: of the table.
        """
        firsts = {(row.trial, row.arm): row for row in reversed(rows)}
        names = tuple(dict.fromkeys((row.trial, row.arm) for row in rows))
        arms = [firsts[name] for name in names]
        trials = tuple(dict.fromkeys(trial for trial, _ in names))
        shares = np.array([[row.stage_1, row.stage_2, row.stage_3] for row in arms])
        arm, stage = np.nonzero(shares)
        cells = [arms[i] for i in arm]
        given = [row.drugs.split("|") for row in cells]
        total, size, days, weight = _courses(cells)
        return cls(
            names=names,
            trials=trials,
            trial=np.array([trials.index(row.trial) for row in arms]),
            randomised=np.array([float(row.randomised) for row in arms]),
            arm=arm,
            stage=stage,
            mix=(np.arange(len(arms))[:, None] == arm) * shares[arm, stage],
            total_gy=total,
            size_gy=size,
            days=days,
            weight=weight,
            drugs=np.array([np.mean([d != "none" for d in drugs]) for drugs in given]),
            concurrent=np.array([np.mean([d == "concurrent" for d in drugs]) for drugs in given]),
            immune=np.array([float(row.immune) for row in cells]),
            operable=np.array([row.operable for row in cells]),
            decades=np.array([((row.middle_year or 2005.0) - 2005.0) / 10.0 for row in cells]),
            after=np.array([float(row.clock != "start") for row in cells]),
            log_volume=np.log(VOLUME_CM3 / VOLUME_CM3[-1])[stage],
            volume_sd=np.full(len(cells), VOLUME_SD),
            failure_ratio=np.ones(len(cells)),
            death_ratio=np.ones(len(cells)),
            other_ratio=np.ones(len(cells)),
        )


def _courses(cells: Sequence[Row]) -> np.ndarray:
    """(4, c, k): total dose, dose a fraction, days and share of each schedule."""
    courses = np.zeros((4, len(cells), max(len(row.schedules) for row in cells)))
    for i, row in enumerate(cells):
        for k, s in enumerate(row.schedules):
            repair = 1.0 + thames_factor(s.per_day, _APART_H, _REPAIR_H)
            size = s.total_gy / s.fractions * repair
            days = max(1.0, 7.0 * s.weeks - 2.0)  # printed weeks end on a Sunday, courses on a Friday
            courses[:, i, k] = s.total_gy, size, days, 1.0 / len(row.schedules)
    return courses


def control_probability(q: Mapping[str, Any], arms: Arms, xp: ModuleType = np) -> Any:
    """Probability that the primary tumour is controlled for good, in each cell.

    Patients' alpha is normal and their volume log-normal; the Poisson law of surviving clonogens is a Gumbel law in
    their logarithm, so that the mean over patients is a probit in closed form.

    Args:
        q: parameters and `u_control`, (..., c) or (..., 1).
        arms: with c cells.
        xp: numpy or jax.numpy.

    Returns:
        (..., c) probabilities.
    """
    each = {k: v[..., None] for k, v in q.items()}
    late = xp.maximum(0.0, arms.days - each["kickoff_d"])
    bed = arms.total_gy * (1.0 + arms.size_gy / each["alpha_beta_gy"]) - each["time_loss_gy_per_d"] * late
    kill = each["alpha_per_gy"] * bed
    clonogens = np.log(CLONOGENS_PER_CM3 * VOLUME_CM3[-1]) + q["volume_power"] * arms.log_volume
    excess = q["drug_log_kill"] * arms.concurrent - clonogens - GUMBEL[0]
    variance = (
        (each["alpha_spread"] * kill) ** 2
        + (each["volume_power"] * arms.volume_sd[..., None]) ** 2
        + GUMBEL[1]
    )
    x = (kill + excess[..., None]) / xp.sqrt(variance) + each["u_control"]
    return _scaled((_phi(x, xp) * arms.weight).sum(axis=-1), arms)


def _scaled(spared: Any, arms: Arms) -> Any:
    """Share that never fails, where a patient's hazard of failure is in a ratio to that of the arm."""
    return spared if np.all(arms.failure_ratio == 1.0) else spared**arms.failure_ratio


def _phi(x: Any, xp: ModuleType) -> Any:
    if xp is np:
        from scipy.special import ndtr
    else:
        from jax.scipy.special import ndtr
    return ndtr(x)


def curves(p: Mapping[str, Any], arms: Arms, xp: ModuleType = np) -> dict[str, Any]:
    """The curves of arms, on the grid `MONTHS` of each arm's own clock.

    Args:
        p: parameters of `PRIORS` and the terms `u_control`, `u_distant`, `u_death` of the arms, (..., a) or (..., 1).
        arms: with a arms.
        xp: numpy or jax.numpy.

    Returns:
        endpoint -> (..., a, months) share without the event; of failures (`local_failure`, ...) with death
        competing.
    """
    q = {k: v if v.shape[-1] == 1 else v[..., arms.arm] for k, v in p.items()}
    mixed = {k: arms.mix @ v for k, v in cell_curves(q, arms, xp).items()}
    later = (arms.mix @ arms.after)[:, None] > 0
    found = {}
    for name, curve in mixed.items():
        # Survival counts from those who are free of events at entry; the last months repeat the last one known.
        within = mixed["progression_free_survival"] if name.endswith("survival") else curve
        moved = curve[..., np.minimum(np.arange(len(MONTHS)) + ENTRY_MONTHS, len(MONTHS) - 1)]
        found[name] = xp.where(later, moved / within[..., ENTRY_MONTHS : ENTRY_MONTHS + 1], curve)
    return found


def cell_curves(q: Mapping[str, Any], arms: Arms, xp: ModuleType = np) -> dict[str, Any]:
    """The curves of cells, on the grid `MONTHS` from the start of radiotherapy.

    Args:
        q: parameters and terms, (..., c) or (..., 1).
        arms: with c cells.
        xp: numpy or jax.numpy.

    Returns:
        As `curves`, (..., c, months).
    """
    after, other = hazards(q, arms, xp)
    return _competing(_free(q, arms, MONTHS, xp), after[..., None], other[..., None], arms, xp)


def at_month(q: Mapping[str, Any], arms: Arms, month: int) -> dict[str, np.ndarray]:
    """Survival and local control of cells at one month from the start of radiotherapy, without the curves after it.

    Args:
        q: parameters and terms; they broadcast against the cells.
        arms: cells of any shape, (..., c) and courses (..., c, k), none of them counted from a later clock.
        month: of `MONTHS`.

    Returns:
        `overall_survival` and `local_control`, (..., c), as `cell_curves` has them.
    """
    chances, until = _chances(q, arms, np), _failed_by(q, _untreated(arms), np)
    after, other = hazards(q, arms)
    ratio, changed = immune_ratio(q, arms), np.any(arms.immune)
    living, none_yet, decay, entry = 0.0, 1.0, np.exp(-after), {}
    for m in range(month + 1):  # month by month: what one needs lies in the processor's caches
        by = until(MONTHS[m])
        free = {kind: 1.0 - chance * by[kind] for kind, chance in chances.items()}
        if changed and m <= ENTRY_MONTHS:
            entry = free
        elif changed:
            free = {k: _after_entry(f, entry[k], ratio, np) for k, f in free.items()}
        no_failure = free["local"] * free["distant"] * free["regional"]
        living, none_yet = living * decay + (none_yet - no_failure), no_failure
    return {
        "overall_survival": np.exp(-other * month) * (none_yet + living),
        "local_control": np.array(free["local"]),
    }


def _free(q: Mapping[str, Any], arms: Arms, months: np.ndarray, xp: ModuleType) -> dict[str, Any]:
    """Kind of failure -> (..., c, months) share without it, whatever else happens."""
    by = _failed_by({k: v[..., None] for k, v in q.items()}, _untreated(arms)[..., None], xp)(months)
    ratio = immune_ratio(q, arms)[..., None]
    plain = not np.any(arms.immune)  # most cells have no consolidation, and a power takes its time
    return {
        kind: 1.0 - chance[..., None] * by[kind]
        if plain
        else _from_entry(1.0 - chance[..., None] * by[kind], ratio, months, xp)
        for kind, chance in _chances(q, arms, xp).items()
    }


def _chances(q: Mapping[str, Any], arms: Arms, xp: ModuleType) -> dict[str, Any]:
    """Kind of failure -> (..., c) probability that it ever comes, whatever else happens."""
    return {
        "local": 1.0 - control_probability(q, arms, xp),
        "distant": relapse_probability(q, arms, xp),
        "regional": regional_probability(q, arms, xp),
    }


def _untreated(arms: Arms) -> np.ndarray:
    """(..., c) cells without a dose."""
    return ~np.any(arms.total_gy, axis=-1)


def _failed_by(
    q: Mapping[str, Any], untreated: np.ndarray, xp: ModuleType
) -> Callable[[Any], dict[str, Any]]:
    """Months -> kind of failure -> share of those who ever fail so who have by then; all broadcast together."""
    local, distant = xp.log(q["local_months"]), xp.log(q["distant_months"])

    def by(months: Any) -> dict[str, Any]:
        log_month = np.log(np.maximum(months, 1e-3))
        of_local = _phi((log_month - local) / q["local_spread"], xp)
        of_distant = _phi((log_month - distant) / q["distant_spread"], xp)
        if untreated.any():  # never controlled: it has failed on the first day
            of_local = xp.where(untreated, 1.0, of_local)
        return {"local": of_local, "distant": of_distant, "regional": of_distant}

    return by


def relapse_probability(q: Mapping[str, Any], arms: Arms, xp: ModuleType = np) -> Any:
    """(..., c) probability of distant relapse, whatever else happens.

    Args:
        q: parameters and terms, (..., c) or (..., 1).
        arms: with c cells.
        xp: numpy or jax.numpy.
    """
    probit = sum((arms.stage == i) * q[f"distant_{i + 1}"] for i in range(3)) + q["u_distant"]
    probit = probit - q["drug_distant"] * arms.drugs - q["decade_distant"] * arms.decades
    return 1.0 - _scaled(_phi(-probit, xp), arms)


def regional_probability(q: Mapping[str, Any], arms: Arms, xp: ModuleType = np) -> Any:
    """(..., c) probability of relapse in nodes, whatever else happens.

    Args:
        q: parameters, (..., c) or (..., 1).
        arms: with c cells.
        xp: numpy or jax.numpy.
    """
    return 1.0 - _scaled(_phi(-q["regional"], xp), arms)


def immune_ratio(q: Mapping[str, Any], arms: Arms) -> Any:
    """(..., c) ratio of the hazards of failure from entry on: that of immune consolidation, or 1.

    Args:
        q: parameters.
        arms: with c cells.
    """
    return 1.0 + arms.immune * (q["immune_ratio"] - 1.0)


def _from_entry(free: Any, ratio: Any, months: np.ndarray, xp: ModuleType) -> Any:
    """A curve whose hazard is scaled from entry on."""
    entry = free[..., ENTRY_MONTHS : ENTRY_MONTHS + 1]
    return xp.where(months > ENTRY_MONTHS, _after_entry(free, entry, ratio, xp), free)


def _after_entry(free: Any, entry: Any, ratio: Any, xp: ModuleType) -> Any:
    """What a share free of failure becomes after entry, where its hazard is in a ratio; 0 where it was so at entry."""
    some = xp.where(entry > 0.0, entry, 1.0)
    return entry * xp.exp(ratio * xp.log(xp.where(entry > 0.0, free, 1.0) / some))


def hazards(q: Mapping[str, Any], arms: Arms, xp: ModuleType = np) -> tuple[Any, Any]:
    """Hazards a month of death after failure and of death of other causes, (..., c).

    Args:
        q: parameters and terms, (..., c) or (..., 1).
        arms: with c cells.
        xp: numpy or jax.numpy.
    """
    early = (arms.stage < 2) * 1.0
    after = np.log(2.0) / (q["after_months"] * q["after_early"] ** early)
    other = (
        xp.where(early > 0, q["other_early"] * q["operable_ratio"] ** arms.operable, q["other_late"]) / 12.0
    )
    trial = xp.exp(q["u_death"]) * arms.death_ratio
    return after * trial * xp.exp(-q["decade_death"] * arms.decades), other * trial * arms.other_ratio


def _competing(free: Mapping[str, Any], after: Any, other: Any, arms: Arms, xp: ModuleType) -> dict[str, Any]:
    """Survival and failure from the curves of each failure alone."""
    alive = xp.exp(-other * MONTHS)
    # Failures before entry are not part of a cohort whose clock starts there.
    counted = np.where(arms.after[:, None] > 0, MONTHS > ENTRY_MONTHS, True) * 1.0
    growth = xp.exp(xp.minimum(after, _FASTEST) * MONTHS)

    def living(*kinds: str) -> Any:
        """Alive, where failures of these kinds happen and no others."""
        no_failure = 1.0
        for kind in kinds:
            no_failure = no_failure * free[kind]
        failed = -xp.diff(no_failure, axis=-1, prepend=1.0) * counted
        return alive * (no_failure + xp.cumsum(failed * growth, axis=-1) / growth)

    def spared(kind: str, *others: str) -> Any:
        """Not failed so by then, with death competing."""
        return 1.0 - xp.cumsum(-xp.diff(free[kind], axis=-1, prepend=1.0) * living(*others), axis=-1)

    return {
        "overall_survival": living("local", "distant", "regional"),
        "progression_free_survival": alive * free["local"] * free["distant"] * free["regional"],
        "local_control": free["local"],
        "locoregional_control": free["local"] * free["regional"],
        "local_failure": spared("local", "distant", "regional"),
        "regional_failure": spared("regional", "local", "distant"),
        "distant_failure": spared("distant", "local", "regional"),
    }
