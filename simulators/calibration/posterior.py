"""A posterior: draws of the population's parameters, frozen with the digest of what they were fitted to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from simulators.calibration.model import PRIORS, TERMS, VERSION, Arms, curves
from twin import InputError
from twin.files.atomic import atomic_file

FORMAT = "rt-twin-posterior/1"
FROZEN = Path(__file__).parent / "data" / "posterior.json"
LEARNED = 0.95  # a parameter whose spread stays above this share of the prior's was not learned


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws of the population's parameters.

    Args:
        z: (chains, draws, parameters) in the prior's standard normal space, in the order of `PRIORS`.
        digest: SHA-256 of the table that was fitted to.
        left_out: trials of it that were not.
        diverged: draws at which the sampler's steps broke off, where the law may be explored badly.
    """

    z: np.ndarray
    digest: str
    left_out: tuple[str, ...] = ()
    diverged: int = 0

    @property
    def draws(self) -> np.ndarray:
        """(draws, parameters) of all chains."""
        return self.z.reshape(-1, self.z.shape[-1])

    def words(self) -> str:
        """How well the sampler did, for a person."""
        rows = list(self.table())
        worst, least = max(row["r_hat"] for row in rows), min(row["ess"] for row in rows)
        return (
            f"{self.diverged} of {len(self.draws)} draws diverged; R-hat is at most {worst:.2f}; "
            f"the {len(self.draws)} draws are worth at least {least:.0f} independent ones"
        )

    def parameters(self) -> dict[str, np.ndarray]:
        """Name -> (draws, 1)."""
        return {prior.name: prior.at(self.draws[:, i])[:, None] for i, prior in enumerate(PRIORS)}

    def with_terms(self, arms: Arms, seed: int = 0) -> dict[str, np.ndarray]:
        """Parameters with the terms of trials and arms that nobody has seen: name -> (draws, a) or (draws, 1).

        Args:
            arms: whose trials they are.
            seed: of the terms.
        """
        p = self.parameters()
        rng = np.random.default_rng([seed, 16])
        n = len(self.draws)
        for term in TERMS:
            p[f"u_{term}"] = p[f"trial_{term}"] * rng.normal(size=(n, len(arms.trials)))[:, arms.trial]
        for term in ("control", "death"):
            p[f"u_{term}"] = p[f"u_{term}"] + p[f"arm_{term}"] * (
                rng.normal(size=(n, len(arms.names))) * arms.randomised
            )
        return p

    def predict(self, arms: Arms, seed: int = 0) -> dict[str, np.ndarray]:
        """The curves of arms of trials that nobody has seen: endpoint -> (draws, a, months).

        Args:
            arms: of one or more trials.
            seed: of the terms.
        """
        return curves(self.with_terms(arms, seed), arms)

    def table(self) -> Iterator[dict]:
        """A row a parameter: name, prior and posterior median and 80 % interval, spreads, learned, R-hat and ESS."""
        for i, prior in enumerate(PRIORS):
            z = self.draws[:, i]
            low, middle, high = prior.at(np.quantile(z, [0.1, 0.5, 0.9]))
            before_low, before, before_high = prior.at(np.array([-1.2816, 0.0, 1.2816]))
            ratio = float(z.std())
            yield {
                "parameter": prior.name,
                "prior": float(before), "prior_low": float(before_low), "prior_high": float(before_high),
                "median": float(middle), "low": float(low), "high": float(high),
                "spread_ratio": ratio, "learned": ratio <= LEARNED, "r_hat": _r_hat(self.z[..., i]),
                "ess": _effective(self.z[..., i]), "source": prior.source,
            }  # fmt: skip

    def save(self, path: str | PathLike[str]) -> None:
        """Write it, whole or not at all.

        Args:
            path: a JSON file.
        """
        stored = {
            "format": FORMAT,
            "model": VERSION,
            "fitted_to": self.digest,
            "left_out": list(self.left_out),
            "diverged": self.diverged,
            "parameters": [prior.name for prior in PRIORS],
            "z": np.round(self.z, 4).tolist(),
        }
        with atomic_file(path) as part:
            part.write_text(json.dumps(stored) + "\n")

    @classmethod
    def load(cls, path: str | PathLike[str] = FROZEN, digest: str | None = None) -> Posterior:
        """Read one.

        Args:
            path: a file that `save` wrote.
            digest: of the table that it must have been fitted to, or None for any.

        Raises:
            InputError: it cannot be read, is of another version, or was fitted to another table.
        """
        file = Path(path)
        try:
            stored = json.loads(file.read_text())
            made = stored["format"], stored["model"], stored["parameters"]
            z = np.array(stored["z"], dtype=np.float64)
            fitted_to, left_out = str(stored["fitted_to"]), tuple(stored["left_out"])
            diverged = int(stored["diverged"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"the posterior {file} cannot be read: {error!r}") from None
        if made != (FORMAT, VERSION, [prior.name for prior in PRIORS]):
            raise InputError(
                f"the posterior {file} is of another version of the model; run rt-twin calibrate again"
            )
        if digest is not None and fitted_to != digest:
            raise InputError(
                f"the posterior {file} was fitted to another table of arms; run rt-twin calibrate again"
            )
        if z.ndim != 3 or z.shape[-1] != len(PRIORS) or not z.size or not np.isfinite(z).all():
            raise InputError(f"the posterior {file} is broken: its draws are not all there")
        return cls(z, fitted_to, left_out, diverged)


def _r_hat(z: np.ndarray) -> float:
    """Split R-hat of (chains, draws) (Gelman 2013); 1 where the chains agree."""
    halves = np.concatenate(np.array_split(z[:, : z.shape[1] // 2 * 2], 2, axis=1))
    within, between = halves.var(axis=1, ddof=1).mean(), halves.mean(axis=1).var(ddof=1)
    return float(np.sqrt((halves.shape[1] - 1) / halves.shape[1] + between / within))


def _effective(z: np.ndarray) -> float:
    """Independent draws that those of (chains, draws) are worth: Geyer's initial positive sequence (Gelman 2013)."""
    chains, n = z.shape
    padded = np.fft.rfft(z - z.mean(axis=1, keepdims=True), 2 * n)
    covariance = np.fft.irfft(padded * padded.conj())[:, :n].mean(axis=0) / n
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + (z.mean(axis=1).var(ddof=1) if chains > 1 else 0.0)
    correlation = 1.0 - (within - covariance) / total
    pairs = correlation[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0.0)
    kept = pairs[: negative[0]] if len(negative) else pairs
    return float(min(chains * n, chains * n / max(2.0 * kept.sum() - 1.0, 1e-9)))
