"""Survival analysis of a study's lives with lifelines (Davidson-Pilon 2019).

The arms of a study hold the same patients, each living one life under every plan. So differences between arms are
taken patient by patient, and tests that ask for independent groups get one plan for each patient: `randomised`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from scenarios.comparison.intervals import normal_quantile
from twin import InputError
from twin.several import several

ENDPOINTS = {
    "overall_survival": "death",
    "progression_free_survival": "first failure or death",
    "local_control": "local failure, others censored at death",
}
FOLLOW_UP_DAYS = 5 * 365.25


def times(lives: pl.DataFrame, endpoint: str, follow_up_days: float = FOLLOW_UP_DAYS) -> pl.DataFrame:
    """When each life reaches an endpoint, or leaves observation without it.

    Args:
        lives: a study's `lives`; rows of unknown survival are left out.
        endpoint: one of `ENDPOINTS`.
        follow_up_days: when observation ends, days from day 0.

    Returns:
        Columns patient, plan, days, event.

    Raises:
        InputError: an unknown endpoint, or no life of which survival is known.
    """
    if endpoint not in ENDPOINTS:
        raise InputError(f"unknown endpoint {endpoint!r}; there are: {', '.join(ENDPOINTS)}")
    if not 0 < follow_up_days < float("inf"):
        raise InputError(f"the follow-up must be a positive number of days, not {follow_up_days:g}")
    known = lives.filter(pl.col("death_days").is_not_null())
    if known.is_empty():
        raise InputError(
            "survival is unknown for every patient: age, sex and a stage from I to III are needed"
        )
    never = pl.lit(float("inf"))
    local, distant = pl.col("local_days").fill_null(never), pl.col("distant_days").fill_null(never)
    death = pl.col("death_days")
    reached, censored = {
        "overall_survival": (death, never),
        "progression_free_survival": (pl.min_horizontal(local, distant, death), never),
        "local_control": (local, death),
    }[endpoint]
    left = pl.min_horizontal(censored, pl.lit(float(follow_up_days)))
    return known.select(
        "patient", "plan", days=pl.min_horizontal(reached, left).clip(1e-3), event=reached <= left
    )


def randomised(frame: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """One row for each patient: that of a plan drawn by chance, as in a randomised trial with equal arms.

    Args:
        frame: from `times`.
        seed: of the draw.
    """
    plans = frame["plan"].unique(maintain_order=True)
    patients = frame["patient"].unique(maintain_order=True)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    order = rng.permutation(len(patients)) % len(plans)  # arms as equal as can be
    arm = pl.DataFrame({"patient": patients, "plan": plans.gather(order)})
    return frame.join(arm, on=["patient", "plan"], how="semi", maintain_order="left")


def kaplan_meier(
    frame: pl.DataFrame, days: Sequence[float] | np.ndarray, level: float = 0.95
) -> pl.DataFrame:
    """Survival of each arm by Kaplan and Meier, with numbers at risk.

    Args:
        frame: from `times`.
        days: (n,) when to read the curves.
        level: of the interval (exponential Greenwood).

    Returns:
        Columns plan, day, survival, low, high, at_risk, events (so far).
    """
    from lifelines import KaplanMeierFitter

    parts = []
    for (plan,), arm in frame.group_by("plan", maintain_order=True):
        t, event = arm["days"].to_numpy(), arm["event"].to_numpy()
        fitted = KaplanMeierFitter(alpha=1 - level).fit(t, event)
        bounds = fitted.confidence_interval_
        at = np.searchsorted(bounds.index.to_numpy(), days, side="right") - 1
        low, high = bounds.to_numpy()[at].T
        parts.append(
            pl.DataFrame(
                {
                    "plan": [plan] * len(days),
                    "day": np.asarray(days, dtype=np.float64),
                    "survival": fitted.survival_function_at_times(days).to_numpy(),
                    "low": low,
                    "high": high,
                    "at_risk": [int((t >= day).sum()) for day in days],
                    "events": [int((event & (t <= day)).sum()) for day in days],
                }
            )
        )
    return pl.concat(parts)


def log_rank(frame: pl.DataFrame) -> pl.DataFrame:
    """Log-rank test of each plan against the first.

    Args:
        frame: from `times`, with one row for each patient (`randomised`).

    Returns:
        Columns plan, reference, statistic (chi-square, one degree of freedom), p.

    Raises:
        InputError: a patient in more than one arm, or only one arm.
    """
    from lifelines.statistics import logrank_test

    _check_independent(frame)
    first, *others = _plans(frame)
    a = frame.filter(pl.col("plan") == first)
    rows = []
    for plan in others:
        b = frame.filter(pl.col("plan") == plan)
        columns = (x[c].to_numpy() for c in ("days", "event") for x in (b, a))
        t_b, t_a, e_b, e_a = columns
        test = logrank_test(t_b, t_a, e_b, e_a)
        rows.append(
            {
                "plan": plan,
                "reference": first,
                "statistic": float(test.test_statistic),
                "p": float(test.p_value),
            }
        )
    return pl.DataFrame(rows)


def cox(
    frame: pl.DataFrame,
    patients: pl.DataFrame,
    covariates: str | Sequence[str] = (),
    interactions: str | Sequence[str] = (),
) -> pl.DataFrame:
    """Cox's model of the plans, with covariates and with their interactions with the plans.

    Where a patient is in several arms, the standard errors are robust to it (Lin and Wei 1989).

    Args:
        frame: from `times`.
        patients: a study's `patients`.
        covariates: one or more columns of it to adjust for; categories become indicators against the first of them.
        interactions: one or more covariates whose effect may differ between plans.

    Returns:
        One row a term: term, hazard_ratio, low, high (95 %), p, n. Patients with a missing covariate are left out.

    Raises:
        InputError: an unknown covariate, only one arm, or a model that the data do not settle.
    """
    crossed = several(interactions)
    wanted = several((*several(covariates), *crossed))
    unknown = [c for c in wanted if c not in patients.columns]
    if unknown:
        raise InputError(
            f"unknown covariates: {', '.join(unknown)}; there are: {', '.join(patients.columns)}"
        )
    joined = frame.join(
        patients.select("patient", *wanted), on="patient", how="left", maintain_order="left"
    ).drop_nulls()
    summary = _fitted(joined, _design(joined, wanted, crossed))
    return pl.DataFrame(
        {
            "term": list(summary.index),
            "hazard_ratio": summary["exp(coef)"].to_numpy(),
            "low": summary["exp(coef) lower 95%"].to_numpy(),
            "high": summary["exp(coef) upper 95%"].to_numpy(),
            "p": summary["p"].to_numpy(),
        }
    ).with_columns(n=pl.lit(len(joined), dtype=pl.Int32))


def _design(joined: pl.DataFrame, wanted: Sequence[str], interactions: Sequence[str]) -> pl.DataFrame:
    """A column for each term: plans against the first, covariates, and the interactions of both."""
    plans = {f"plan {plan}": (joined["plan"] == plan).cast(pl.Float64) for plan in _plans(joined)[1:]}
    design = dict(plans)
    for name in wanted:
        own = _indicators(joined[name])
        design |= own
        if name in interactions:
            design |= {
                f"{plan} x {term}": arm * of for plan, arm in plans.items() for term, of in own.items()
            }
    return pl.DataFrame(design)


def _fitted(joined: pl.DataFrame, design: pl.DataFrame) -> Any:
    """The summary of Cox's model as lifelines gives it.

    Raises:
        InputError: the data do not settle the model.
    """
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    table = design.with_columns(joined["days"], joined["event"], joined["patient"])
    paired = joined["patient"].n_unique() < len(joined)
    columns = [c for c in table.columns if paired or c != "patient"]
    data = pd.DataFrame({c: table[c].to_numpy() for c in columns})  # polars' own way out needs pyarrow
    try:
        return CoxPHFitter().fit(data, "days", "event", cluster_col="patient" if paired else None).summary
    except (ConvergenceError, np.linalg.LinAlgError):
        raise InputError(
            f"these data do not settle a Cox model of {', '.join(design.columns)}; take fewer covariates"
        ) from None


def restricted_mean(frame: pl.DataFrame, horizon_days: float, level: float = 0.95) -> pl.DataFrame:
    """Restricted mean survival of each arm, and its difference from the first, patient by patient where paired.

    Args:
        frame: from `times`, followed up beyond the horizon.
        horizon_days: up to where, days.
        level: of the interval.

    Returns:
        Columns plan, mean_days, difference_days, low, high; null for the first.
    """
    first, *_ = _plans(frame, least=1)
    z = normal_quantile(level)
    lived: dict[str, pl.DataFrame] = {}
    rows: list[dict] = []
    for (plan,), arm in frame.group_by("plan", maintain_order=True):
        mean, variance = _area(arm["days"].to_numpy(), arm["event"].to_numpy(), horizon_days)
        lived[str(plan)] = arm.select("patient", lived=pl.col("days").clip(upper_bound=horizon_days))
        row = {"plan": plan, "mean_days": mean, "variance": variance}
        if plan != first:
            row |= _difference(row, rows[0], lived[str(plan)], lived[first], arm, horizon_days, z)
        rows.append(row)
    columns = ("plan", "mean_days", "difference_days", "low", "high")
    return pl.DataFrame([{c: r.get(c) for c in columns} for r in rows], infer_schema_length=None)


def _area(days: np.ndarray, event: np.ndarray, horizon_days: float) -> tuple[float, float]:
    """Area under the Kaplan-Meier curve up to a horizon, and its variance by Greenwood (Klein 2003, 4.5.1)."""
    from lifelines import KaplanMeierFitter

    fitted = KaplanMeierFitter().fit(days, event)
    steps = fitted.survival_function_.index.to_numpy()
    within = steps < horizon_days
    at = np.append(steps[within], horizon_days)
    areas = np.diff(at) * fitted.survival_function_.to_numpy()[within, 0]
    beyond = areas[::-1].cumsum()[::-1]
    table = fitted.event_table.loc[steps[within]]
    died, risk = table["observed"].to_numpy(dtype=float), table["at_risk"].to_numpy(dtype=float)
    some = (died > 0) & (risk > died)
    variance = (beyond[some] ** 2 * died[some] / (risk[some] * (risk[some] - died[some]))).sum()
    return float(areas.sum()), float(variance)


def _difference(row, reference, own, other, arm, horizon_days: float, z: float) -> dict[str, float]:
    both = own.join(other, on="patient", suffix="_other")
    # Pairs are compared life by life; a life that left observation early would count as lost.
    whole = bool((arm["event"] | (arm["days"] >= horizon_days)).all())
    if whole and len(both) == len(own):
        difference = (both["lived"] - both["lived_other"]).to_numpy()
        mean, error = float(difference.mean()), float(difference.std(ddof=1)) / np.sqrt(len(difference))
    else:
        mean = row["mean_days"] - reference["mean_days"]
        error = float(np.sqrt(row["variance"] + reference["variance"]))
    return {"difference_days": mean, "low": mean - z * error, "high": mean + z * error}


def _indicators(column: pl.Series) -> dict[str, pl.Series]:
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        values = column.cast(pl.Float64)
        return {column.name: values - values.mean() if column.dtype.is_numeric() else values}
    _, *others = column.unique().sort()
    return {f"{column.name} {value}": (column == value).cast(pl.Float64) for value in others}


def _plans(frame: pl.DataFrame, least: int = 2) -> list[str]:
    plans = frame["plan"].unique(maintain_order=True).to_list()
    if len(plans) < least:
        raise InputError("a comparison of survival needs at least two plans")
    return plans


def _check_independent(frame: pl.DataFrame) -> None:
    if frame["patient"].n_unique() < len(frame):
        raise InputError(
            "the arms hold the same patients, so this test does not hold; take `randomised` first"
        )
