"""The second step of a comparison: the follow-up images of some samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scenarios.comparison.clock import Clock
from scenarios.comparison.forecast import Forecast
from scenarios.engine.render import ImageJob, render
from scenarios.records.run import RunImage
from simulators.core.chance import Key, Purpose
from simulators.core.course import Course, Event
from simulators.core.kinetics import Params, ShapedKinetics
from simulators.core.scanner import VirtualScanner
from simulators.core.treatment import TumourView, VirtualTreatment


@dataclass(frozen=True, eq=False)
class Images:
    """What was drawn.

    Args:
        images: of all plans and samples.
        notes: a sentence for whatever could not be drawn, or was drawn by another generator than was asked for.
    """

    images: Sequence[RunImage] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Field:
    """One sample's tumour as a field under one plan.

    Args:
        gtv_cm3: (days,) its volume, cm3.
        survivors: clonogens that survive the course; nan where there was none.
        views: ordinal and time of each image, with what a generator sees of the tumour then.
    """

    gtv_cm3: np.ndarray
    survivors: float
    views: Sequence[tuple[int, float, TumourView]]


def grow(made: Forecast, image_samples: int) -> list[list[Field]]:
    """The fields of the first samples under each plan.

    Args:
        made: the forecast.
        image_samples: how many samples.

    Raises:
        InputError: the tumour model has no field.
    """
    if image_samples == 0:
        return [[] for _ in made.arms]
    fields = []
    for arm in made.arms:
        used = sorted({g for s in range(image_samples) for g in arm.course(s).grids})
        kinetics = made.tumour.field(made.twin, {g: arm.at_tumour(g) for g in used})
        of_sample = ({k: v[s] for k, v in made.belief.samples.items()} for s in range(image_samples))
        fields.append([_follow(kinetics, made, params, arm.course(s)) for s, params in enumerate(of_sample)])
    return fields


def _follow(kinetics: ShapedKinetics, made: Forecast, params: Params, course: Course) -> Field:
    """One sample's field, day by day."""
    state = kinetics.start(made.twin, params)
    images = [(int(i), float(course.time_days[i])) for i in course.of(Event.IMAGING)]
    gtv_cm3, views = [], []
    for day in made.daily:
        state = kinetics.advance(state, params, [course], float(day))
        gtv_cm3.append(kinetics.gtv_cm3(state))
        while images and images[0][1] < day + 1:  # a side branch: looking does not change the future
            ordinal, when = images.pop(0)
            seen = kinetics.advance(state, params, [course], when)
            views.append((ordinal, when, kinetics.view(seen, params)))
    if course.end_days > state.t_days:
        state = kinetics.advance(state, params, [course], course.end_days)
    return Field(np.array(gtv_cm3), float(state.survivors), views)


def with_fields(made: Forecast, fields: Sequence[Sequence[Field]]) -> Forecast:
    """The forecast in which samples that have a field take their curve and their survivors from it."""
    gtv_cm3, survivors = made.gtv_cm3.copy(), made.survivors.copy()
    for p, grown in enumerate(fields):
        for s, one in enumerate(grown):
            gtv_cm3[p, s], survivors[p, s] = one.gtv_cm3, one.survivors
    return replace(made, gtv_cm3=gtv_cm3, survivors=survivors)


def draw(
    made: Forecast,
    fields: Sequence[Sequence[Field]],
    treatment: VirtualTreatment,
    scanners: Sequence[VirtualScanner],
    clock: Clock,
) -> Images:
    """The images of all plans and of the samples that have a field.

    Args:
        made: the forecast.
        fields: of the samples, for each plan.
        treatment: makes the follow-up CTs.
        scanners: make further modalities from them.
        clock: is told of each image.
    """
    jobs = [
        ImageJob(scenario.slug, s, ordinal, when, arm.course(s), delivery, view, _key(made, s))
        for scenario, arm, delivery, grown in zip(
            made.scenarios, made.arms, made.deliveries, fields, strict=True
        )
        for s, one in enumerate(grown)
        for ordinal, when, view in one.views
    ]
    images: list[RunImage] = []
    notes: list[str] = []
    for done, batch in enumerate(render(made.twin, jobs, treatment, scanners, notes), start=1):
        images.extend(batch)
        clock.lap("images", 0.4 + 0.6 * done / len(jobs))
    return Images(images, notes)


def _key(made: Forecast, sample: int) -> Key:
    return Key(made.seed, made.twin.id, Purpose.IMAGE, sample)
