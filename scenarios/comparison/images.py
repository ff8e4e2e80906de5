"""The second step of a comparison: the follow-up images of some samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scenarios.comparison.clock import Clock
from scenarios.comparison.forecast import Forecast
from scenarios.comparison.presence import presence_maps
from scenarios.comparison.representative import representatives
from scenarios.engine.arm import Arm
from scenarios.engine.render import ImageJob, day_0, render
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
        samples: of whom, the one that stands for all first.
        notes: a sentence for whatever could not be drawn, or was drawn by another generator than was asked for.
        field_cm3: (plan, image sample, day) volumes of the tumours that they show, cm3.
        scanner_options: how each virtual scanner was set.
    """

    images: tuple[RunImage, ...]
    samples: tuple[int, ...]
    notes: Sequence[str]
    field_cm3: np.ndarray
    scanner_options: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Field:
    """One sample's tumour as a field under one plan.

    Args:
        gtv_cm3: (days,) its volume, cm3.
        views: ordinal and time of each image, with what a generator sees of the tumour then.
    """

    gtv_cm3: np.ndarray
    views: Sequence[tuple[int, float, TumourView]]


def draw(
    made: Forecast,
    image_samples: int,
    treatment: VirtualTreatment,
    scanners: Sequence[VirtualScanner],
    clock: Clock,
) -> Images:
    """The images of all plans; nothing that is forecast depends on them.

    Args:
        made: the forecast.
        image_samples: how many samples get images (`representatives`).
        treatment: makes the follow-up CTs.
        scanners: make further modalities from them.
        clock: is told of each step.

    Raises:
        InputError: the tumour model has no field.
    """
    options = {d.name: d.options.of(d.name, d.options.course).model_dump() for d in scanners}
    if image_samples == 0:
        return Images((), (), (), np.empty((len(made.arms), 0, len(made.daily))), options)
    samples = representatives(made, image_samples)
    fields = [_fields(made, arm, samples) for arm in made.arms]
    clock.lap("tumour fields", 0.4)
    jobs = [
        ImageJob(
            scenario.slug, s, ordinal, when, delivery.arm.course(s), delivery, view,
            Key(made.seed, made.twin.id, Purpose.IMAGE, s),
        )
        for scenario, delivery, grown in zip(made.scenarios, made.deliveries, fields, strict=True)
        for s, field in zip(samples, grown, strict=True)
        for ordinal, when, view in field.views
    ]  # fmt: skip
    images = day_0(made.twin, [s.slug for s in made.scenarios], samples, made.seed, scanners)
    notes: list[str] = []
    for done, batch in enumerate(render(made.twin, jobs, treatment, scanners, notes), start=1):
        images.extend(batch)
        clock.lap("images", 0.4 + 0.6 * done / len(jobs))
    images += presence_maps(made, samples[0])
    clock.lap("presence", 1.0)
    return Images(
        tuple(images),
        tuple(samples),
        notes,
        np.array([[field.gtv_cm3 for field in grown] for grown in fields]),
        options,
    )


def _fields(made: Forecast, arm: Arm, samples: Sequence[int]) -> list[Field]:
    """The samples' fields under one plan."""
    used = sorted({g for s in samples for g in arm.course(s).grids})
    kinetics = made.tumour.field(made.twin, {g: arm.at_tumour(g) for g in used})
    params = ({k: v[s] for k, v in made.belief.samples.items()} for s in samples)
    return [_follow(kinetics, made, own, arm.course(s)) for s, own in zip(samples, params, strict=True)]


def _follow(kinetics: ShapedKinetics, made: Forecast, params: Params, course: Course) -> Field:
    """One sample's field, day by day."""
    state = kinetics.start(made.twin, params)
    images = [(int(i), float(course.time_days[i])) for i in course.of(Event.IMAGING)]
    gtv_cm3, views = [], []
    for day in made.daily:
        state = kinetics.advance(state, params, [course], float(day))
        gtv_cm3.append(float(kinetics.gtv_cm3(state)))
        while images and images[0][1] < day + 1:  # a side branch: looking does not change the future
            ordinal, when = images.pop(0)
            seen = kinetics.advance(state, params, [course], when)
            views.append((ordinal, when, kinetics.view(seen, params)))
    return Field(np.array(gtv_cm3), views)
