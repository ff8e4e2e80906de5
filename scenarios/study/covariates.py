"""Covariates of sampled patients: non-small-cell lung cancer of stage I to III, treated by radiotherapy.

A Gaussian copula: each covariate keeps its published distribution, and the correlations are between the normal scores
behind them. The marks: [P] published, [M] quoted from memory of the literature, [A] assumed.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from simulators.core.chance import Key, Purpose, uniforms
from twin.clinical.staging import stage_group

# Lung1: Aerts 2014, 422 patients of stage I to III; 338 of them are in the published table used here.
AGE_YEARS = (68.0, 10.2)  # mean, SD, cut at 35 and 92; Lung1 [P]
FEMALE = 0.31  # Lung1: 105 of 338 [P]
# Lung1 calls 31 % large cell, as was usual before 2010; these are the shares of RTOG 0617 (Bradley 2015 [M]).
HISTOLOGY = {"squamous": 0.43, "large cell": 0.03, "nos": 0.14, "adenocarcinoma": 0.40}
NODES = {"N0": 0.397, "N1": 0.054, "N2": 0.340, "N3": 0.209}  # Lung1: 133, 18, 114, 70 of 335 [P]
LOG_GTV_CM3 = (3.78, 1.48)  # Lung1, shapes of 80 patients: median 44 cm3 [P]
GTV_CM3 = (0.5, 600.0)
ECOG = {0: 0.33, 1: 0.50, 2: 0.14, 3: 0.03}  # Dehing-Oberije 2009, Maastricht [M]
SMOKING = {"never": 0.09, "former": 0.53, "current": 0.38}  # RTOG 0617 and Lung1's clinic [M]
CENTRAL = 0.55  # [A]
INVASION = 0.12  # T4 by invasion at a smaller size; Lung1 has 16 % T4 [P], of which some are T4 by size [A]
COMORBIDITY = 0.45  # a Charlson score of 1 or more [M]
ELONGATION = (1.0, 1.25)  # longest diameter over that of the sphere of equal volume [A]
_T_BY_CM = {1: "T1a", 2: "T1b", 3: "T1c", 4: "T2a", 5: "T2b", 7: "T3", np.inf: "T4"}  # Goldstraw 2016 [P]
# Chemotherapy by group: concurrent, sequential, none. Stage III that is fit (ECOG 0 or 1) and below 76 years; other
# stage III; stage II with nodes; all others. Guidelines' first choice, with the share that declines it [A].
CHEMOTHERAPY = ((0.70, 0.20, 0.10), (0.05, 0.40, 0.55), (0.10, 0.30, 0.60), (0.0, 0.0, 1.0))
_OLD_YEARS = 76.0

SCORES = ("size", "nodes", "age", "female", "adeno", "ecog", "smoking", "central")
# Correlations of the normal scores; what is not here is independent.
CORRELATION = {
    ("size", "nodes"): 0.15,  # Lung1: ln(GTV) 3.6 with N0, 4.1 with N3 [P]
    ("age", "female"): -0.30,  # Lung1: men 69.8 years, women 64.1 [P]
    ("age", "nodes"): -0.15,  # older patients come to radiotherapy at earlier stages [A]
    ("adeno", "female"): 0.20,  # [M]
    ("adeno", "smoking"): -0.25,  # never smokers have adenocarcinoma [M]
    ("adeno", "central"): -0.35,  # squamous cell carcinoma grows centrally [M]
    ("adeno", "size"): -0.10,  # Lung1: ln(GTV) 3.5 for adenocarcinoma, 3.7 for squamous [P]
    ("age", "ecog"): 0.25,  # [A]
    ("size", "ecog"): 0.20,  # [A]
    ("female", "smoking"): -0.15,  # [M]
    ("nodes", "central"): 0.25,  # [M]
    ("size", "central"): 0.25,  # [A]
}
_FURTHER = ("invasion", "comorbidity", "elongation", "drugs")  # uniform numbers of their own


def correlation() -> np.ndarray:
    """(8, 8) correlation matrix of the normal scores, in the order of `SCORES`."""
    matrix = np.eye(len(SCORES))
    for (one, other), r in CORRELATION.items():
        i, j = SCORES.index(one), SCORES.index(other)
        matrix[i, j] = matrix[j, i] = r
    return matrix


def sample(seed: int, begin: int, end: int) -> pl.DataFrame:
    """Patients from number `begin` up to and without `end`; a patient depends on the seed and the number only.

    Args:
        seed: another seed, other patients.
        begin, end: numbers.

    Returns:
        One row a patient: entries of the clinical record, `gtv_cm3` and `site`.

    Example:
        >>> sample(0, 5, 10).equals(sample(0, 0, 10)[5:])
        True
    """
    from scipy.special import ndtr, ndtri

    key = Key(seed, "cohort", Purpose.COHORT)
    u = uniforms(key, np.arange(begin, end), len(SCORES) + len(_FURTHER))
    # einsum adds in one order for any number of rows; a matrix product may not
    z = np.einsum("ij,kj->ik", ndtri(u[:, : len(SCORES)]), np.linalg.cholesky(correlation()))
    at = dict(zip(SCORES, ndtr(z).T, strict=True))
    further = dict(zip(_FURTHER, u[:, len(SCORES) :].T, strict=True))
    age = np.round(_cut_normal(at["age"], AGE_YEARS, (35.0, 92.0)), 1)
    gtv_cm3 = np.round(np.exp(_cut_normal(at["size"], LOG_GTV_CM3, tuple(np.log(GTV_CM3)))), 2)
    nodes = _category(at["nodes"], NODES)
    t_stage = _t_stage(gtv_cm3, further["elongation"], further["invasion"])
    stage = np.array([stage_group(t, n, "M0") for t, n in zip(t_stage, nodes, strict=True)])
    ecog = _category(at["ecog"], ECOG)
    return pl.DataFrame(
        {
            "age_years": age,
            "sex": np.where(at["female"] > 1 - FEMALE, "female", "male"),
            "histology": _category(at["adeno"], HISTOLOGY),
            "t_stage": t_stage,
            "n_stage": nodes,
            "m_stage": np.full(len(z), "M0"),
            "tnm_edition": np.full(len(z), 8),
            "stage": stage,
            "ecog": ecog,
            "smoking": _category(at["smoking"], SMOKING),
            "comorbidity": further["comorbidity"] < COMORBIDITY,
            "chemotherapy": _drugs(stage, nodes, ecog, age, further["drugs"]),
            "gtv_cm3": gtv_cm3,
            "site": np.where(at["central"] > 1 - CENTRAL, "central", "peripheral"),
        }
    )


def _cut_normal(
    quantile: np.ndarray, mean_and_sd: tuple[float, float], bounds: tuple[float, ...]
) -> np.ndarray:
    from scipy.special import ndtr, ndtri

    mean, sd = mean_and_sd
    low, high = (ndtr((b - mean) / sd) for b in bounds)
    return mean + sd * ndtri(low + (high - low) * quantile)


def _category(quantile: np.ndarray, shares: dict) -> np.ndarray:
    """The category into which a quantile falls, in the order of the shares."""
    edges = np.cumsum(list(shares.values()))[:-1]
    return np.array(list(shares))[np.searchsorted(edges, quantile, side="right")]


def _t_stage(gtv_cm3: np.ndarray, elongation: np.ndarray, invasion: np.ndarray) -> np.ndarray:
    low, high = ELONGATION
    width_cm = 2 * np.cbrt(gtv_cm3 * 3 / (4 * np.pi)) * (low + (high - low) * elongation)
    by_size = np.array(list(_T_BY_CM.values()))[np.searchsorted(list(_T_BY_CM), width_cm)]
    return np.where(invasion < INVASION, "T4", by_size)


def _drugs(
    stage: np.ndarray, nodes: np.ndarray, ecog: np.ndarray, age: np.ndarray, u: np.ndarray
) -> np.ndarray:
    third = np.char.startswith(stage.astype(str), "III")
    fit = (ecog <= 1) & (age < _OLD_YEARS)
    group = np.select([third & fit, third, nodes != "N0"], [0, 1, 2], 3)
    edges = np.cumsum(CHEMOTHERAPY, axis=1)[group]
    choice = (u[:, None] >= edges[:, :2]).sum(axis=1)
    return np.array(["concurrent", "sequential", "none"])[choice]
