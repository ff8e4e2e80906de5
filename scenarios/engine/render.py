"""Renders the images of all plans and samples, in batches, after the courses are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scenarios.engine.course_dose import fractions_of
from scenarios.engine.delivery import Delivery
from scenarios.records.layer import scanned_by
from scenarios.records.run import ImageRecord, RunImage
from simulators.core.chance import Key, Purpose
from simulators.core.course import Course
from simulators.core.scanner import ScanRequest, VirtualScanner
from simulators.core.treatment import Before, FollowUp, TreatmentRequest, TumourView, VirtualTreatment
from simulators.treatment.starts import Start, starts, until
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
    request = _Requests(twin, treatment)
    for first in range(0, len(jobs), _BATCH):
        batch: list[ImageJob] = []
        wanted: list[_Asked] = []
        for job in jobs[first : first + _BATCH]:
            asked = request(job)
            if asked.refused is None:
                batch.append(job)
                wanted.append(asked)
            else:
                notes.append(
                    f"no image of {job.plan}, sample {job.sample}, on day {job.day:.0f}: "
                    f"outside the domain of {treatment.name}: {asked.refused}"
                )
                yield []
        followups = [
            job.delivery.seen(followup, job.sample, job.day)
            for job, followup in zip(batch, treatment.generate([a.request for a in wanted]), strict=True)
        ]
        fallbacks.update((f.generator, f.fallback) for f in followups if f.fallback is not None)
        seen = [
            ScanRequest.after(f, Key(j.key.root, twin.id, Purpose.SCANNER, j.sample, j.ordinal))
            for j, f in zip(batch, followups, strict=True)
        ]
        scans = [
            scanner.scan([replace(w, options=scanner.options.course) for w in seen]) for scanner in scanners
        ]
        for i, (job, followup) in enumerate(zip(batch, followups, strict=True)):
            shown = {s.name: made[i] for s, made in zip(scanners, scans, strict=True)}
            yield _stored(job, followup, wanted[i], shown, scanners)
    for (generator, why), n in fallbacks.items():
        notes.append(f"{n} of {len(jobs)} follow-up CTs were made by {generator} ({why})")
    for start, n in request.used.items():
        notes.append(f"{n} of {len(jobs)} follow-up CTs start from {start}, the latest CT before them")


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked of a generator for an image.

    Args:
        start: the CT that it starts from.
        request: to the generator.
        dose: all that was given before it, Gy.
        refused: why it lies outside the generator's domain, or None.
    """

    start: Start
    request: TreatmentRequest
    dose: Volume | None
    refused: str | None


class _Requests:
    """What is asked of a generator for each image: from the latest CT that it can start from.

    Where a policy may adapt it is the baseline, from which the images that the policy sees start as well.

    Args:
        twin: the patient.
        treatment: the generator.
    """

    def __init__(self, twin: PatientTwin, treatment: VirtualTreatment) -> None:
        self._twin, self._treatment, self._starts = twin, treatment, starts(twin)
        self._given: dict[tuple[int, int, int], tuple[Volume | None, Volume | None, int]] = {}
        self.used: Counter[str] = Counter()

    def __call__(self, job: ImageJob) -> _Asked:
        """The request for an image."""
        given = job.delivery.before(job.sample, job.ordinal)
        open_loop = job.delivery.arm.events is None
        latest: _Asked | None = None
        for start in until(self._starts if open_loop else self._starts[:1], job.day):
            request = self._request(job, start, *given)
            asked = _Asked(start, request, given[0], self._treatment.domain(request))
            latest = latest or asked
            if asked.refused is None:
                if not start.first:
                    self.used[start.scan.name] += 1
                return asked
        assert latest is not None
        return latest

    def _request(
        self, job: ImageJob, start: Start, dose: Volume | None, eqd2: Volume | None, fractions: int
    ) -> TreatmentRequest:
        asked = TreatmentRequest(
            scan=start.scan,
            structures=start.structures,
            dose_since=dose,
            eqd2_since=eqd2,
            fractions_since=fractions,
            elapsed_days=job.day - start.day,
            since_rt_end_days=job.day - job.course.end_days,
            clinical=self._twin.clinical,
            tumour=job.tumour,
            key=job.key,
        )
        if start.first:
            return asked
        from simulators.anatomy.lung_injury import amplitude_hu  # loads numba

        ordinal = int(np.searchsorted(job.course.time_days, start.day, side="right"))
        dose_then, eqd2_then, done = self._until_scan(job, ordinal)
        days = [f.time_days for f in fractions_of(job.course, ordinal)]
        reacted = bool(days) and amplitude_hu(start.day - days[-1]) > 0.0
        return replace(
            asked,
            dose_since=_less(dose, dose_then) if fractions > done else None,
            eqd2_since=_less(eqd2, eqd2_then) if fractions > done else None,
            fractions_since=fractions - done,
            tumour=TumourView(job.tumour.gtv_cm3, start.gtv_cm3, job.tumour.erosion),
            before=Before(eqd2, done, start.day - self._twin.baseline.time_days, reacted),
        )

    def _until_scan(self, job: ImageJob, ordinal: int) -> tuple[Volume | None, Volume | None, int]:
        address = id(job.delivery), job.sample, ordinal
        if address not in self._given:
            self._given = {k: v for k, v in self._given.items() if k[:2] == address[:2]}
            self._given[address] = job.delivery.before(job.sample, ordinal)
        return self._given[address]


def _less(whole: Volume | None, part: Volume | None) -> Volume | None:
    """What came to a dose after a part of it, on the same grid."""
    if whole is None or part is None:
        return whole
    return replace(whole, source=np.maximum(whole.array - part.array, 0.0))


def _stored(
    job: ImageJob,
    followup: FollowUp,
    asked: _Asked,
    scans: Mapping[str, Volume],
    scanners: Sequence[VirtualScanner],
) -> list[RunImage]:
    images = [
        _image(job, "ct", asked.start.whole(followup.scan), followup.generator),
        _image(job, "gtv", followup.gtv, followup.generator),
    ]
    if followup.injury.array.any():
        images.append(_image(job, "injury", followup.injury, followup.generator))
    if asked.dose is not None:
        rounded = replace(asked.dose, source=np.round(asked.dose.array, 2))
        images.append(_image(job, "dose", rounded, "accumulated on the baseline anatomy"))
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
