"""The tumour's biology for a request that brings none: drawn from the prior, and followed through the dose given."""

from __future__ import annotations

import numpy as np

from simulators.belief.prior import prior_belief
from simulators.core.course import Course, Event
from simulators.core.treatment import TreatmentRequest, TumourView
from simulators.tumour.dose_volume import DoseVolumeKinetics, trajectory
from twin import PatientTwin, Volume

_FRACTIONS_PER_DAY = 5.0 / 7.0


def drawn_tumour(request: TreatmentRequest) -> TumourView:
    """One sample of the prior, the same for one key through time and across plans.

    Only the number of fractions is known, not their days: they are laid evenly at five a week, up to the end of the
    course or to the image, each with its share of the GTV's mean dose. Without a dose they are taken as 2 Gy.

    Args:
        request: an image that is wanted, of which no tumour is known.
    """
    volumes, erosion, gtv0_cm3 = _drawn(request, request.key.sample + 1)
    return TumourView(gtv_cm3=float(volumes[-1]), gtv0_cm3=gtv0_cm3, erosion=float(erosion[-1]))


def drawn_volumes(request: TreatmentRequest, n: int) -> np.ndarray:
    """(n,) volumes of samples 0 to n - 1, cm3: those that `drawn_tumour` gives one by one.

    Args:
        request: an image that is wanted.
        n: samples.
    """
    return _drawn(request, n)[0]


def _drawn(request: TreatmentRequest, n: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Volumes and erosion of the first n samples, and the volume on the scan."""
    twin = PatientTwin(
        request.key.patient_id,
        clinical=request.clinical,
        scans=(request.scan,),
        structures=(request.structures,),
    )
    samples = prior_belief(twin, n, request.key.root).samples
    kinetics = DoseVolumeKinetics(twin.gtv_cm3)
    volume, _ = trajectory(kinetics, twin, samples, [_course(request)], np.array([request.elapsed_days]))
    return volume[:, 0], samples["erosion_fraction"], twin.gtv_cm3


def _course(request: TreatmentRequest) -> Course:
    n = request.fractions_since
    over = request.since_rt_end_days >= 0.0 and n > 0
    last = max(0.0, request.elapsed_days - max(0.0, request.since_rt_end_days))
    first = max(0.0, last - max(0, n - 1) / _FRACTIONS_PER_DAY)
    time_days = np.linspace(first, last, n)
    kind = np.full(n, Event.FRACTION, dtype=np.int8)
    dose_gy = np.full(n, _mean_gtv_gy(request) / max(n, 1))
    if over:
        time_days, kind, dose_gy = (
            np.append(time_days, last),
            np.append(kind, Event.COURSE_END),
            np.append(dose_gy, 0),
        )
    return Course(
        time_days=time_days,
        kind=kind.astype(np.int8),
        dose_gy=dose_gy.astype(np.float64),
        grid=np.full(len(time_days), -1, dtype=np.int16),
        scale=(kind == Event.FRACTION).astype(np.float64),
    )


def _mean_gtv_gy(request: TreatmentRequest) -> float:
    """Mean physical dose to the GTV since the scan, Gy."""
    if request.dose_since is None:
        return 2.0 * request.fractions_since
    gtv = Volume(request.structures.geometry, request.structures.gtv().astype(np.float32), "MASK", "1")
    weight = gtv.on(request.dose_since.geometry)
    dose_gy = request.dose_since.array
    if weight.sum() > 0.0:
        return float((weight * dose_gy).sum() / weight.sum())
    return 2.0 * request.fractions_since
