"""What is believed about a tumour's parameters before anything was seen of it.

Every sample is a point z of a standard normal space, and each parameter a function of it; a belief update
moves in that space. The marks say where a number comes from: [P] published, [M] quoted from memory of the
literature, [A] assumed here and wide enough to say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.change import changed, differences
from twin import Belief, ClinicalRecord, InputError, PatientTwin
from twin.clinical.staging import stage_group

_Each = float | np.ndarray  # a number, or (patients, 1)
# The order is part of the counter hash: append, never reorder, or every seed gives another patient.
DIMENSIONS = (
    "alpha",
    "clearance",
    "coupling",
    "remnant",
    "growth",
    "alpha_beta",
    "kickoff",
    "doubling",
    "repair",
    "cohort",
    "erosion",
    "reoxygenation",
    "chemo",
    "contour",
)


# Median growth rates of 0.0034 /d in adenocarcinoma and 0.0103 in squamous cell carcinoma (Mackintosh 2014, 46
# resected [P]); median doubling 227 against 95 d where found by chance, 109 against 80 d in screening by X-ray
# (Varese, 116 patients [P]). From 1.4 to 3 to 1; here 1.6 to 1, as patients overlap widely.
_GROWTH_BY_HISTOLOGY = {"adenocarcinoma": 0.8, "squamous": 1.25}
# Mean doubling times differ by stage and by T (Usuda 1994, 174 patients [P]); the abstract gives no numbers, and
# the prior's median belongs to stage III, so stages I and II are put a little below it [A].
_GROWTH_BY_STAGE = {"I": 0.85, "II": 0.9, "III": 1.0}
# Loss of volume over five weeks: squamous 54.9, adenocarcinoma 47.6 %, 23 patients of stage III, no significant
# difference (Med Phys 2015, SU-E-J-269 [P]). That is 1.23 in half-time; a third of it in ln is believed [A].
_CLEARANCE_BY_HISTOLOGY = {"adenocarcinoma": 1.035, "squamous": 0.965}


@dataclass(frozen=True)
class PriorSet:
    """One whole set of prior constants; sets travel whole, and their parts are never mixed.

    `clinical` is for conventional and hypofractionated radiotherapy: its alpha is that of the tumour as it
    is, hypoxia included, so its hypoxic fraction is 0; a set with its own OER needs its own alpha. Pairs are a mean
    or median and an SD, and their unit is in the name; `with_` gives a set with other numbers.

    Raises:
        InputError: a number that cannot be.

    Example:
        >>> less_sensitive = CLINICAL.with_(alpha_per_gy=0.30, kickoff_d=(28.0, 4.0))
        >>> less_sensitive.changes()
        {'alpha_per_gy': (0.3, 0.1), 'kickoff_d': (28.0, 4.0)}
    """

    name: str = "clinical"
    alpha_per_gy: tuple[float, float] = (0.36, 0.10)  # mean, SD; gives the control rates of 0.52 and 0.67 [M]
    alpha_floor_per_gy: float = 0.02
    alpha_beta_gy: tuple[float, float] = (10.0, 0.2)  # median, SD(ln): 10 [M], published from 3 to 20 [P]
    # median, SD(ln) between patients: set on Fox (-25 % at 30 Gy, -44 % at 50 Gy [P]) with the remnant in place
    clearance_d: tuple[float, float] = (29.0, 0.5)
    clearance_cohort_sd: float = 0.3  # SD(ln) between cohorts: no one value fits Fox and the CBCT series [P]
    coupling_sd: float = 0.3  # correlation of ln clearance with ln alpha ~ N(0, 0.3): Brink v Jabbour [P]
    remnant: tuple[float, float] = (2.0, 8.0)  # Beta: complete responses on CT are a minority [M]
    # Gompertz a, median: 138 d to double at 60 cm3, PMC3933267 [P]; SD(ln) [A]
    growth_per_d: tuple[float, float] = (0.0017, 0.5)
    # Regrowth of a course's survivors against untreated growth: set on 31 to 46 % of local failures within two years
    # of 60/30 with chemotherapy (RTOG 0617, pooled [M]); at the untreated rate half of them would show later.
    regrowth_factor: float = 3.0
    capacity_cm3: float = 1150.0  # sphere of 13 cm, the size taken as lethal (Geng 2017 [P])
    clonogens_per_cm3: float = 1e7  # [M]
    kickoff_d: tuple[float, float] = (21.0, 4.0)  # mean, SD [M]
    doubling_d: tuple[float, float] = (3.0, 0.2)  # median [M], SD(ln) [A]
    repair_half_time_h: tuple[float, float] = (1.5, 0.3)  # median, SD(ln); Thames 1985 [M]
    hypoxic_fraction: float = 0.0
    oer: float = 1.7  # Jeong 2017 [P]
    reoxygenation_d: tuple[float, float] = (5.0, 0.3)  # median half-time, SD(ln) [M]; [A]
    # of all cycles together, median: locoregional hazard ratio of 0.77, Auperin 2010 [P]; SD(ln) [A]
    chemo_log_kill: tuple[float, float] = (1.5, 0.4)
    contour_error: tuple[float, float] = (0.10, 0.3)  # relative SD of a drawn volume, median [M], SD(ln) [A]
    # factors on the medians of growth and clearance; 1 where the patient's is not listed
    growth_by_histology: Mapping[str, float] = field(default_factory=lambda: dict(_GROWTH_BY_HISTOLOGY))
    growth_by_stage: Mapping[str, float] = field(default_factory=lambda: dict(_GROWTH_BY_STAGE))
    clearance_by_histology: Mapping[str, float] = field(default_factory=lambda: dict(_CLEARANCE_BY_HISTOLOGY))

    def with_(self, **changes: Any) -> PriorSet:
        """This set with other numbers.

        Args:
            changes: field -> a number, a pair, or factors by histology or stage, of which those that are not named
                stay. One number for a pair is its mean or median; the spread stays.

        Raises:
            InputError: an unknown field, or a number that cannot be.
        """
        found = changed(self, changes, "the prior")
        flat = [
            f.name for f in fields(self) if isinstance(pair := getattr(found, f.name), tuple) and pair[1] <= 0
        ]
        if flat:
            raise InputError(f"the SD of {', '.join(flat)} of the prior must be above 0")
        return found

    def changes(self) -> dict[str, Any]:
        """Field -> value, where it is not the clinical set's; `CLINICAL.with_` of them is this set."""
        return differences(self, CLINICAL)


CLINICAL = PriorSet()
VERSION = 2  # of the constants here and in `PriorSet`; 2: stage shifts growth, histology clearance


def parameters(z: np.ndarray, twin: PatientTwin, constants: PriorSet = CLINICAL) -> dict[str, np.ndarray]:
    """The tumour's parameters at points of the prior's standard normal space; `points` goes back.

    Args:
        z: (n, len(DIMENSIONS)) standard normal under the prior.
        twin: whose histology, stage and size shift the prior.
        constants: the prior's constants.

    Returns:
        Parameter name -> (n,) float64, all but `control_quantile`.
    """
    gtv_cm3 = twin.gtv_cm3 if twin.structures else 0.0
    factors = _growth_factor(twin.clinical, constants), _clearance_factor(twin.clinical, constants)
    return _parameters(z, *factors, gtv_cm3, constants)


def parameters_of_many(
    z: np.ndarray, records: Sequence[ClinicalRecord], gtv_cm3: np.ndarray, constants: PriorSet = CLINICAL
) -> dict[str, np.ndarray]:
    """As `parameters`, of many patients at once.

    Args:
        z: (patients, n, len(DIMENSIONS)) standard normal under the prior.
        records: of the patients.
        gtv_cm3: (patients,) their tumours.
        constants: the prior's.

    Returns:
        Parameter name -> (patients, n) float64.
    """
    growth, clearance = (
        np.array([factor(r, constants) for r in records])[:, None]
        for factor in (_growth_factor, _clearance_factor)
    )
    return _parameters(z, growth, clearance, np.asarray(gtv_cm3)[:, None], constants)


def _parameters(
    z: np.ndarray, growth_factor: _Each, clearance_factor: _Each, gtv_cm3: _Each, constants: PriorSet
) -> dict[str, np.ndarray]:
    from scipy.special import ndtr, ndtri

    at = dict(zip(DIMENSIONS, np.moveaxis(np.asarray(z, dtype=np.float64), -1, 0), strict=True))
    shape = np.shape(z)[:-1]

    def log_normal(name: str, median_and_sd: tuple[float, float]) -> np.ndarray:
        return median_and_sd[0] * np.exp(median_and_sd[1] * at[name])

    mean, sd = constants.alpha_per_gy
    cut = ndtr((constants.alpha_floor_per_gy - mean) / sd)
    alpha = mean + sd * ndtri(cut + (1.0 - cut) * ndtr(at["alpha"]))
    rho = np.tanh(constants.coupling_sd * at["coupling"])
    own = rho * at["alpha"] + np.sqrt(1.0 - rho**2) * at["clearance"]
    clearance = constants.clearance_d[0] * clearance_factor * np.exp(constants.clearance_d[1] * own)
    cohort = np.exp(constants.clearance_cohort_sd * at["cohort"])
    growth = log_normal("growth", constants.growth_per_d) * growth_factor
    return {
        "alpha_per_gy": alpha,
        "alpha_beta_gy": log_normal("alpha_beta", constants.alpha_beta_gy),
        "clearance_half_time_d": clearance * cohort,
        "clearance_coupling": rho,
        "clearance_cohort_factor": cohort,
        "remnant_fraction": np.interp(at["remnant"], *_remnant_table(*constants.remnant)),
        "growth_per_d": growth,
        "regrowth_factor": np.full(shape, constants.regrowth_factor),
        "capacity_cm3": np.broadcast_to(np.maximum(constants.capacity_cm3, 2.0 * gtv_cm3), shape).copy(),
        "clonogen_density_per_cm3": np.full(shape, constants.clonogens_per_cm3),
        "kickoff_d": np.maximum(0.0, constants.kickoff_d[0] + constants.kickoff_d[1] * at["kickoff"]),
        "doubling_d": log_normal("doubling", constants.doubling_d),
        "hypoxic_fraction": np.full(shape, constants.hypoxic_fraction),
        "oer": np.full(shape, constants.oer),
        "reoxygenation_half_time_d": log_normal("reoxygenation", constants.reoxygenation_d),
        "repair_half_time_h": log_normal("repair", constants.repair_half_time_h),
        "erosion_fraction": ndtr(at["erosion"]),
        "chemo_log_kill": log_normal("chemo", constants.chemo_log_kill),
        "contour_error": log_normal("contour", constants.contour_error),
    }


def points(
    samples: Mapping[str, np.ndarray], twin: PatientTwin, constants: PriorSet = CLINICAL
) -> np.ndarray:
    """Where samples of a belief stand in the prior's standard normal space: the inverse of `parameters`.

    Args:
        samples: parameter -> (n,).
        twin: the patient, whose histology and stage shift the prior.
        constants: the prior's.
    """
    from scipy.special import ndtr, ndtri

    def normal(name: str, median_and_sd: tuple[float, float], factor: float = 1.0) -> np.ndarray:
        return np.log(samples[name] / (median_and_sd[0] * factor)) / median_and_sd[1]

    mean, sd = constants.alpha_per_gy
    cut = ndtr((constants.alpha_floor_per_gy - mean) / sd)
    alpha = ndtri((ndtr((samples["alpha_per_gy"] - mean) / sd) - cut) / (1.0 - cut))
    rho, cohort = samples["clearance_coupling"], samples["clearance_cohort_factor"]
    own = normal("clearance_half_time_d", constants.clearance_d, _clearance_factor(twin.clinical, constants))
    own = own - np.log(cohort) / constants.clearance_d[1]
    at, shares = _remnant_table(*constants.remnant)
    columns = {
        "alpha": alpha,
        "clearance": (own - rho * alpha) / np.sqrt(1.0 - rho**2),
        "coupling": np.arctanh(rho) / constants.coupling_sd,
        "remnant": np.interp(samples["remnant_fraction"], shares, at),
        "growth": normal("growth_per_d", constants.growth_per_d, _growth_factor(twin.clinical, constants)),
        "alpha_beta": normal("alpha_beta_gy", constants.alpha_beta_gy),
        "kickoff": (samples["kickoff_d"] - constants.kickoff_d[0]) / constants.kickoff_d[1],
        "doubling": normal("doubling_d", constants.doubling_d),
        "repair": normal("repair_half_time_h", constants.repair_half_time_h),
        "cohort": np.log(cohort) / constants.clearance_cohort_sd,
        "erosion": ndtri(np.clip(samples["erosion_fraction"], 1e-15, 1.0 - 1e-15)),
        "reoxygenation": normal("reoxygenation_half_time_d", constants.reoxygenation_d),
        "chemo": normal("chemo_log_kill", constants.chemo_log_kill),
        "contour": normal("contour_error", constants.contour_error),
    }
    return np.clip(np.stack([columns[name] for name in DIMENSIONS], axis=1), -9.0, 9.0)


def _growth_factor(record: ClinicalRecord, constants: PriorSet) -> float:
    by_histology = constants.growth_by_histology.get(record.histology or "", 1.0)
    return by_histology * constants.growth_by_stage.get(_stage(record), 1.0)


def _clearance_factor(record: ClinicalRecord, constants: PriorSet) -> float:
    return constants.clearance_by_histology.get(record.histology or "", 1.0)


def _stage(record: ClinicalRecord) -> str:
    """I, II, III or IV, or empty where it is not known."""
    group = stage_group(record.t_stage, record.n_stage, record.m_stage) if record.tnm_edition == 8 else None
    return (record.stage or group or "").rstrip("ABC123")


@cache
def _remnant_table(a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of Beta(a, b) by their normal score; the exact inverse is slow for ten thousand samples."""
    from scipy.special import betaincinv, ndtr

    at = np.linspace(-9.0, 9.0, 3601)
    return at, betaincinv(a, b, ndtr(at))


def prior_points(twin: PatientTwin, n: int, seed: int) -> np.ndarray:
    """(n, len(DIMENSIONS)) standard normal points; row i depends on the seed, the patient and i only.

    Args:
        twin: its id is part of the key.
        n: samples.
        seed: the run's seed.
    """
    from scipy.special import ndtri

    key = Key(seed, twin.id, Purpose.PRIOR)
    return ndtri(uniforms(key, np.arange(n), len(DIMENSIONS)))


def control_quantiles(twin: PatientTwin, n: int, seed: int) -> np.ndarray:
    """(n,) quantiles of the Poisson draw of surviving clonogens, the same under every plan.

    Args:
        twin: its id is part of the key.
        n: samples.
        seed: the run's seed.
    """
    return uniforms(Key(seed, twin.id, Purpose.CONTROL), np.arange(n), 1)[:, 0]


def prior_belief(twin: PatientTwin, n: int, seed: int, constants: PriorSet = CLINICAL) -> Belief:
    """Samples of the prior for one patient.

    Sample i is the same whatever n is, and the same under every plan.

    Args:
        twin: the patient; its id is part of the key.
        n: number of samples.
        seed: the run's seed.
        constants: the prior's constants.

    Example:
        >>> belief = prior_belief(PatientTwin("p"), 1000, seed=0)
        >>> 26 < float(np.median(belief.samples["clearance_half_time_d"])) < 32
        True
    """
    samples = parameters(prior_points(twin, n, seed), twin, constants)
    drawn = {**samples, "control_quantile": control_quantiles(twin, n, seed)}
    return Belief(drawn, prior=constants.changes())


def prior_of(twin: PatientTwin) -> PriorSet:
    """The prior that a twin's belief is of; the clinical one where it has none.

    Args:
        twin: the patient.
    """
    return CLINICAL if twin.belief is None else CLINICAL.with_(**twin.belief.prior)


def median_parameters(twin: PatientTwin, constants: PriorSet = CLINICAL) -> dict[str, np.ndarray]:
    """Name -> (1,) parameters at the prior's median, with the median draw of surviving clonogens.

    Args:
        twin: the patient, whose histology and stage shift the prior.
        constants: the prior's.
    """
    return {
        **parameters(np.zeros((1, len(DIMENSIONS))), twin, constants),
        "control_quantile": np.full(1, 0.5),
    }
