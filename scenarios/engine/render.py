"""Renders the images of all plans and samples, in batches, after the courses are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scenarios.engine.delivery import Delivery
from scenarios.records.layer import scanned_by
from scenarios.records.run import ImageRecord, RunImage
from simulators.core.chance import Key, Purpose
from simulators.core.course import Course
from simulators.core.scanner import ScanRequest, VirtualScanner
from simulators.core.treatment import FollowUp, TreatmentRequest, TumourView, VirtualTreatment
from twin import PatientTwin, Volume

_DAY_0 = 1 << 32  # stands for an ordinal that no event has
_BATCH = 8  # bounds the memory: a follow-up holds its displacement until it is stored


@dataclass(frozen=True, eq=False)
class ImageJob:
    """One image that a course asks for."""

    plan: str
    sample: int
    ordinal: int
    day: float
    course: Course
    delivery: Delivery
    tumour: TumourView
    key: Key


def render(
    twin: PatientTwin,
    jobs: Sequence[ImageJob],
    treatment: VirtualTreatment,
    scanners: Sequence[VirtualScanner],
    notes: list[str],
) -> Iterator[list[RunImage]]:
    """The stored images of each job, in order; none where the job lies outside the generator's domain.

    Args:
        twin: the patient.
        jobs: what to render.
        treatment: makes the follow-up CTs.
        scanners: make further modalities from them.
        notes: gets a sentence for each image that could not be made, and one for each reason for which another
            generator than the one asked for made images.
    """
    fallbacks: Counter[tuple[str, str]] = Counter()
    for first in range(0, len(jobs), _BATCH):
        batch, requests = [], []
        for job in jobs[first : first + _BATCH]:
            request = _request(twin, job)
            reason = treatment.domain(request)
            if reason is None:
                batch.append(job)
                requests.append(request)
            else:
                notes.append(
                    f"no image of {job.plan}, sample {job.sample}, on day {job.day:.0f}: "
                    f"outside the domain of {treatment.name}: {reason}"
                )
                yield []
        followups = [
            job.delivery.seen(followup, job.sample, job.day)
            for job, followup in zip(batch, treatment.generate(requests), strict=True)
        ]
        fallbacks.update((f.generator, f.fallback) for f in followups if f.fallback is not None)
        wanted = [
            ScanRequest.after(f, Key(j.key.root, twin.id, Purpose.SCANNER, j.sample, j.ordinal))
            for j, f in zip(batch, followups, strict=True)
        ]
        scans = [
            scanner.scan([replace(w, options=scanner.options.course) for w in wanted]) for scanner in scanners
        ]
        for i, (job, followup) in enumerate(zip(batch, followups, strict=True)):
            yield _stored(
                job, followup, {s.name: made[i] for s, made in zip(scanners, scans, strict=True)}, scanners
            )
    for (generator, why), n in fallbacks.items():
        notes.append(f"{n} of {len(jobs)} follow-up CTs were made by {generator} ({why})")


def _request(twin: PatientTwin, job: ImageJob) -> TreatmentRequest:
    dose, eqd2, fractions = job.delivery.before(job.sample, job.ordinal)
    return TreatmentRequest(
        scan=twin.baseline,
        structures=twin.contours,
        dose_since=dose,
        eqd2_since=eqd2,
        fractions_since=fractions,
        elapsed_days=job.day - twin.baseline.time_days,
        since_rt_end_days=job.day - job.course.end_days,
        clinical=twin.clinical,
        tumour=job.tumour,
        key=job.key,
    )


def _stored(
    job: ImageJob, followup: FollowUp, scans: Mapping[str, Volume], scanners: Sequence[VirtualScanner]
) -> list[RunImage]:
    images = [
        _image(job, "ct", followup.scan, followup.generator),
        _image(job, "gtv", followup.gtv, followup.generator),
    ]
    if followup.injury.array.any():
        images.append(_image(job, "injury", followup.injury, followup.generator))
    if followup.request.dose_since is not None:
        rounded = np.round(followup.request.dose_since.array, 2)
        grid = followup.request.dose_since.geometry
        images.append(
            _image(job, "dose", Volume(grid, rounded, "DOSE", "Gy"), "accumulated on the baseline anatomy")
        )
    for scanner in scanners:
        images.append(_image(job, scanned_by(scanner.name), scans[scanner.name], maker(scanner)))
    return images


def maker(scanner: VirtualScanner) -> str:
    """What a scanner's images name as their maker."""
    return f"{scanner.name} scanner"


def day_0(
    twin: PatientTwin,
    plans: Sequence[str],
    samples: Sequence[int],
    seed: int,
    scanners: Sequence[VirtualScanner],
) -> list[RunImage]:
    """The scans of the patient as the baseline CT shows, before any plan: all plans share them.

    Args:
        twin: the patient.
        plans: their slugs.
        samples: who get images.
        seed: root of the run's chance.
        scanners: make the scans.
    """
    baseline, images = twin.baseline, []
    for sample in samples:
        key = Key(seed, twin.id, Purpose.SCANNER, sample, _DAY_0)
        for scanner in scanners:
            request = ScanRequest(baseline.volume, twin.contours, key, scanner.options.course)
            (scan,) = scanner.scan([request])
            kind, day = scanned_by(scanner.name), baseline.time_days
            file = f"scans/day-0/d{day:07.3f}-s{sample:03d}-{kind}.nii.gz"
            shared = {"sample": sample, "day": day, "kind": kind, "file": file, "generator": maker(scanner)}
            images += [RunImage(ImageRecord(plan=plan, **shared), scan) for plan in plans]
    return images


def _image(job: ImageJob, kind: str, volume: Volume, generator: str) -> RunImage:
    file = f"scans/{job.plan}/d{job.day:07.3f}-s{job.sample:03d}-{kind}.nii.gz"
    record = ImageRecord(
        plan=job.plan, sample=job.sample, day=job.day, kind=kind, file=file, generator=generator
    )
    return RunImage(record, volume)
