"""The tables of a benchmark: means with intervals, distances of sets, ranks, and how scores go together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from models.metrics.ct import COMPONENTS
from models.metrics.distribution import frechet_distance, kernel_distance
from models.metrics.paired import LESS_IS_BETTER
from models.metrics.radiomics import NAMES
from scenarios.benchmark.statistics import agreement, friedman_ranks, interval
from scenarios.suites.judge import OF_SCAN

KNOW_THE_TRUTH = ("oracle", "voxel-wise", "acquired")  # yardsticks that no contestant could be
_LESS = (
    "mae", "rmse", "bias", "error", "piqe", "niqe", "brisque", "frechet", "kid", "grain", "hd95", "energy", "crps",
)  # fmt: skip
# What distances of sets are told by: scores of their own they are not.
_FEATURES = {
    "radiomics": tuple(f"radiomics_{n}" for n in NAMES),
    "encoder": tuple(f"encoder_{k:02}" for k in range(COMPONENTS)),
}
_NO_SCORES = {"seconds", "lesion_cm3", *(n for names in _FEATURES.values() for n in names)}
_LEAST_SET = 4  # people of whom distances of sets, and agreement, are told


def less_is_better(score: str) -> bool:
    """Whether a score's smaller values are the better ones.

    Args:
        score: its name.

    Example:
        >>> less_is_better("lesion_mae_hu"), less_is_better("ssim")
        (True, False)
    """
    return score in LESS_IS_BETTER or any(word in score for word in _LESS)


def _is_score(metric: str) -> bool:
    return metric not in _NO_SCORES and OF_SCAN not in metric


def by_person(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the seeds of a contestant taken together: task, kind, contestant, metric, patient, value.

    Args:
        rows: of a benchmark.
    """
    keys = ["task", "kind", "contestant", "metric", "patient"]
    return rows.group_by(keys, maintain_order=True).agg(pl.col("value").mean())


def means(people: pl.DataFrame) -> pl.DataFrame:
    """Mean of each score over people with its 95 % bootstrap interval; distances of sets by their features; and how far
    radiomics of people agree with the true ones.

    Args:
        people: of `by_person`.
    """
    found = []
    keys = ["task", "kind", "contestant", "metric"]
    for (task, kind, name, metric), group in people.group_by(keys, maintain_order=True):
        if metric == "seconds" or _is_score(str(metric)):
            values = group["value"].to_numpy()
            low, high = interval(values, lambda v: float(np.mean(v)))
            found.append((task, kind, name, metric, float(values.mean()), low, high, len(values)))
    for by in _FEATURES:
        found += list(_distances(people, by))
    found += list(_agreements(people))
    columns = ["task", "kind", "contestant", "metric", "mean", "low", "high", "people"]
    return pl.DataFrame(found, schema=columns, orient="row")


def _distances(people: pl.DataFrame, by: str) -> Iterator[tuple]:
    """Frechet and kernel distance of features from those of the true images, in SDs of these."""
    features = list(_FEATURES[by])
    some = people.filter(pl.col("metric").is_in(features))
    for (task, kind), group in some.group_by(["task", "kind"], maintain_order=True):
        wide = group.pivot(on="metric", index=["contestant", "patient"], values="value").drop_nulls()
        sets = {
            n: g.select(features).to_numpy() for (n,), g in wide.group_by(["contestant"], maintain_order=True)
        }
        true = sets.get("oracle")
        if true is None or len(true) < _LEAST_SET:
            continue
        middle, spread = true.mean(axis=0), np.maximum(true.std(axis=0), 1e-9)
        normal = {n: (v - middle) / spread for n, v in sets.items() if len(v) >= _LEAST_SET}
        for name, values in normal.items():
            for metric, distance in (
                (f"frechet_{by}", frechet_distance),
                (f"kid_{by}", kernel_distance),
            ):
                value = distance(values, normal["oracle"])
                yield task, kind, name, metric, value, float("nan"), float("nan"), len(values)


def _agreements(people: pl.DataFrame) -> Iterator[tuple]:
    """ICC(2,1) of radiomics over the true image and what is made of each scan of a person: mean of the features with
    its interval, and the least of them. What all scans are brought to must agree, and people still differ."""
    features = _FEATURES["radiomics"]
    some = people.filter(pl.col("metric").str.starts_with("radiomics_"))
    for (task, kind), group in some.group_by(["task", "kind"], maintain_order=True):
        true = _wide(group.filter(pl.col("contestant") == "oracle")).select("patient", *features)
        for (name,), mine in group.group_by(["contestant"], maintain_order=True):
            wide = _wide(mine)
            scans = sorted({c.partition(OF_SCAN)[2] for c in wide.columns} - {""})
            made = [[f"{n}{OF_SCAN}{s}" for s in scans] for n in features]
            both = true.join(wide.drop(features), on="patient").drop_nulls()
            if not scans or len(both) < _LEAST_SET:
                continue
            table = np.stack(
                [both.select(n, *own).to_numpy() for n, own in zip(features, made, strict=True)], axis=1
            )  # (people, features, ways to measure)
            each = [agreement(table[:, i]) for i in range(len(features))]
            low, high = interval(
                table, lambda t: float(np.mean([agreement(t[:, i]) for i in range(t.shape[1])]))
            )
            yield task, kind, name, "radiomics_icc", float(np.mean(each)), low, high, len(both)
            yield task, kind, name, "radiomics_icc_least", min(each), float("nan"), float("nan"), len(both)


def _wide(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.pivot(on="metric", index="patient", values="value")


def ranks(people: pl.DataFrame) -> pl.DataFrame:
    """Mean ranks over people by each score, and Friedman's p; of those who could have been asked.

    Args:
        people: of `by_person`.
    """
    found = []
    some = people.filter(~pl.col("contestant").is_in(KNOW_THE_TRUTH))
    for (task, kind, metric), group in some.group_by(["task", "kind", "metric"], maintain_order=True):
        if not _is_score(str(metric)):
            continue
        wide = group.pivot(on="contestant", index="patient", values="value").drop_nulls()
        names = [c for c in wide.columns if c != "patient"]
        if len(wide) == 0 or len(names) < 2:
            continue
        table = wide.select(names).to_numpy()
        table = np.abs(table) if "bias" in str(metric) else table
        mean, p = friedman_ranks(table if less_is_better(str(metric)) else -table)
        found += [(task, kind, metric, n, float(r), p) for n, r in zip(names, mean, strict=True)]
    columns = ["task", "kind", "metric", "contestant", "rank", "friedman_p"]
    return pl.DataFrame(found, schema=columns, orient="row")


def correlations(people: pl.DataFrame) -> pl.DataFrame:
    """Spearman's correlation of each two scores over people and contestants, better with better.

    Args:
        people: of `by_person`.
    """
    from scipy.stats import spearmanr

    found = []
    some = people.filter(~pl.col("contestant").is_in(KNOW_THE_TRUTH))
    for (task,), group in some.group_by(["task"], maintain_order=True):
        wide = group.pivot(on="metric", index=["kind", "contestant", "patient"], values="value")
        scores = [c for c in wide.columns[3:] if _is_score(c)]
        for i, a in enumerate(scores):
            for b in scores[i + 1 :]:
                both = wide.select(a, b).drop_nulls().to_numpy()
                if len(both) > 3 and np.ptp(both, axis=0).min() > 0:
                    sign = 1 if less_is_better(a) == less_is_better(b) else -1
                    found.append((task, a, b, sign * float(spearmanr(both).statistic), len(both)))
    return pl.DataFrame(found, schema=["task", "score", "other", "spearman", "n"], orient="row")
