"""How often each place is still tumour, over the samples, on each day with images."""

from __future__ import annotations

import numpy as np

from scenarios.comparison.forecast import Forecast
from scenarios.comparison.representative import days_with_images, volumes_on
from scenarios.records.layer import PRESENCE
from scenarios.records.run import ImageRecord, RunImage
from simulators.anatomy.events import AnatomyEvents
from simulators.core.chance import Key, Purpose
from twin import InputError

_SAMPLES = 50


def presence_maps(made: Forecast, sample: int) -> list[RunImage]:
    """A map for each plan and day with images; none with fewer than fifty samples or without lungs.

    Where a policy may adapt, each sample's tumour lies where its events have put it (docs/model.md, 6).

    Args:
        made: the forecast.
        sample: whose images they lie beside.
    """
    from simulators.treatment.presence import Presence  # loads numba

    if made.belief.n < _SAMPLES:
        return []
    chosen = np.unique(np.linspace(0, made.belief.n - 1, _SAMPLES).astype(int))
    displaced = [_displaced_mm(arm.events, chosen, float(made.daily[-1])) for arm in made.arms]
    furthest = max(float(np.abs(mm).max()) for mm in displaced)
    try:
        patient = Presence.of(made.twin, float(made.gtv_cm3.max()), furthest)
    except InputError:
        return []
    keys = [Key(made.seed, made.twin.id, Purpose.IMAGE, int(s)) for s in chosen]
    erosion = made.belief.samples["erosion_fraction"][chosen]
    maker, found = f"{chosen.size} samples", []
    for plan, (scenario, arm) in enumerate(zip(made.scenarios, made.arms, strict=True)):
        for day in days_with_images(made, plan, sample):
            away = _displaced_mm(arm.events, chosen, day)
            share = patient.share(volumes_on(made, plan, day)[chosen], erosion, keys, away)
            file = f"scans/{scenario.slug}/d{day:07.3f}-{PRESENCE.name}.nii.gz"
            record = ImageRecord(
                plan=scenario.slug, sample=sample, day=day, kind=PRESENCE.name, file=file, generator=maker
            )
            found.append(RunImage(record, share))
    return found


def _displaced_mm(events: AnatomyEvents | None, samples: np.ndarray, day: float) -> np.ndarray:
    """(samples, 3) how far each tumour lies from where it was on the baseline, along (z, y, x)."""
    if events is None:
        return np.zeros((samples.size, 3))
    return np.array([events.displacement_mm(int(s), day) for s in samples])
