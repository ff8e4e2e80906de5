"""Runs under a grid of changes: the same patients and chance each time, so that what differs is the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from os import PathLike
from pathlib import Path
from typing import Any

import polars as pl

from scenarios.comparison.clock import Progress
from scenarios.comparison.steps import compare
from scenarios.engine.planned_dose import DOSE_BY_DEFAULT, method_named, planned_doses
from scenarios.plans.plan import TreatmentPlan, slug_of
from scenarios.plans.scenario import Scenario, distinct
from scenarios.records.assumptions import assumed, told
from scenarios.study.cohort import Cohort
from scenarios.study.parts import run_study
from simulators.names.kinetics import kinetics_named
from simulators.names.outcomes import OUTCOMES_BY_DEFAULT, outcome_model_named
from twin import InputError, PatientTwin

_PARTS = ("prior", "kinetics", "outcomes", "templates")
Grid = Mapping[str, Sequence[Any]]


def sweep(
    who: PatientTwin | Cohort,
    plans: Sequence[TreatmentPlan | Scenario],
    grid: Grid,
    *,
    table: str | None = None,
    out: str | PathLike[str] | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> pl.DataFrame:
    """A table under each combination of changes, one under the other.

    All combinations meet the same random numbers, so that two rows differ by the changes alone. A twin's plans are
    dosed once, unless the sweep is about doses.

    Args:
        who: a twin, which is compared, or a cohort, of which a study is made.
        plans: as for `compare` or `run_study`.
        grid: name of a keyword, or of a number in one after dots ("prior.alpha_per_gy", "kinetics.linear_above_gy",
            "outcomes.effects.ecog_ratio", "templates.conventional.directions") -> its values.
        table: which; `outcomes` of a twin and `contrasts` of a cohort where None.
        out: folder for the studies of a cohort; the same call goes on where an interrupted one stopped.
        progress: called with a step's name and the share of all work that is done.
        settings: further keywords of `compare` or `run_study`, the same for all. A twin gets no images by default.

    Returns:
        The table's columns after one for each name of the grid; what is no number or word is shown as words.

    Raises:
        InputError: a name, value or table that there is not; a cohort without `out`.

    Example:
        >>> [dict(zip(("a", "b"), values)) for values in product((1, 2), (3,))]
        [{'a': 1, 'b': 3}, {'a': 2, 'b': 3}]
    """
    if not grid or not all(isinstance(v, (list, tuple)) and v for v in grid.values()):
        raise InputError("a sweep needs a grid: names, each with a list of values")
    made = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    wanted = [_keywords(settings, changes) for changes in made]  # all are looked at before the first is run
    twin = isinstance(who, PatientTwin)
    if isinstance(who, PatientTwin):
        who, plans = _dosed(who, distinct(plans), settings, grid), distinct(plans)
    elif out is None:
        raise InputError("a sweep over a cohort needs a folder for its studies; give out")
    frames = []
    for i, (changes, keywords) in enumerate(zip(made, wanted, strict=True)):
        if progress:
            progress(", ".join(f"{k} {_shown(v)}" for k, v in changes.items()), i / len(made))
        if isinstance(who, PatientTwin):
            found: Any = compare(who, plans, **{"image_samples": 0, **keywords})
        else:
            found = run_study(who, plans, Path(str(out)) / _folder(changes), **keywords)
        rows = _table(found, table or ("outcomes" if twin else "contrasts"))
        frames.append(rows.select(*(pl.lit(_shown(v)).alias(k) for k, v in changes.items()), pl.all()))
    return pl.concat(frames, how="vertical_relaxed")


def _keywords(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of a run: the settings with some changes, those of parts on top of what the settings have there."""
    found = {**settings}
    inner: dict[str, Any] = {}
    for name, value in changes.items():
        part, *path = name.split(".")
        if not path:
            found[part] = value
            continue
        if part not in _PARTS:
            raise InputError(f"nothing in {part!r} can be swept; dots lead into {', '.join(_PARTS)}")
        inner.setdefault(part, []).append((path, value))
    if not inner:
        return found
    asked: dict[str, Any] = {part: found[part] for part in _PARTS if part in found and part not in inner}
    asked |= {part: _base(part, found) for part in inner}
    for part, several in inner.items():
        for path, value in several:
            _put(asked[part], path, value)
    return {**found, **assumed(asked)}


def _base(part: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the settings change in a part, as a mapping that can be changed further."""
    tumour = kinetics_named(settings.get("kinetics", "standard"))
    model = outcome_model_named(settings.get("outcomes", OUTCOMES_BY_DEFAULT))
    held = told(settings.get("prior"), tumour, model, settings.get("templates"))
    named = {"kinetics": {"name": tumour.name}, "outcomes": {"name": model.name}}
    return named.get(part, {}) | held.get(part, {})


def _put(whole: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *inner, last = path
    for name in inner:
        whole = whole.setdefault(name, {})
    whole[last] = value


def _dosed(
    twin: PatientTwin, plans: Sequence[Scenario], settings: Mapping[str, Any], grid: Grid
) -> PatientTwin:
    """The twin with the plans' doses, where all runs have the same."""
    if any(name.partition(".")[0] in ("dose", "templates") for name in grid) or settings.get("templates"):
        return twin
    method = method_named(settings.get("dose", DOSE_BY_DEFAULT))
    planned = planned_doses(twin, [s.plan for s in plans], method=method)
    return planned.twin.fork(doses=planned.doses)


def _table(found: Any, name: str) -> pl.DataFrame:
    try:
        rows = getattr(found, name)
    except AttributeError as error:
        raise InputError(str(error)) from None
    if not isinstance(rows, pl.DataFrame):
        raise InputError(f"{name!r} is no table of a run")
    return rows


def _shown(value: Any) -> Any:
    """A value for a column: numbers and words as they are, models and priors by their names, lists as words."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return getattr(value, "name", None) or str(value)


def _folder(changes: Mapping[str, Any]) -> str:
    return slug_of(" ".join(f"{k} {_shown(v)}" for k, v in changes.items()))
