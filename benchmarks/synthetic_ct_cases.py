"""Cases about a policy's threshold for `benchmarks/synthetic_ct.py`: in-silico patients whose tumours are moved."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np

from scenarios import TreatmentPlan
from scenarios.engine.day_images import Day, DayImages
from scenarios.engine.fluence import FluencePlans
from scenarios.engine.library import PLANNED
from scenarios.engine.replan import PlanLibrary
from scenarios.plans.plan import Imaging
from scenarios.policies.dose_of_the_day import DoseOfTheDay
from simulators.anatomy.events import KINDS, AnatomyEvents
from simulators.core.chance import Key, Purpose
from simulators.core.scanner import ScanRequest
from simulators.dose.accumulation import dose_at
from simulators.dose.medium import Medium, union
from simulators.insilico.patient import make_patient
from simulators.names.scanners import scanner_named
from simulators.photon.superposition import superposed
from twin import PatientTwin, Volume

PLAN = TreatmentPlan.parse("60/30")
FIRST_SEED = 7100  # no patient that anything learned from
CASES = 5  # of a patient
FINE_MM = 2.0
NEAR = 0.03
SMALLEST_CM3, LARGEST_CM3 = 20.0, 180.0
FARTHEST_MM = 30.0
TRIES, CLOSE = 4, 0.008  # of moving a tumour, until coverage is as near as that to what is wanted
WAYS = {"corrected": True, "uncorrected": False}
POLICY = DoseOfTheDay()  # as it comes: it replans below 95 % of the prescription
THRESHOLD = POLICY.coverage


def patient(seed: int, number: int) -> PatientTwin:
    """In-silico; sizes evenly spread in the logarithm by the golden ratio."""
    share = (0.5 + number * 0.6180339887498949) % 1.0
    cm3 = round(SMALLEST_CM3 * (LARGEST_CM3 / SMALLEST_CM3) ** share, 1)
    return make_patient(seed + number, gtv_cm3=cm3, site=("central", "peripheral")[number % 2])[0]


@dataclass(frozen=True)
class Wish:
    """What a case is to be.

    Args:
        coverage: D95 of the target over the prescription, on the true CT.
        direction: (z, y, x) in which the tumour moves.
        share: of its first volume that the tumour has.
        erosion: share of what it lost that re-aerates.
    """

    coverage: float
    direction: np.ndarray
    share: float
    erosion: float

    @classmethod
    def of(cls, twin: PatientTwin, number: int, case: int) -> Wish:
        """Half of a patient's cases lie near the threshold, and half of all below it."""
        rng = Key(0, twin.id, Purpose.COHORT, sample=case).generator()
        direction = rng.normal(size=3)
        near, below = (case + number) % 2 == 0, (case // 2 + number) % 2 == 0
        off = (-1 if below else 1) * rng.uniform(*((0.0, NEAR) if near else (NEAR, 3 * NEAR)))
        share, erosion = rng.uniform(0.6, 1.05), rng.uniform()
        return cls(THRESHOLD * (1 + off), direction / np.linalg.norm(direction), share, erosion)

    def day(self, twin: PatientTwin, case: int, attempt: int, mm: float) -> Day:
        """A day in mid-course with the tumour moved."""
        days = {kind: np.full(case + 1, np.inf) for kind in KINDS} | {"shift": np.zeros(case + 1)}
        shifts = {kind: np.tile(mm * self.direction, (case + 1, 1)) for kind in ("shift", "atelectasis")}
        events = AnatomyEvents(days, shifts)
        ordinal = case + CASES * attempt
        cm3 = self.share * twin.gtv_cm3
        return Day(case, ordinal, 21.354, cm3, self.erosion, 15, -19.0, events)


def coverages(library: PlanLibrary, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shifts of the target along a direction (z, y, x), mm, and its D95 over the prescription in the planned dose."""
    axes = library.twin.contours.geometry.rotation[:, ::-1].T
    points, dose = library.points("target"), library.first.volume
    steps = np.arange(0.0, FARTHEST_MM + 0.25, 0.5)
    d95 = [np.percentile(dose_at(dose, points + s * direction @ axes), 5.0) / PLAN.total_gy for s in steps]
    return steps, np.array(d95)


def case_day(
    library: PlanLibrary, images: DayImages, wish: Wish, case: int, above: list[float]
) -> tuple[Day, Medium, np.ndarray]:
    """The day on which the true CT's coverage is the one wanted, the patient on it, and the dose.

    Args:
        library: of the plan.
        images: of the patient.
        wish: what is wanted.
        case: which.
        above: by how much coverage on true CTs lay above that in the planned dose so far; is added to.
    """
    steps, planned = coverages(library, wish.direction)
    beams = library.beams(PLANNED)
    best = None
    for attempt in range(TRIES):
        met = planned <= wish.coverage - (above[-1] if above else 0.0)
        at = int(np.argmax(met)) if met.any() else len(steps) - 1
        day = wish.day(library.twin, case, attempt, float(steps[at]))
        scan = replace(library.twin.baseline, volume=images.ct(day, Imaging(modality="ct")))
        medium = Medium.of(scan, library.twin.contours, beams.template.spacing_mm)
        dose = superposed(medium, beams.beams)
        target = images.field(day).on_day(library.points("target"))
        d95 = np.percentile(dose_at(Volume(medium.grid, dose, "DOSE", "Gy"), target), 5.0) / PLAN.total_gy
        above.append(float(d95 - planned[at]))
        off = abs(d95 - wish.coverage)
        if best is None or off < best[0]:
            best = off, (day, medium, dose)
        if off <= CLOSE:
            break
    assert best is not None
    return best[1]


def make_case(
    library: PlanLibrary, images: DayImages, wish: Wish, case: int, fine: bool, above: list[float]
) -> dict:
    """All that judging a case takes."""
    twin, planned = library.twin, library.beams(PLANNED)
    day, medium, dose = case_day(library, images, wish, case, above)
    true = images.ct(day, Imaging(modality="ct"))
    request = ScanRequest.after(images.follow_up(day), Key(0, twin.id, Purpose.SCANNER, case, case))
    device = scanner_named("cbct")
    fast = {"quality": "fast"}
    seen = {
        way: device.scan([replace(request, options=fast | {"correction": on})])[0]
        for way, on in WAYS.items()
        if on or fine
    }
    spacing_mm = planned.template.spacing_mm
    sizes = (spacing_mm, *([FINE_MM] if fine else []))
    scan = replace(twin.baseline, volume=true)
    follow = images.field(day).on_day
    return {
        "patient": twin.id, "case": case, "fine": fine, "beams": planned.beams, "gtv_cm3": twin.gtv_cm3, "seen": seen,
        "true": {s: medium if s == spacing_mm else Medium.of(scan, twin.contours, s) for s in sizes}, "dose": dose,
        "planning": {s: Medium.of(twin.baseline, twin.contours, s) for s in sizes},
        "points": {name: follow(library.points(name)) for name in ("target", "Lungs-GTV")},
        "ptv": union(planned.targets, "PTV"),
        "planned_lung_gy": float(dose_at(library.first.volume, library.points("Lungs-GTV")).mean()),
    }  # fmt: skip


def cases(folder: Path, patients: int, fine: int, most: int) -> None:
    """Make what is missing."""
    for number in range(patients):
        missing = [k for k in range(CASES) if not (folder / f"case-{number:03d}-{k}.pickle").exists()]
        if missing and most > 0:
            most -= 1
            cases_of(folder, number, missing, number < fine)


def cases_of(folder: Path, number: int, missing: list[int], fine: bool) -> None:
    """Some cases of a patient, the first on the fine grid too where that is asked for."""
    twin = patient(FIRST_SEED, number)
    plans = FluencePlans(twin)
    library = PlanLibrary(twin, PLAN, plans.of(PLAN).dose, plans)
    images, above = DayImages(twin, 0), list[float]()
    for k in missing:
        made = make_case(library, images, Wish.of(twin, number, k), k, k == 0 and fine, above)
        write(folder / f"case-{number:03d}-{k}.pickle", pickle.dumps(made))
        print(twin.id, k, f"{process_time():.0f} s", flush=True)


def write(file: Path, data: bytes) -> None:
    beside = file.with_suffix(".part")
    beside.write_bytes(data)
    beside.rename(file)
