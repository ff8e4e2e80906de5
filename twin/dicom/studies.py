"""A folder of mixed DICOM studies as one patient's timeline."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twin.clinical import ClinicalRecord
from twin.dicom.dates import study_day
from twin.dicom.images import series as dicom
from twin.dicom.images.frames import Frames, read_links
from twin.dicom.images.series import Series
from twin.dicom.images.volumes import Image, images
from twin.dicom.instance import Instance
from twin.dicom.left_out import LeftOut
from twin.dicom.naming import Names
from twin.dicom.pixels import with_loss
from twin.dicom.pseudonym import pseudonym
from twin.dicom.regions import read_regions
from twin.dicom.structure_sets import Drawing, choose, filled, gross_tumour, is_meant, read_drawings
from twin.dicom.terms import UNKNOWN
from twin.dicom.treatment import rtplan, rtrecord
from twin.dicom.treatment.history import Treatment, treatment
from twin.dicom.treatment.rtdose import RtDose, read_doses
from twin.errors import InputError
from twin.nomenclature.labels import Labels, repeated
from twin.observation import Observation
from twin.patient import PatientTwin
from twin.scan import Acquired, Scan
from twin.structures import StructureSet
from twin.volume import Volume

_ORDER = ("CT", "CBCT", "MR", "PT")


class Studies:
    """All series of one patient, sorted out.

    Args:
        series: what the folder holds.
        labels: gives what may be kept of structures' names.
        left_out: what of it was left out, to which more is added.
        gtv: names of the structures that the user calls gross tumour.
        structures: structure sets that the user asks for, by number, label or a part of the file's name.
        days: day of a series without a date, by a part of its description or of a file's name.
        delivered_from: day of the first fraction where the plans count as delivered, else None.
        carriers: modalities of what may stand for the planning CT, the wanted ones first.

    Raises:
        InputError: no CT, or two structure sets of which neither is the newest.
    """

    def __init__(
        self,
        series: Sequence[Series],
        labels: Labels,
        left_out: LeftOut,
        *,
        gtv: Sequence[str] = (),
        structures: Sequence[str] = (),
        days: Mapping[str, float] | None = None,
        delivered_from: float | None = None,
        carriers: Sequence[str] = ("CT",),
    ) -> None:
        self._carriers = tuple(carriers)
        self.days, self.delivered_from = days or {}, delivered_from
        self.left_out, self.wanted = left_out, tuple(structures)
        self.notes: list[str] = []
        self.unknown: list[str] = []
        self.of: dict[str, list[Instance]] = defaultdict(list)
        for s in series:
            if s.modality not in dicom.IMAGES:
                self.of[s.modality].extend(s.files)
        self.there = {f.text("SOPInstanceUID") for s in series for f in s.files}
        self.links = read_links(self.of["REG"], left_out)
        self.plans = self._plans()
        self.images = sorted(
            images([s for s in series if s.modality in dicom.IMAGES], left_out), key=lambda i: i.rank
        )
        self.drawings = read_drawings(self.of, labels, left_out)
        self.gtv = tuple(labels.meant(name) for name in gtv)
        self._check_wanted()
        self._assign()
        self.planning, self.baseline = self._planning_ct()

    def _plans(self) -> list[rtplan.Plan]:
        found = []
        for file in self.of["RTPLAN"]:
            try:
                found.append(rtplan.read_plan(file))
            except InputError as error:
                self.left_out.add("RTPLAN", [file], error)
        return found

    def _check_wanted(self) -> None:
        for name in self.wanted:
            if not any(is_meant(d, name) for d in self.drawings):
                there = ", ".join(f"{d.number} ({d.file.file})" for d in self.drawings) or "none"
                raise InputError(f"there is no structure set {repeated(name)}; there are: {there}")

    def _assign(self) -> None:
        """Lay each structure set on its image, and choose among those of one image."""
        for drawing in self.drawings:
            try:
                self._drawn_on(drawing).drawings.append(drawing)
            except InputError as error:
                self.left_out.add(drawing.kind, [drawing.file], error)
        planned_on = frozenset(p.structure_set for p in self.plans if p.treats and p.status != "REJECTED")
        for image in self.images:
            named = [n for n in self.gtv if any(d.named(n) for d in image.drawings)]
            image.chosen, notes = choose(
                image.drawings, gtv=named, wanted=self.wanted, planned_on=planned_on, on=image.modality
            )
            self.notes += notes

    def _drawn_on(self, drawing: Drawing) -> Image:
        """The image that a structure set is drawn on: the one whose slices it names, else one of its frame."""
        refers, file = drawing.refers, drawing.file
        if not self.images:
            raise InputError(f"there is no image that the {drawing.kind} {file.file} is drawn on")
        study = file.text("StudyInstanceUID")
        order = sorted(
            self.images,
            key=lambda i: (i.modality != "CT", i.first.text("StudyInstanceUID") != study, i.rank),
        )
        named = frozenset[str]().union(*refers.images.values())
        shown = max(order, key=lambda i: len(named & i.uids))  # the first of equals
        if not named & shown.uids:
            shown = next((i for i in order if i.first.text("SeriesInstanceUID") in refers.images), shown)
        in_series = shown.first.text("SeriesInstanceUID") in refers.images
        if (named & shown.uids or in_series) and (not refers.frames or shown.stack.frame in refers.frames):
            of_series = refers.images.get(shown.first.text("SeriesInstanceUID"), named)
            lost = len(of_series - self.there)
            if 0 < lost < len(of_series):  # where all are lost, an anonymiser renamed the images
                raise InputError(
                    f"{lost} of the {len(of_series)} {shown.modality} slices that the {drawing.kind} {file.file} is "
                    f"drawn on are missing; give the whole series"
                )
            return shown
        for image in order:
            if not refers.frames or not image.stack.frame or image.stack.frame in refers.frames:
                return image
        raise InputError(
            f"the {drawing.kind} {file.file} is drawn in another frame of reference than the {order[0].modality} "
            f"({order[0].first.file})"
        )

    def _planning_ct(self) -> tuple[Image, Volume]:
        """The CT that carries the simulation: the first with a gross tumour, that plans were made on, with contours,
        of the earliest day, with most slices; and its voxels. One whose pixels cannot be read is left out."""
        planned_on = {p.structure_set for p in self.plans if p.treats and p.status != "REJECTED"}

        def rank(image: Image) -> tuple[Any, ...]:
            drawn = [r for d in image.chosen for r in d.regions if filled(r)]
            gross = any(r.name.original in self.gtv or gross_tumour(r) for r in drawn)
            planned = any(d.uid in planned_on for d in image.chosen)
            day = image.day
            wanted = self._carriers.index(image.modality)
            return (
                wanted,
                not gross,
                not planned,
                not drawn,
                (day or datetime.date.max).isoformat(),
                image.rank,
            )

        while cts := [i for i in self.images if i.modality in self._carriers]:
            best = min(cts, key=rank)
            try:
                return best, best.volume()
            except InputError as error:
                self._drop(best, error)
        *others, last = self._carriers
        wanted = f"{', '.join(others)} or {last}" if others else last
        raise InputError(f"there is no {wanted} series{self.left_out.because}")

    def _drop(self, image: Image, why: str | InputError) -> None:
        self.left_out.add(image.modality, image.files, why)
        self.images.remove(image)

    # Time

    def _place_in_time(self) -> None:
        """Give each image its day; one whose day nothing tells is left out, and how to tell it is said."""
        zero, zero_study = self.planning.day, study_day(self.planning.files)
        for image in [i for i in self.images if i is not self.planning]:
            given = self._given_day(image)
            day, study = image.day, study_day(image.files)
            one_study = image.first.text("StudyInstanceUID") == self.planning.first.text("StudyInstanceUID")
            if given is not None:
                image.time_days = given
            elif zero is not None and day is not None:
                image.time_days = float((day - zero).days)
                by_study = (study - zero_study).days if study is not None and zero_study is not None else None
                if by_study is not None and by_study != image.time_days:
                    self.notes.append(
                        f"a {image.modality} was put on day {image.time_days:g}, when it was acquired; its study's "
                        f"date says day {by_study}"
                    )
            elif not one_study:
                self._drop(
                    image,
                    f"the {image.modality} series of {image.first.file} or the planning CT has no date; "
                    f"say its day from day 0, for example --day {image.first.file}=21",
                )

    def _given_day(self, image: Image) -> float | None:
        for part, day in self.days.items():
            described = part == image.first.text("SeriesDescription")
            if part and (described or any(f.is_called(part) for f in image.files)):
                return float(day)
        return None

    # Putting together

    def twin(self) -> PatientTwin:
        """The patient."""
        planning, baseline = self.planning, self.baseline
        self._place_in_time()
        frames = Frames(planning.stack.frame, baseline, self.links)
        scans, sets, measured = self._scans(frames)
        self._check_names()
        sets.sort(key=lambda s: (s.time_days, not s.geometry.same_grid(baseline.geometry)))
        zero = planning.day
        treatment = self._treatment(frames, sets, zero)
        if self.unknown:
            listed = ", ".join(sorted(set(self.unknown)))
            self.notes.append(f"structures whose names TG-263 does not know: {listed}")
        ends = [0.0, *(f.time_days for f in treatment.fractions), *measured]
        return PatientTwin(
            pseudonym(
                planning.first.text("PatientID") or planning.first.text("StudyInstanceUID") or min(self.there)
            ),
            clinical=_clinical(planning.first),
            scans=tuple(scans),
            structures=tuple(sets),
            doses={d.name: d for d in treatment.doses},
            fractions=treatment.fractions,
            observations=tuple(measured.values()),
            day0_weekday=zero.weekday() if zero else None,
            now_days=max(ends),
            notes=(*self.notes, *self.left_out.notes),
        )

    def _scans(self, frames: Frames) -> tuple[list[Scan], list[StructureSet], dict[float, Observation]]:
        """Every image as a scan in the baseline's frame, their structures, and the tumour volumes that these give:
        one a day, on the first of CT, CBCT, MR."""
        ordered = sorted(
            self.images, key=lambda i: (i.time_days, i is not self.planning, _ORDER.index(i.modality), i.rank)
        )
        scans: list[Scan] = []
        sets: list[StructureSet] = []
        measured: dict[float, Observation] = {}
        names = Names()
        for image in ordered:
            planning = image is self.planning
            try:
                native = self.baseline if planning else image.volume()
            except InputError as error:
                self._drop(image, error)
                continue
            placed, registration = frames.placed(image.stack.frame, native)
            scan = Scan(names.free(_scan_name(image)), image.time_days, placed, registration, _lay(image))
            scans.append(scan)
            if any(with_loss(f.data) for f in image.files):
                self.notes.append(
                    f"{scan.name} was compressed with loss: its values are near those that were scanned, not the same"
                )
            if registration is not None and registration.poor:
                self.notes.append(
                    f"{scan.name} fits the baseline poorly (similarity {registration.similarity:.2f}); do not trust it"
                )
            contours = self._contours(image, native, placed)
            if contours is None:
                continue
            sets.append(contours)
            if image.time_days > 0 and contours.role("GTV") and image.modality != "PT":
                seen = Observation(image.time_days, "gtv_cm3", contours.gtv_cm3(), scan.name)
                measured.setdefault(image.time_days, seen)
        return scans, sets, measured

    def _treatment(self, frames: Frames, sets: list[StructureSet], zero: datetime.date | None) -> Treatment:
        """Doses and fractions, the doses laid in the baseline's frame."""
        doses = self._doses(frames)
        deliveries = []
        plans = {p.uid: p for p in self.plans}
        for file in self.of["RTRECORD"]:
            try:
                beams = rtrecord.read_record(file)
            except InputError as error:
                self.left_out.add("RTRECORD", [file], error)
                continue
            treated = [d for d in beams if rtrecord.gives_dose(d, plans.get(d.plan_uid))]
            deliveries += treated
            if not treated:
                self.left_out.add("RTRECORD", [file], "setup, imaging or no meterset: it delivered nothing")
        contours = next((s for s in sets if s.role("GTV")), None)
        found = treatment(
            self.plans,
            doses,
            rtrecord.sessions(deliveries, plans),
            contours=contours,
            day0=zero,
            left_out=self.left_out,
            delivered_from=self.delivered_from,
        )
        self.notes += found.notes
        return found

    def _doses(self, frames: Frames) -> list[RtDose]:
        found = []
        for dose in read_doses(self.of["RTDOSE"], self.left_out):
            matrix = frames.matrix(dose.frame)
            if matrix is None:
                self.left_out.add(
                    "RTDOSE", 1, "it lies in a frame of reference that no scan of the patient has"
                )
            elif np.array_equal(matrix, np.eye(4)):
                found.append(dose)
            else:
                found.append(dose.moved(matrix, self.planning.stack.frame))
        return found

    # Structures

    def _contours(self, image: Image, native: Volume, placed: Volume) -> StructureSet | None:
        """The structures that are drawn on an image; None where there are none, or where its tumour cannot be read.

        Raises:
            InputError: the planning CT's tumour cannot be read.
        """
        planning = image is self.planning
        if not image.chosen and not planning:
            return None
        drawn = [region for drawing in image.chosen for region in drawing.regions]
        try:
            regions = read_regions(drawn, native.geometry, placed.geometry, gtv=self.gtv)
        except InputError as error:
            if planning:
                raise
            for drawing in image.chosen:
                self.left_out.add(drawing.kind, [drawing.file], error)
            return None
        self.unknown += regions.unknown
        self.notes += regions.notes
        there = {s.source_name for s in regions.structures}
        for name in (r.name for r in drawn) if planning else ():
            if name.original in self.gtv and name not in there:
                raise InputError(f"the structure {str(name)!r} in {image.chosen[0].file.file} is empty")
        return StructureSet(placed.geometry, regions.structures, image.time_days)

    def _check_names(self) -> None:
        there = {r.name.original: r.name for d in self.drawings for r in d.regions}
        used = {r.name.original for i in self.images for d in i.chosen for r in d.regions}
        for name in self.gtv:
            if name not in there:
                listed = ", ".join(there.values()) or "none"
                raise InputError(
                    f"there is no structure {repeated(name)}; there are: {listed}{self.left_out.because}"
                )
            if name not in used:
                numbers = ", ".join(str(d.number) for d in self.drawings if d.named(name))
                raise InputError(
                    f"the structure {str(there[name])!r} is in structure set {numbers}, which is not used; "
                    f"say --structures {numbers}"
                )


def _lay(image: Image) -> Acquired:
    """How the patient lay, and the axes of the images (their normal is the third)."""
    cosines = image.first.numbers("ImageOrientationPatient", 6)
    axes = np.column_stack([cosines[:3], cosines[3:], np.cross(cosines[:3], cosines[3:])])
    position = image.first.word("PatientPosition")
    plain = all(f.word("BurnedInAnnotation") == "NO" for f in image.files)
    return Acquired("" if position == UNKNOWN else position, tuple(float(v) for v in axes.ravel()), plain)


def _scan_name(image: Image) -> str:
    kind = image.modality
    return kind if image.time_days == 0 else f"{kind} day {image.time_days:g}"


def _clinical(file: Instance) -> ClinicalRecord:
    """Age and sex as the planning CT has them; a birth date is used and not kept."""
    sex = {"F": "female", "M": "male"}.get(file.text("PatientSex"))
    years = _age_years(file)
    known = {"age_years": years if years is not None and 0 <= years <= 120 else None, "sex": sex}
    return ClinicalRecord.model_validate(known)


def _age_years(file: Instance) -> float | None:
    age = file.text("PatientAge")
    if age[:-1].isdigit() and age[-1] in "YM":
        return float(age[:-1]) / (1 if age[-1] == "Y" else 12)
    born, seen = file.text("PatientBirthDate"), file.text("StudyDate")
    if len(born) == len(seen) == 8 and (born + seen).isdigit():
        return float((int(seen) - int(born)) // 10_000)  # whole years: YYYYMMDD carries into the year
    return None
