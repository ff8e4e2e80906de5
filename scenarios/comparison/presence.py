"""How often each place is still tumour, over the samples, on each day with images."""

from __future__ import annotations

import numpy as np

from scenarios.comparison.forecast import Forecast
from scenarios.comparison.representative import days_with_images, volumes_on
from scenarios.records.layer import PRESENCE
from scenarios.records.run import ImageRecord, RunImage
from simulators.core.chance import Key, Purpose
from twin import InputError

_SAMPLES = 50


def presence_maps(made: Forecast, sample: int) -> list[RunImage]:
    """A map for each plan and day with images; none with fewer than fifty samples, without lungs, or where a policy may
    move the anatomy of each sample to a place of its own.

    Args:
        made: the forecast.
        sample: whose images they lie beside.
    """
    from simulators.treatment.presence import Presence  # loads numba

    if made.belief.n < _SAMPLES:
        return []
    try:
        patient = Presence.of(made.twin, float(made.gtv_cm3.max()))
    except InputError:
        return []
    chosen = np.unique(np.linspace(0, made.belief.n - 1, _SAMPLES).astype(int))
    keys = [Key(made.seed, made.twin.id, Purpose.IMAGE, int(s)) for s in chosen]
    erosion = made.belief.samples["erosion_fraction"][chosen]
    maker, found = f"{chosen.size} samples", []
    for plan, (scenario, arm) in enumerate(zip(made.scenarios, made.arms, strict=True)):
        if arm.events is not None:
            continue
        for day in days_with_images(made, plan, sample):
            share = patient.share(volumes_on(made, plan, day)[chosen], erosion, keys)
            file = f"scans/{scenario.slug}/d{day:07.3f}-{PRESENCE.name}.nii.gz"
            record = ImageRecord(
                plan=scenario.slug, sample=sample, day=day, kind=PRESENCE.name, file=file, generator=maker
            )
            found.append(RunImage(record, share))
    return found
