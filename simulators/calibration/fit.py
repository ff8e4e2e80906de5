"""The fit: the posterior of the population's parameters given the arms, by NUTS (Hoffman and Gelman 2014) in numpyro.

Three levels: the population's parameters; the terms of trials, of control, distant relapse and death; the terms of the
arms of randomised trials, which stay in every difference and whose spread randomised trials alone inform. Where only
the difference between arms may fit, the trial's terms are free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import cached_property
from typing import Any

import numpy as np

from simulators.calibration.evidence import Evidence
from simulators.calibration.model import PRIORS, TERMS, Arms, curves
from simulators.calibration.observations import Ratios, Shares, read_off
from simulators.calibration.posterior import Posterior
from twin import InputError

WARMUP, DRAWS, CHAINS = 300, 400, 2
_AGAIN = 250  # draws of a refit
_FORGET = 50  # draws after which a chain that began in the posterior of all trials has left it
_FREE = 1.0  # SD of the terms of a trial of which the level says nothing


class Fit:
    """A calibration, compiled once and run for any trials that are left out.

    Args:
        evidence: the table; its test rows are not looked at.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._fitted = evidence.on("fit", "difference")
        if not self._fitted.rows:
            raise InputError("no row of the table of arms may be fitted to (docs/evidence.md)")
        free = {row.trial for row in evidence.on("difference").rows}
        self._arms = Arms.of(self._fitted.rows)
        self._free = np.array([trial in free for trial in self._arms.trials])
        self._shares = Shares.of(self._fitted.rows, self._arms)
        self._ratios = Ratios.of(self._fitted.rows, self._arms)

    def run(self, left_out: Collection[str] = ()) -> Posterior:
        """The posterior; chains of the whole table adapt, those without some trials go on from there.

        Args:
            left_out: trials that are not fitted to.

        Raises:
            InputError: numpyro is not installed.
        """
        sampler, whole = self._adapted
        if not left_out:
            return whole
        kept = np.array([float(trial not in left_out) for trial in self._arms.trials])[self._arms.trial]
        seed = int.from_bytes(hashlib.sha256("\n".join(sorted(left_out)).encode()).digest()[:4], "big")
        _sample(sampler, seed, kept)
        return self._posterior(sampler, _FORGET, tuple(sorted(left_out)))

    def _posterior(self, sampler: Any, forget: int = 0, left_out: tuple[str, ...] = ()) -> Posterior:
        """What a sampler drew in its last run, but for the first draws of each chain."""
        z = np.asarray(sampler.get_samples(group_by_chain=True)["z"], dtype=np.float64)
        diverging = np.asarray(sampler.get_extra_fields(group_by_chain=True)["diverging"])
        return Posterior(z[:, forget:], self._fitted.digest, left_out, int(diverging[:, forget:].sum()))

    @cached_property
    def _adapted(self) -> tuple[Any, Posterior]:
        try:
            from numpyro.infer import MCMC, NUTS
        except ModuleNotFoundError:
            raise InputError("the calibration needs numpyro; install rt-twin[calibrate]") from None
        sampler = MCMC(
            NUTS(self._model, target_accept_prob=0.85), num_warmup=WARMUP, num_samples=DRAWS, num_chains=CHAINS,
            chain_method="sequential", progress_bar=False, jit_model_args=True,
        )  # fmt: skip
        _sample(sampler, 0, np.ones(len(self._arms.names)))
        whole = self._posterior(sampler)
        sampler.post_warmup_state, sampler.num_samples = sampler.last_state, _AGAIN
        return sampler, whole

    def _model(self, kept: Any) -> None:
        import jax.numpy as jnp
        import numpyro
        from numpyro import distributions as dist

        arms = self._arms
        z = numpyro.sample("z", dist.Normal(0, 1).expand([len(PRIORS)]).to_event(1))
        of_trials = numpyro.sample("of_trials", dist.Normal(0, 1).expand([len(arms.trials), 3]).to_event(2))
        of_arms = numpyro.sample("of_arms", dist.Normal(0, 1).expand([len(arms.names), 2]).to_event(2))
        p = {prior.name: prior.at(z[i], jnp)[None] for i, prior in enumerate(PRIORS)}
        for i, term in enumerate(TERMS):
            spread = jnp.where(self._free, _FREE, p[f"trial_{term}"])
            p[f"u_{term}"] = (spread * of_trials[:, i])[arms.trial]
        for i, term in enumerate(("control", "death")):
            p[f"u_{term}"] = p[f"u_{term}"] + p[f"arm_{term}"] * of_arms[:, i] * arms.randomised
        drawn = curves(p, arms, jnp)
        s, r = self._shares, self._ratios
        at, earlier = (read_off(drawn, s.arm, s.endpoint, m, jnp) for m in (s.months, s.before))
        numpyro.factor("shares", (kept[s.arm] * s.log_likelihood(at, earlier, jnp)).sum())
        one, other = (
            jnp.log(-jnp.log(read_off(drawn, arm, r.endpoint, r.months, jnp))) for arm in (r.arm, r.against)
        )
        numpyro.factor("ratios", (-0.5 * kept[r.arm] * ((one - other - r.log_ratio) / r.error) ** 2).sum())


def _sample(sampler: Any, seed: int, kept: np.ndarray) -> None:
    """Run in double precision: in single precision sums overflow within the law, and the sampler breaks off there."""
    import jax

    with jax.enable_x64(True):
        sampler.run(jax.random.PRNGKey(seed), kept)
