"""What a study says about its patients together: daily bands of each arm, contrasts, and who benefits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from scenarios.comparison.intervals import normal_quantile, quantiles
from scenarios.records.study_schema import PART_SCHEMAS, SUMMARY_SCHEMAS
from scenarios.study.part import BINS, bin_edges
from scenarios.study.tables import HIGHER_IS_BETTER, PARTS_OF_ONE, Tables
from twin.files.tables import read_table, scan_table

# What is less than this makes no patient better or worse off: a point of a probability, half a Gy, a cm3 [assumed].
SMALLEST = {"probability": 0.01, "fraction": 0.01, "Gy": 0.5, "cm3": 1.0}
BETTER, WORSE, ALIKE = "better", "worse", "alike"
_COVARIATES = ("sex", "histology", "stage", "ecog", "smoking", "site", "chemotherapy", "age", "gtv")
_AGES = {65.0: "below 65", 75.0: "65 to 75", np.inf: "above 75"}  # years, by upper edge
_VOLUMES = {10.0: "below 10", 30.0: "10 to 30", 100.0: "30 to 100", np.inf: "above 100"}  # cm3


def summarise_study(folder: Path, sources: Mapping[str, Sequence[Path]], level: float) -> Tables:
    """The summary tables of merged parts, and their counts of volumes added up.

    Args:
        folder: holds the merged `patients` and `effects`.
        sources: slug of each plan, the reference first -> folders whose `arms` and `draws` count its patients.
        level: of the intervals.
    """
    slugs = list(sources)
    patients = read_table(folder / "patients.parquet")
    groups = _groups(patients)
    draws = _added("draws", sources)
    of_draws = _means(draws)
    contrasts: list[dict] = []
    benefit: list[dict] = []
    for plan, outcome, rows in _effects(folder / "effects.parquet", slugs, patients["patient"]):
        names = {"plan": plan, "reference": slugs[0], "outcome": outcome}
        contrasts.append(names | _contrast(rows, outcome, level, of_draws.get((plan, outcome))))
        benefit += [names | row for row in _benefit(rows, groups, level)]
    arms = _added("arms", sources)
    return {
        "arms": arms,
        "draws": draws,
        "bands": _bands(arms, slugs, level),
        "contrasts": pl.DataFrame(contrasts, schema=dict(SUMMARY_SCHEMAS["contrasts"]), orient="row"),
        "benefit": pl.DataFrame(benefit, schema=dict(SUMMARY_SCHEMAS["benefit"]), orient="row"),
    }


def _effects(
    file: Path, slugs: Sequence[str], patients: pl.Series
) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """(plan, outcome, rows) of the individual effects, one plan in memory at a time; `patient` is his number."""
    outcomes = scan_table(file).select(pl.col("outcome").unique(maintain_order=True)).collect()["outcome"]
    number = pl.col("patient").cast(pl.Enum(patients)).to_physical()
    for plan in slugs[1:]:
        rows = scan_table(file).filter(pl.col("plan") == plan).select(
            number, "outcome", "unit", "mean", "better", "worse", "dose_method"
        )  # fmt: skip
        found = rows.collect().partition_by("outcome", as_dict=True, maintain_order=True)
        for outcome in outcomes:
            if (outcome,) in found:
                yield plan, outcome, found[(outcome,)]


def _means(draws: pl.DataFrame) -> dict[tuple, np.ndarray]:
    """(plan, outcome) -> mean effect over all patients in each draw of the population."""
    means = draws.with_columns(mean=pl.col("total") / pl.col("n") / PARTS_OF_ONE)
    found = means.partition_by("plan", "outcome", as_dict=True, maintain_order=True)
    return {key: frame["mean"].to_numpy() for key, frame in found.items()}


def _contrast(rows: pl.DataFrame, outcome: str, level: float, draws: np.ndarray | None) -> dict:
    effect = rows["mean"].to_numpy()
    mean, low, high, error = _interval(effect, level)
    if draws is not None:
        low, high = (float(q) for q in quantiles(draws, ((1 - level) / 2, (1 + level) / 2)))
    patients = np.quantile(effect, [(1 - level) / 2, (1 + level) / 2])
    row = {
        "unit": rows["unit"][0],
        "mean": mean,
        "low": low,
        "high": high,
        "kind": "monte-carlo" if draws is None else "expected",
        "error": error,
        "dose_method": ", ".join(sorted(rows["dose_method"].drop_nulls().unique())) or None,
        "patients_low": float(patients[0]),
        "patients_high": float(patients[1]),
        "better": rows["better"].mean(),
        "worse": rows["worse"].mean(),
        "level": level,
        "n": len(effect),
    }
    if rows["unit"][0] == "probability":
        row |= number_needed_to_treat(mean, low, high, outcome in HIGHER_IS_BETTER)
    return row


def with_benefit(effects: pl.DataFrame) -> pl.DataFrame:
    """A study's effects with a column `benefit`: whether a patient is better off, worse off or alike under the plan.

    Args:
        effects: rows of the table `effects`, with outcome, unit and mean.

    Example:
        >>> rows = pl.DataFrame({"outcome": ["tumour_control", "pneumonitis", "pneumonitis"],
        ...                      "unit": ["probability"] * 3, "mean": [0.02, 0.02, 0.001]})
        >>> with_benefit(rows)["benefit"].to_list()
        ['better', 'worse', 'alike']
    """
    wanted = pl.col("outcome").is_in(list(HIGHER_IS_BETTER))
    gain = pl.when(wanted).then(pl.col("mean")).otherwise(-pl.col("mean"))
    least = pl.col("unit").replace_strict(SMALLEST, default=0.0, return_dtype=pl.Float64)
    word = (
        pl.when(gain > 0, gain >= least)
        .then(pl.lit(BETTER))
        .when(gain < 0, -gain >= least)
        .then(pl.lit(WORSE))
    )
    return effects.with_columns(benefit=word.otherwise(pl.lit(ALIKE)))


def benefit_shares(effects: pl.DataFrame) -> pl.DataFrame:
    """Shares of patients who are better off, worse off and alike, by plan and outcome.

    Args:
        effects: rows of the table `effects`.

    Returns:
        plan, outcome, better, worse, alike (0 to 1) and n.
    """
    return (
        with_benefit(effects.filter(pl.col("mean").is_not_null()))
        .group_by("plan", "outcome", maintain_order=True)
        .agg(*((pl.col("benefit") == word).mean().alias(word) for word in (BETTER, WORSE, ALIKE)), n=pl.len())
    )


def smallest_words(unit: str) -> str:
    """The smallest difference that counts, in words.

    Args:
        unit: of the outcome.

    Example:
        >>> smallest_words("probability"), smallest_words("cm3")
        ('1 point', '1 cm\u00b3')
    """
    least = SMALLEST.get(unit, 0.0)
    if unit in ("probability", "fraction"):
        return f"{100 * least:g} point"
    return f"{least:g} {unit}".replace("cm3", "cm\u00b3")


def number_needed_to_treat(mean: float, low: float, high: float, higher_is_better: bool) -> dict:
    """How many patients to treat for one to be better off; negative: for one to be worse off (Altman 1998).

    The interval is left out where the effect's holds 0: it would pass through infinity.

    Args:
        mean, low, high: difference of probabilities and its interval.
        higher_is_better: whether the outcome is wanted.

    Example:
        >>> number_needed_to_treat(0.10, 0.05, 0.20, True)
        {'nnt': 10.0, 'nnt_low': 5.0, 'nnt_high': 20.0}
    """
    sign = 1.0 if higher_is_better else -1.0
    nnt = None if mean == 0 else sign / mean
    if low <= 0 <= high:
        return {"nnt": nnt, "nnt_low": None, "nnt_high": None}
    ends = sorted((sign / low, sign / high))
    return {"nnt": nnt, "nnt_low": ends[0], "nnt_high": ends[1]}


def _benefit(rows: pl.DataFrame, groups: Sequence[_Group], level: float) -> Iterator[dict]:
    """Mean effect in each subgroup, and its interval."""
    effect, patients, half = rows["mean"].to_numpy(), rows["patient"].to_numpy(), normal_quantile(level)
    for group in groups:
        codes = group.codes[patients]
        known = codes >= 0
        n = np.bincount(codes[known], minlength=len(group.names))
        total = np.bincount(codes[known], effect[known], len(group.names))
        squares = np.bincount(codes[known], (effect[known] - effect.mean()) ** 2, len(group.names))
        for k in np.flatnonzero(n):
            mean = total[k] / n[k]
            spread = max(0.0, squares[k] - n[k] * (mean - effect.mean()) ** 2) / max(1, n[k] - 1)
            error = half * float(np.sqrt(spread / n[k]))
            row = {
                "covariate": group.covariate,
                "group": group.names[int(k)],
                "mean": mean,
                "low": mean - error,
            }
            yield row | {"high": mean + error, "level": level, "n": int(n[k])}


def _interval(effect: np.ndarray, level: float) -> tuple[float, float, float, float]:
    """Mean over patients, its interval from their spread, and its standard error."""
    mean = float(effect.mean())
    if len(effect) < 2:
        return mean, mean, mean, 0.0
    error = float(effect.std(ddof=1)) / np.sqrt(len(effect))
    half = normal_quantile(level) * error
    return mean, mean - half, mean + half, error


@dataclass(frozen=True, eq=False)
class _Group:
    """Subgroups by a covariate: their names, sorted, and each patient's, -1 where it is missing."""

    covariate: str
    names: Sequence[str]
    codes: np.ndarray


def _groups(patients: pl.DataFrame) -> list[_Group]:
    """The subgroups of every patient."""
    words = patients.select(
        "sex",
        "histology",
        pl.col("stage").str.extract("^(IV|I{1,3})"),
        pl.col("ecog").cast(pl.String),
        "smoking",
        "site",
        "chemotherapy",
        age=_class("age_years", _AGES),
        gtv=_class("gtv_cm3", _VOLUMES),
    )
    known = {name: words[name].drop_nulls().unique().sort() for name in _COVARIATES}
    order = known | {"age": pl.Series([*_AGES.values()]), "gtv": pl.Series([*_VOLUMES.values()])}
    return [
        _Group(name, order[name].to_list(), codes.fill_null(-1).to_numpy())
        for name in _COVARIATES
        for codes in [words[name].cast(pl.Enum(order[name])).to_physical().cast(pl.Int64)]
    ]


def _class(column: str, classes: dict[float, str]) -> pl.Expr:
    """The class whose upper edge is the first above a value; null for null."""
    value, name = pl.col(column), pl.lit(None, dtype=pl.String)
    for edge, word in reversed(classes.items()):
        name = pl.when(value < edge).then(pl.lit(word)).otherwise(name)
    return name


def _added(name: str, sources: Mapping[str, Sequence[Path]]) -> pl.DataFrame:
    """The whole numbers of all parts, which add without rounding; one arm in memory at a time."""
    keys = [c for c in PART_SCHEMAS[name] if c not in ("n", "total")]
    frames = []
    for slug, folders in sources.items():
        rows = [scan_table(f / f"{name}.parquet").filter(pl.col("plan") == slug) for f in folders]
        total = pl.concat(rows).group_by(keys).agg(pl.exclude(keys).sum())
        frames.append(total.sort(keys).collect())
    return pl.concat(frames)


def _bands(arms: pl.DataFrame, slugs: Sequence[str], level: float) -> pl.DataFrame:
    """Daily bands of each arm."""
    frames = [pl.DataFrame(schema=dict(SUMMARY_SCHEMAS["bands"]))]
    for slug in slugs:
        day, bins, n = (arms.filter(pl.col("plan") == slug)[c].to_numpy() for c in ("day", "bin", "n"))
        if len(day):
            counts = np.zeros((int(day.max()) + 1, BINS), dtype=np.int64)
            counts[day, bins] = n
            frames.append(_arm_bands(counts, level).with_columns(plan=pl.lit(slug), level=pl.lit(level)))
    columns = SUMMARY_SCHEMAS["bands"]
    return pl.concat([f.select(pl.col(c).cast(t) for c, t in columns.items()) for f in frames])


def _arm_bands(counts: np.ndarray, level: float) -> pl.DataFrame:
    """Bands from the (days, bins) counts of one arm."""
    edges = bin_edges()
    low, high = edges[:-1], edges[1:]
    total, after = counts.sum(axis=1), counts.cumsum(axis=1)
    days = np.arange(len(counts))

    def quantile(q: float) -> np.ndarray:
        """The order statistics of a bin lie evenly in it."""
        rank = q * (total - 1) + 0.5
        k = (after < rank[:, None]).sum(axis=1)
        n = counts[days, k]
        return low[k] + (high[k] - low[k]) * (rank - (after[days, k] - n)) / n

    return pl.DataFrame(
        {
            "day": days,
            "low": quantile((1 - level) / 2),
            "median": quantile(0.5),
            "high": quantile((1 + level) / 2),
            "mean": np.einsum("ij,j->i", counts, (low + high) / 2) / total,
            "n": total,
        }
    )
