"""The rows that a batch of patients gives to a study's tables, whose schemas stand in `records.study_schema`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import polars as pl

from scenarios.comparison.effect import Effect
from scenarios.comparison.intervals import Estimate, estimate, quantiles
from scenarios.plans.context import reasons_outside
from scenarios.plans.scenario import Scenario
from scenarios.records.study_schema import PART_SCHEMAS
from scenarios.study.arm import stereotactic
from scenarios.study.batch import Batch
from scenarios.study.cohort import Member
from scenarios.study.settings import Settings
from simulators.belief.prior import prior_belief
from simulators.core.outcome import LifeTimes
from simulators.outcome.cases import complete
from simulators.outcome.complications import AS_PRINTED
from twin import PatientTwin

HIGHER_IS_BETTER = frozenset({"tumour_control", "local_control_2y", "overall_survival_2y"})
Tables = dict[str, pl.DataFrame]
PARTS_OF_ONE = 1e12  # units of `draws`


def empty(name: str) -> pl.DataFrame:
    """A table of a part without rows."""
    if name == "truth":
        columns = prior_belief(PatientTwin("anyone"), 1, 0).samples
        return pl.DataFrame(schema={**PART_SCHEMAS[name], **dict.fromkeys(columns, pl.Float64)})
    return pl.DataFrame(schema=dict(PART_SCHEMAS[name]))


def patient_rows(members: Sequence[Member]) -> pl.DataFrame:
    """The `patients` table of some members, faults and all."""
    columns = PART_SCHEMAS["patients"]
    own = ("patient", "in_silico", "fault", "gtv_cm3", "site")
    rows = [
        {
            "patient": m.id,
            "in_silico": m.in_silico,
            "fault": m.fault,
            "gtv_cm3": None if np.isnan(m.gtv_cm3) else m.gtv_cm3,
            "site": m.site,
            **{c: getattr(m.clinical, c) for c in columns if c not in own},
        }
        for m in members
    ]
    return pl.DataFrame(rows, schema=dict(columns), orient="row")


def batch_tables(batch: Batch, scenarios: Sequence[Scenario], settings: Settings) -> Tables:
    """All rows of a batch, by table; patients in order, within them plans, within them outcomes.

    Args:
        batch: the patients and what became of them.
        scenarios: the plans, in the batch's order.
        settings: what the study asks for.
    """
    slugs = [s.slug for s in scenarios]
    return {
        "trajectory": _trajectory(batch, slugs, settings),
        "outcomes": _outcomes(batch, scenarios, settings),
        "effects": _effects(batch, slugs, settings),
        "draws": draw_rows(
            slugs, {k: replace(e, values=e.values[..., 1:]) for k, e in batch.effects.items()}
        ),
        "lives": life_rows(batch.members, slugs, batch.lives),
        "truth": _truth(batch),
        "decisions": _decisions(batch),
    }


def _trajectory(batch: Batch, slugs: Sequence[str], settings: Settings) -> pl.DataFrame:
    plans, patients, _, weeks = batch.weekly_cm3.shape
    samples = np.moveaxis(batch.weekly_cm3[:, :, 1:], 2, -1)
    tail = (1 - settings.level) / 2
    bands = dict(
        zip(("low", "median", "high"), quantiles(samples, (tail, 0.5, 1 - tail)), strict=True),
        truth=batch.weekly_cm3[:, :, 0],
    )
    flat = {k: pl.Series(v.transpose(1, 0, 2).astype(np.float32).ravel()) for k, v in bands.items()}
    days = pl.Series(np.tile(settings.weekly.astype(np.float32), plans * patients))
    return _frame("trajectory", {**_index(batch.members, slugs, weeks), "day": days, **flat})


def _outcomes(batch: Batch, scenarios: Sequence[Scenario], settings: Settings) -> pl.DataFrame:
    slugs, effects = [s.slug for s in scenarios], list(batch.effects.values())
    belief = [Effect(e.values[..., 1:], e.unit, e.kind) for e in effects]
    found = _stacked([estimate(e, settings.level) for e in belief])
    unknown = np.isnan(found["mean"])
    outside = [[bool(reasons_outside(s.plan, m.clinical, m.gtv_cm3, settings.days)) for s in scenarios]
               for m in batch.members]  # fmt: skip
    size = unknown.size
    status = np.where(unknown.ravel(), len(effects), np.tile(np.arange(len(effects)), size // len(effects)))
    columns = {
        **_index(batch.members, slugs, len(effects)),
        **_labels(batch.effects, size),
        **_nullable(found),
        "level": _constant(settings.level, size),
        "n": _constant(settings.samples, size).cast(pl.Int32),
        "kind": _repeated(tuple(e.kind for e in effects), size),
        "dose_method": _repeated(tuple(e.dose_method for e in effects), size),
        "status": pl.Series([*(e.status for e in effects), "unknown"]).gather(status),
        "outside": pl.Series(np.repeat(np.array(outside).ravel(), len(effects))),
    }
    return _frame("outcomes", columns).filter(_applies(batch, scenarios))


def _applies(batch: Batch, scenarios: Sequence[Scenario]) -> np.ndarray:
    """Which outcomes a patient has under a plan: toxicity of central treatment needs a tumour that may be there."""
    near = np.array([[stereotactic(s) and m.site != "peripheral" for s in scenarios] for m in batch.members])
    of_airways = np.array([name.startswith("central_") for name in batch.effects])
    return (near.ravel()[:, None] | ~of_airways).ravel()


def _effects(batch: Batch, slugs: Sequence[str], settings: Settings) -> pl.DataFrame:
    """Each plan but the first minus the first."""
    if len(slugs) < 2:
        return empty("effects")
    parts, better, worse = [], [], []
    for name, effect in batch.effects.items():
        values = effect.values[1:, :, 1:] - effect.values[:1, :, 1:]
        parts.append(estimate(Effect(values, effect.unit, effect.kind), settings.level, paired=True))
        good = values if name in HIGHER_IS_BETTER else -values
        known = ~np.isnan(values).any(axis=-1)
        better.append(np.where(known, (good > 0).mean(axis=-1), np.nan))
        worse.append(np.where(known, (good < 0).mean(axis=-1), np.nan))
    columns = _stacked(parts)
    size = columns["mean"].size
    columns |= {k: np.stack(v).transpose(2, 1, 0) for k, v in (("better", better), ("worse", worse))}
    rows = {
        **_index(batch.members, slugs[1:], len(parts)),
        **_labels(batch.effects, size),
        **_nullable(columns),
        "reference": _constant(slugs[0], size),
        "level": _constant(settings.level, size),
        "kind": _repeated(tuple(e.kind for e in batch.effects.values()), size),
        "dose_method": _repeated(tuple(e.dose_method for e in batch.effects.values()), size),
    }
    return _frame("effects", rows).filter(pl.col("mean").is_not_null())


def draw_rows(slugs: Sequence[str], effects: Mapping[str, Effect]) -> pl.DataFrame:
    """The `draws` of some patients, of outcomes whose samples are draws of a population that all patients share.

    Args:
        slugs: of the plans (a).
        effects: outcome -> values (a, p, s).
    """
    found: list[tuple[str, str, int, np.ndarray]] = []
    for name, effect in effects.items():
        if effect.kind != "expected" or name in AS_PRINTED:
            continue
        difference = effect.values[1:] - effect.values[:1]
        known = ~np.isnan(difference).any(axis=-1)
        total = (
            np.rint(np.where(known[..., None], difference, 0.0) * PARTS_OF_ONE).astype(np.int64).sum(axis=1)
        )
        for slug, row, n in zip(slugs[1:], total, known.sum(axis=1), strict=True):
            if n:
                found.append((slug, name, int(n), row))
    if not found:
        return empty("draws")
    plans, outcomes, counts, totals = zip(*found, strict=True)
    samples = len(totals[0])
    each = np.repeat(np.arange(len(found)), samples)
    columns = {
        "plan": pl.Series(plans).gather(each),
        "outcome": pl.Series(outcomes).gather(each),
        "sample": pl.Series(np.tile(np.arange(samples, dtype=np.int32), len(found))),
        "total": pl.Series(np.concatenate(totals)),
        "n": pl.Series(np.repeat(np.array(counts, dtype=np.int64), samples)),
    }
    return _frame("draws", columns)


def life_rows(members: Sequence[Member], slugs: Sequence[str], lives: LifeTimes) -> pl.DataFrame:
    """The `lives` table of (plans, patients) true lives.

    Args:
        members: the patients (p).
        slugs: of the plans (a).
        lives: (a, p) true lives.
    """
    known = np.array([complete(m.clinical) for m in members])
    told = known & np.isfinite(lives.death)
    cause = np.where(told, np.nan_to_num(lives.cause), len(LifeTimes.CAUSES)).astype(np.int64)
    days = {"local_days": lives.local, "distant_days": lives.distant, "death_days": lives.death}
    columns = {
        **_index(members, slugs, 1),
        "controlled": pl.Series(np.isinf(lives.local).T.ravel()),
        **_nullable({k: np.where(np.isfinite(v), v, np.nan).T for k, v in days.items()}),
        "cause": pl.Series([*LifeTimes.CAUSES, None]).gather(cause.T.ravel()),
    }
    return _frame("lives", columns)


def _decisions(batch: Batch) -> pl.DataFrame:
    return pl.DataFrame(batch.decisions, schema=dict(PART_SCHEMAS["decisions"]), orient="row")


def _truth(batch: Batch) -> pl.DataFrame:
    return pl.DataFrame({"patient": [m.id for m in batch.members], **batch.parameters})


def _index(members: Sequence[Member], slugs: Sequence[str], each: int) -> dict[str, pl.Series]:
    """Columns patient and plan, patient-major, `each` rows for a pair."""
    patients, plans = len(members), len(slugs)
    return {
        "patient": pl.Series([m.id for m in members]).gather(np.repeat(np.arange(patients), plans * each)),
        "plan": pl.Series(list(slugs)).gather(np.tile(np.repeat(np.arange(plans), each), patients)),
    }


def _labels(effects: Mapping[str, Effect], size: int) -> dict[str, pl.Series]:
    units = [e.unit for e in effects.values()]
    return {"outcome": _repeated(tuple(effects), size), "unit": _repeated(tuple(units), size)}


@lru_cache(maxsize=32)  # each batch of a study asks for the same
def _repeated(words: tuple[str | None, ...], size: int) -> pl.Series:
    return pl.Series(words, dtype=pl.String).gather(np.tile(np.arange(len(words)), size // len(words)))


@lru_cache(maxsize=32, typed=True)
def _constant(value: float | str, size: int) -> pl.Series:
    return pl.Series([value]).new_from_index(0, size)


def _frame(name: str, columns: Mapping[str, pl.Series]) -> pl.DataFrame:
    """A table from its columns; built at once, as each step of a polars query costs a millisecond."""
    return pl.DataFrame([columns[c].alias(c) for c in PART_SCHEMAS[name]])


def _stacked(parts: Sequence[Estimate]) -> dict[str, np.ndarray]:
    """Column -> (patients, plans, outcomes) from one estimate of (plans, patients) for each outcome."""
    fields = {"mean": "middle", "low": "low", "high": "high", "error": "error"}
    return {k: np.stack([getattr(p, f) for p in parts]).transpose(2, 1, 0) for k, f in fields.items()}


def _nullable(columns: Mapping[str, np.ndarray]) -> dict[str, pl.Series]:
    """Flat columns, null for nan."""
    return {k: pl.Series(v.ravel()).fill_nan(None) for k, v in columns.items()}
