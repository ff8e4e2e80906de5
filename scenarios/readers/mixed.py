"""Whether readers are right, by what is read and who reads: a logistic model with a term for each reader and case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin import InputError

_FEWEST_READERS = 2
_SD_OF_PRIOR = 2.0  # of the fixed effects, logit [assumed]: wide beside a certain answer's 3
_CHANGE = 1.0  # SD of the prior of the logarithm of the random effects' SDs [assumed]


@dataclass(frozen=True)
class Effect:
    """One term of the model.

    Args:
        name: of the term.
        odds: ratio of the odds to be right; of the intercept the odds themselves; of a reader's or a case's own term
            the SD of its logit.
        low: lower end of its 95 % credible interval.
        high: upper end of it.
    """

    name: str
    odds: float
    low: float
    high: float


def mixed_logistic(
    right: np.ndarray,
    simulated: np.ndarray,
    experience: Sequence[str],
    reader: Sequence[str],
    case: Sequence[int],
) -> list[Effect]:
    """Fit the odds that an answer is right, with crossed random intercepts of readers and cases.

    Variational Bayes of statsmodels (`BinomialBayesMixedGLM`), normal priors of SD 2 on the fixed effects. Its
    intervals are too narrow where readers are few: it takes the terms for independent of each other.

    Args:
        right: (n,) whether each answer is.
        simulated: (n,) what was read.
        experience: (n,) of the reader; the first in order of name is what the others are compared with.
        reader: (n,) names.
        case: (n,) numbers.

    Raises:
        InputError: statsmodels is missing, or fewer than two readers.
    """
    try:
        from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM
    except ModuleNotFoundError as error:
        raise InputError(f"the mixed model needs {error.name}: pip install 'rt-twin[app]'") from None
    readers, cases = sorted(set(reader)), sorted(set(case))
    if len(readers) < _FEWEST_READERS:
        raise InputError("a model of readers needs two readers with answers")
    levels = sorted(set(experience))
    fixed = [np.ones(len(right)), simulated.astype(float) - 0.5]
    fixed += [np.array([float(e == level) for e in experience]) for level in levels[1:]]
    names = ["intercept", "simulated, not real", *(f"{level}, not {levels[0]}" for level in levels[1:])]
    own = np.column_stack(
        [np.equal.outer(np.asarray(reader), readers), np.equal.outer(np.asarray(case), cases)]
    ).astype(float)
    of_term = np.repeat([0, 1], [len(readers), len(cases)])
    model = BinomialBayesMixedGLM(
        right.astype(float), np.column_stack(fixed), own, of_term, vcp_p=_CHANGE, fe_p=_SD_OF_PRIOR
    )
    fit = model.fit_vb(rng=np.random.default_rng(0))
    names += ["SD between readers", "SD between cases"]
    means, sds = (np.concatenate(pair) for pair in ((fit.fe_mean, fit.vcp_mean), (fit.fe_sd, fit.vcp_sd)))
    return [_effect(*term) for term in zip(names, means, sds, strict=True)]


def _effect(name: str, mean: float, sd: float) -> Effect:
    """A term whose logarithm is normal."""
    low, middle, high = np.exp([mean - 1.96 * sd, mean, mean + 1.96 * sd])
    return Effect(name, float(middle), float(low), float(high))
