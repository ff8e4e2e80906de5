"""The images and doses of the day for policies that look at them: made when asked for, kept, and shared between arms.

What is made of a sample on a day follows from what was given until then and from its key, so that two policies have
the same image until they have treated differently. Doses of the day are recalculated with the beams of the plan in use;
beyond the field of a cone-beam CT the planning CT stands in for the day's. Tissue lies where the follow-up's
displacement has it, and a policy sees all of it displaced by the error of registration.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.engine.library import DoseLibrary, State
from scenarios.plans.plan import NO_TRANSLATION, Imaging
from scenarios.plans.sight import SeenDose
from scenarios.records.budget import DAYS_KEPT
from simulators.anatomy.events import AnatomyEvents
from simulators.core.chance import Key, Purpose
from simulators.core.scanner import ScanRequest
from simulators.core.treatment import FollowUp, TreatmentRequest, TumourView, VirtualTreatment
from simulators.dose.medium import Medium, electron_density
from twin import DoseGrid, Geometry, InputError, PatientTwin, Volume

if TYPE_CHECKING:
    from simulators.dose.deformed import Field
    from simulators.insilico.moved_anatomy import ChangedAnatomy

_FIELD_MM = 4.0  # voxels on which displacements are kept
_FOLLOW_UPS_KEPT = 2  # large, and hardly asked for twice
_AIR_HU = -1000.0


@dataclass(frozen=True)
class Day:
    """All that the images of one sample on one day follow from.

    Args:
        sample: of the belief.
        ordinal: of the image.
        time_days: from day 0.
        gtv_cm3: true volume of the tumour, cm3.
        erosion: share of what it lost that re-aerates.
        fractions: given before it.
        since_end_days: from the end of the course as it is planned, days.
        events: of all samples; the same wherever the day is.
    """

    sample: int
    ordinal: int
    time_days: float
    gtv_cm3: float
    erosion: float
    fractions: int
    since_end_days: float
    events: AnatomyEvents = field(compare=False)


@dataclass(frozen=True)
class Given:
    """A fraction as it was meant to be given.

    Args:
        time_days: from day 0.
        share: of its plan's prescription.
        plan: in use; of fractions before the twin's now the name of their dose grid, or None where that is unknown.
    """

    time_days: float
    share: float
    plan: State | str | None


class Kept:
    """The last things that were made, by what they follow from.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._most, self._held = most, OrderedDict[Any, Any]()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """What is kept under a key, or is made now."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        made = self._held[key] = make()
        if len(self._held) > self._most:
            self._held.popitem(last=False)
        return made


class DayImages:
    """What a patient's images show, on any day of any sample.

    Args:
        twin: the patient.
        seed: root of all chance.
    """

    def __init__(self, twin: PatientTwin, seed: int) -> None:
        self._twin, self._seed = twin, seed
        self._follow_ups, self._fields = Kept(_FOLLOW_UPS_KEPT), Kept(DAYS_KEPT)
        self._cts, self._media, self._doses = Kept(DAYS_KEPT), Kept(DAYS_KEPT), Kept(DAYS_KEPT)

    def follow_up(self, day: Day) -> FollowUp:
        """The patient on a day, by the mechanistic generator.

        Args:
            day: which.

        Raises:
            InputError: it cannot draw the patient.
        """
        return self._follow_ups.get(day, lambda: self._generated(day))

    def ct(self, day: Day, imaging: Imaging) -> Volume:
        """The CT of a day, as it was acquired or on the grid of the cone-beam CT that it was made of, HU.

        Args:
            day: which.
            imaging: how.
        """
        if imaging.modality == "ct":
            return ScanRequest.after(self.follow_up(day), self._key(day)).shown
        return self._cts.get((day, imaging.synthetic_ct), lambda: self._synthetic(day, imaging.synthetic_ct))

    def dose(self, day: Day, imaging: Imaging, library: DoseLibrary, state: State) -> DoseGrid:
        """The plan in use on a day, all its fractions, Gy, in the room.

        Args:
            day: which.
            imaging: how the patient is seen.
            library: of the plan.
            state: in which it is used.

        Raises:
            InputError: the plan has no beams.
        """
        how = imaging.modality, imaging.synthetic_ct
        return self._doses.get(
            (day, how, id(library), state), lambda: self._recalculated(day, imaging, library, state)
        )

    def field(self, day: Day) -> Field:
        """Where the tissue of day 0 lies on a day.

        Args:
            day: which.
        """
        return self._fields.get(day, lambda: self._displaced(day))

    def _generated(self, day: Day) -> FollowUp:
        request = TreatmentRequest(
            scan=self._twin.baseline,
            structures=self._twin.contours,
            dose_since=None,
            eqd2_since=None,
            fractions_since=day.fractions,
            elapsed_days=day.time_days - self._twin.baseline.time_days,
            since_rt_end_days=day.since_end_days,
            clinical=self._twin.clinical,
            tumour=TumourView(day.gtv_cm3, self._twin.gtv_cm3, day.erosion),
            key=Key(self._seed, self._twin.id, Purpose.IMAGE, day.sample),
        )
        why = self._generator.domain(request)
        if why is not None:
            raise InputError(f"there is no image of sample {day.sample} on day {day.time_days:.0f}: {why}")
        (made,) = self._generator.generate([request])
        return self._anatomy.after(made, day.events, day.sample, day.time_days)

    def _synthetic(self, day: Day, translation: str) -> Volume:
        from simulators.names.scanners import scanner_named

        device = scanner_named("cbct")
        request = ScanRequest.after(self.follow_up(day), self._key(day))
        (seen,) = device.scan([replace(request, options=device.options.course)])
        return translated(seen, translation)

    def _displaced(self, day: Day) -> Field:
        from simulators.dose.deformed import Field

        made = self.follow_up(day)
        fine = made.scan.geometry
        coarse = fine.resampled(_FIELD_MM)
        mm = [Volume(fine, u, "DISTANCE", "mm").on(coarse) for u in made.displacement_mm]
        return Field(coarse, np.stack(mm), "reference")

    def _recalculated(self, day: Day, imaging: Imaging, library: DoseLibrary, state: State) -> DoseGrid:
        from simulators.photon.superposition import superposed  # loads numba

        planned = library.beams(state)
        medium = self._medium(day, imaging, planned.template.spacing_mm)
        volume = Volume(medium.grid, superposed(medium, planned.beams), "DOSE", "Gy")
        return replace(planned.dose, volume=volume)

    def _medium(self, day: Day, imaging: Imaging, spacing_mm: float) -> Medium:
        how = day, imaging.modality, imaging.synthetic_ct, spacing_mm
        return self._media.get(how, lambda: self._seen_medium(self.ct(day, imaging), spacing_mm))

    def _seen_medium(self, ct: Volume, spacing_mm: float) -> Medium:
        scan = replace(self._twin.baseline, volume=ct)
        if ct.geometry.same_grid(self._twin.contours.geometry):
            return Medium.of(scan, self._twin.contours, spacing_mm)
        return laid_into(self._planning(spacing_mm), ct)

    def _planning(self, spacing_mm: float) -> Medium:
        if spacing_mm not in self._planned:
            self._planned[spacing_mm] = Medium.of(self._twin.baseline, self._twin.contours, spacing_mm)
        return self._planned[spacing_mm]

    def _key(self, day: Day) -> Key:
        return Key(self._seed, self._twin.id, Purpose.SCANNER, day.sample, day.ordinal)

    @cached_property
    def _planned(self) -> dict[float, Medium]:
        return {}

    @cached_property
    def _anatomy(self) -> ChangedAnatomy:
        from simulators.insilico.moved_anatomy import ChangedAnatomy

        key = Key(self._seed, self._twin.id, Purpose.ANATOMY)
        return ChangedAnatomy(self._twin.baseline, self._twin.contours, key)

    @cached_property
    def _generator(self) -> VirtualTreatment:
        from simulators.treatment.mechanistic import MechanisticTreatment

        return MechanisticTreatment()


def translated(cone_beam: Volume, translation: str) -> Volume:
    """A CT of a cone-beam CT, on its grid.

    Args:
        cone_beam: HU.
        translation: a task, TASK/WEIGHTS, or "none": its HU as they are.

    Raises:
        InputError: there is no such task or weights.
    """
    if translation == NO_TRANSLATION:
        return Volume(cone_beam.geometry, cone_beam.array, "CT", "HU")
    from simulators.learned.scanner import translator_named

    task, _, weights = translation.partition("/")
    return translator_named(task, weights or None).translate(cone_beam)


def laid_into(planning: Medium, ct: Volume) -> Medium:
    """A patient as beams see him on a CT that shows a part of him, and on the planning CT beyond it.

    Args:
        planning: the planning CT.
        ct: HU, round as a cone-beam CT is.
    """
    shown = within_field(ct.geometry, planning.grid) & (planning.density > 0)
    day = electron_density(ct.on(planning.grid, fill=_AIR_HU))
    return Medium(planning.grid, np.where(shown, day, planning.density))


def within_field(seen: Geometry, grid: Geometry) -> np.ndarray:
    """(z, y, x) bool: which voxels of a grid a cone-beam CT shows, a voxel away from its ends and its round edge.

    Args:
        seen: grid of the cone-beam CT, axes upright.
        grid: of the patient.
    """
    index = np.moveaxis(seen.index(grid.lps(np.moveaxis(np.indices(grid.shape), 0, -1))), -1, 0)
    middle = (np.array(seen.shape) - 1) / 2
    z, y, x = (abs(i - m) for i, m in zip(index, middle, strict=True))
    across = np.hypot(y / (middle[1] - 1), x / (middle[2] - 1)) <= 1
    return across & (z <= middle[0] - 1)


@dataclass(frozen=True, eq=False)
class DayView:
    """One image of one sample as a policy looks at it.

    Args:
        images: of the patient.
        imaging: how he is imaged.
        library: of the plan.
        day: which.
        plan: that is in use.
        given: the fractions so far.
        before: the earlier images of the sample.
        error_mm: of registration, (z, y, x) mm.
    """

    images: DayImages
    imaging: Imaging
    library: DoseLibrary
    day: Day
    plan: State
    given: Sequence[Given]
    before: Sequence[DayView]
    error_mm: np.ndarray

    @property
    def scan(self) -> Volume:
        """The region of the CT that changed, without a scanner."""
        return self.images.follow_up(self.day).scan

    @property
    def gtv(self) -> Volume:
        """The tumour drawn on it."""
        return self.images.follow_up(self.day).gtv

    @property
    def ct(self) -> Volume:
        """The CT of the day, acquired or made of a cone-beam CT."""
        return self.images.ct(self.day, self.imaging)

    @property
    def dose_of_day(self) -> SeenDose:
        """The plan in use on that CT."""
        dose = self._dose(self.plan)
        axes = dose.volume.geometry.rotation[:, ::-1].T

        def tissue(structure: str) -> np.ndarray:
            lies = self.images.field(self.day).on_day(self.library.points(structure))
            return lies + self.error_mm @ axes

        return SeenDose(dose.volume, dose.prescription_gy, tissue)

    @property
    def accumulated(self) -> SeenDose:
        """What was given so far, on the anatomy of day 0."""
        shares: Counter[tuple[int, State | str]] = Counter()
        for one in self.given:
            if one.plan is not None:
                number = sum(view.day.time_days < one.time_days for view in self.before)
                shares[number, one.plan] += one.share  # type: ignore[assignment]  # a share, not a count
        planned = self.library.beams(self.plan).dose
        grid = planned.volume.geometry
        total = np.zeros(grid.shape, np.float32)
        for (number, plan), share in shares.items():
            total += np.float32(share) * self._brought_back(number, plan, grid)
        return SeenDose(Volume(grid, total, "DOSE", "Gy"), planned.prescription_gy, self.library.points)

    def _brought_back(self, number: int, plan: State | str, grid: Geometry) -> np.ndarray:
        """A plan's dose on the tissue of day 0: from the planning CT for 0, else from the image of that number."""
        from simulators.dose.deformed import DayDose, on_reference

        if isinstance(plan, str) or number == 0:
            name = plan if isinstance(plan, str) else self.library.state(plan)
            return self.library.doses[name].volume.on(grid)
        view = self.before[number - 1]
        dose = view._dose(plan).volume
        return on_reference(DayDose(dose, self.images.field(view.day)), grid, "dose")

    def _dose(self, state: State) -> DoseGrid:
        return self.images.dose(self.day, self.imaging, self.library, state)
