"""All scores of one contestant on one patient, as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np
import polars as pl

from models.metrics.forecast import energy_score, fair_crps, rank_share, share_between, share_shown
from models.metrics.image import mean_absolute_error, psnr_db, ssim
from models.metrics.mask import mask_scores
from scenarios.benchmark.contestant import Contestant, Shown
from scenarios.benchmark.patient import Case, HeldOut
from simulators.tasks.segmentation import Segmentation, block_means, density_error
from twin.inputs.bounds import check_fields
from twin.inputs.quantities import Few, SomeFew
from twin.structures import bounding_box

DRAWS = 99  # so that the ranks of the central 80 % are whole
_FLICKER_MM = 10.0
_INJURED_HU = 50.0  # rise of a cubic centimetre of lung that counts as injury
_RANGE_HU = (-1024.0, 1024.0)  # of PSNR and SSIM
_DOSES = (0.0, 0.25, 0.5, 0.75, 1.0)
SCHEMA = {
    "patient": pl.String,
    "generator": pl.String,
    "plan": pl.String,
    "day": pl.Float64,
    "other": pl.String,  # the second plan of a pair
    "mode": pl.String,  # guided, mask (as guided, by the generator's own), free, mean (of the free samples), outside
    "metric": pl.String,
    "value": pl.Float64,
}


@dataclass(frozen=True)
class Scope:
    """How much is looked at.

    Args:
        days: follow-up days of a patient whose images are made.
        plans: plans of a patient whose images are made, the factual one first.
        samples: free samples of the last factual follow-up; 0 for none.
    """

    days: Few = 2
    plans: Few = 2
    samples: SomeFew = 8

    def __post_init__(self) -> None:
        check_fields(self)


def scores(held: HeldOut, who: Contestant, scope: Scope) -> pl.DataFrame:
    """The rows of one patient and contestant, with the schema `SCHEMA`."""
    rows = [
        {"patient": held.id, "generator": who.name, "other": None, **row}
        for row in (*_images(held, who, scope), *_forecasts(held, who))
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def _images(held: HeldOut, who: Contestant, scope: Scope) -> Iterator[dict]:
    """Guided images of all cases, what they say of plans and time, and free images of one case."""
    spacing = held.start.volume.geometry.spacing_mm
    gtv = held.contours.gtv()
    measure = Segmentation(held.start.volume.array, gtv, spacing)
    seen: dict[Case, tuple[float, float, Shown, np.ndarray]] = {}
    cases = held.cases(scope.days, scope.plans)
    for case in cases:
        why = who.outside(held, case, guided=True)
        yield _row(case, "outside", "outside", float(why is not None))
        shown = None if why is not None else who.image(held, case, guided=True, sample=0)
        if shown is None:
            continue
        truth, mask = held.truth(case)
        found = _image_scores(held, shown.hu, truth) | mask_scores(shown.gtv, mask, spacing)
        lung = held.lung & held.near & ~gtv & ~mask & ~shown.gtv
        found["log_density"] = density_error(shown.hu, truth, lung)
        ours, theirs = measure.cm3(shown.hu), measure.cm3(truth)
        found |= {"segmented_cm3": ours, "segmented_true_cm3": theirs, "true_cm3": held.true_cm3(case)}
        found |= {
            "mask_cm3": float(shown.gtv.sum()) * float(np.prod(spacing)) / 1000.0,
            "gtv0_cm3": held.gtv0_cm3,
        }
        found["seconds"] = shown.seconds
        yield from (_row(case, "guided", k, v) for k, v in found.items())
        seen[case] = (ours, theirs, shown, truth)
    yield from _between_plans(held, seen)
    yield from _between_days(held, seen)
    last = max((c for c in cases if c.plan == held.factual), key=lambda c: c.day)
    if scope.samples and who.outside(held, last, guided=False) is None:
        yield from _free_images(held, who, last, scope.samples)


def _image_scores(
    held: HeldOut, hu: np.ndarray, truth: np.ndarray, *, similarity: bool = True
) -> dict[str, float]:
    """Errors near the tumour and in the body, HU; in the box near it PSNR (dB) and SSIM, which take longer."""
    near, body = held.near, held.body
    found = {
        "mae_near_hu": mean_absolute_error(hu, truth, near & body),
        "mae_body_hu": mean_absolute_error(hu, truth, body),
    }
    if similarity:
        box = bounding_box(near)
        found["ssim"] = ssim(hu[box], truth[box], *_RANGE_HU)
        found["psnr_db"] = psnr_db(hu[box], truth[box], *_RANGE_HU)
    return found


def _between_plans(held: HeldOut, seen: dict) -> Iterator[dict]:
    """Differences of volumes between plans on one day, made and true: as segmented, and as the mask has them."""
    voxel_cm3 = held.start.volume.geometry.voxel_cm3
    for a, b in combinations(seen, 2):
        if a.day == b.day:
            made, true = seen[a][0] - seen[b][0], seen[a][1] - seen[b][1]
            yield from _pair(held, a, b, "guided", made, true)
            masks = (int(seen[a][2].gtv.sum()) - int(seen[b][2].gtv.sum())) * voxel_cm3
            yield from _pair(held, a, b, "mask", masks, held.true_cm3(a) - held.true_cm3(b))


def _between_days(held: HeldOut, seen: dict) -> Iterator[dict]:
    """What changes from one day of a plan to the next outside the tumour: made, true, and the error of that."""
    from scipy.ndimage import binary_dilation

    grow = int(np.ceil(_FLICKER_MM / min(held.start.volume.geometry.spacing_mm)))
    away = held.near & held.body & ~binary_dilation(held.contours.gtv(), iterations=grow)
    for a, b in pairwise(sorted(seen, key=lambda case: (case.plan, case.day))):
        if a.plan == b.plan and away.any():
            made = (seen[b][2].hu - seen[a][2].hu)[away]
            true = (seen[b][3] - seen[a][3])[away]
            yield _row(b, "guided", "flicker_hu", float(np.abs(made - true).mean()))
            yield _row(b, "guided", "change_made_hu", float(np.abs(made).mean()))
            yield _row(b, "guided", "change_true_hu", float(np.abs(true).mean()))


def _free_images(held: HeldOut, who: Contestant, case: Case, samples: int) -> Iterator[dict]:
    """Errors of single free images, on average, and of their mean; and what their spread is worth."""
    truth, mask = held.truth(case)
    near = held.near & held.body
    lung = held.lung & held.near & ~held.contours.gtv() & ~mask
    before = held.start.volume.array.astype(np.float32)
    total, single = np.zeros(truth.shape, np.float32), []
    values_near, rises = [], []
    for sample in range(samples):
        shown = who.image(held, case, guided=False, sample=sample)
        if shown is None:
            return
        total += shown.hu
        values_near.append(shown.hu[near])
        rises.append(block_means(shown.hu - before, lung))
        single.append(_image_scores(held, shown.hu, truth, similarity=sample == 0))
    for metric in single[0]:
        values = [s[metric] for s in single if metric in s]
        yield _row(case, "free", metric, float(np.mean(values)))
    mean = _image_scores(held, total / samples, truth)
    yield from (_row(case, "mean", k, v) for k, v in mean.items())
    if samples > 1:
        risen = block_means(truth - before, lung)
        found = spread(np.stack(values_near), truth[near], np.stack(rises), risen)
        yield from (_row(case, "free", k, v) for k, v in found.items() if np.isfinite(v))


def spread(draws: np.ndarray, truth: np.ndarray, rises: np.ndarray, risen: np.ndarray) -> dict[str, float]:
    """What the spread of free images is worth.

    Args:
        draws: (n, m) HU near the tumour.
        truth: (m,) true ones.
        rises: (n, ...) rises of HU since the first scan in blocks of lung outside the tumour; nan where there is none.
        risen: (...) true ones.

    Returns:
        `energy_hu`, the energy score; `voxels_between`, the share of voxels whose truth lies between the least and the
        greatest draw, over what it is for a calibrated forecast of so many draws; `injury_shown`, the share of blocks
        that rose by 50 HU or more of which some draw shows half or more.
    """
    n, known = len(draws), np.isfinite(risen)
    return {
        "energy_hu": energy_score(draws, truth),
        "voxels_between": share_between(draws, truth) * (n + 1) / (n - 1),
        "injury_shown": share_shown(rises[:, known], risen[known], _INJURED_HU),
    }


def _forecasts(held: HeldOut, who: Contestant) -> Iterator[dict]:
    """Free volumes under every plan and on every day, against the truth and against each other."""
    drawn: dict[Case, np.ndarray] = {}
    for plan in held.truths:
        for day in held.days:
            case = Case(plan, day)
            volumes = None if who.outside(held, case, guided=False) else who.volumes(held, case, DRAWS)
            if volumes is None:
                continue
            drawn[case] = volumes
            true = held.true_cm3(case)
            yield _row(case, "free", "crps_cm3", fair_crps(volumes, true))
            yield _row(case, "free", "rank", rank_share(volumes, true))
            yield _row(case, "free", "error_cm3", abs(float(np.median(volumes)) - true))
            if not held.truths[plan].fractions:
                yield _row(case, "free", "untreated_ratio", float(volumes.mean()) / held.gtv0_cm3)
    for a, b in combinations(drawn, 2):
        if a.day == b.day:
            made = float((drawn[a] - drawn[b]).mean())
            yield from _pair(held, a, b, "free", made, held.true_cm3(a) - held.true_cm3(b))
    yield from _more_dose(held, who)


def _more_dose(held: HeldOut, who: Contestant) -> Iterator[dict]:
    """Whether more of the factual plan's dose never makes the tumour larger, on the last day: share of the samples."""
    case = Case(held.factual, held.days[-1])
    if who.treatment is None or who.outside(held, case, guided=False) is not None:
        return
    asked = held.request(case, guided=False)
    if asked.dose_since is None or asked.eqd2_since is None:
        return
    volumes = []
    for share in _DOSES:
        part = replace(
            asked,
            dose_since=replace(asked.dose_since, source=asked.dose_since.array * np.float32(share)),
            eqd2_since=replace(asked.eqd2_since, source=asked.eqd2_since.array * np.float32(share)),
            fractions_since=round(asked.fractions_since * share),
        )
        volumes.append(who.treatment.volumes_cm3(part, DRAWS))
    table = np.stack(volumes)
    if np.isfinite(table).all():
        falls = (np.diff(table, axis=0) <= 0.01 * held.gtv0_cm3).all(axis=0)
        yield _row(case, "free", "monotonic", float(falls.mean()))


def _pair(held: HeldOut, a: Case, b: Case, mode: str, made: float, true: float) -> Iterator[dict]:
    for metric, value in (("difference_cm3", made), ("difference_true_cm3", true)):
        yield _row(a, mode, metric, value) | {"other": b.plan}
    yield _row(a, mode, "difference_gtv0_cm3", held.gtv0_cm3) | {"other": b.plan}


def _row(case: Case, mode: str, metric: str, value: float) -> dict:
    return {"plan": case.plan, "day": case.day, "mode": mode, "metric": metric, "value": float(value)}
