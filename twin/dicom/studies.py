"""A folder of mixed DICOM studies as one patient's timeline."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twin.clinical import ClinicalRecord
from twin.dicom import multiframe, rtdose, rtplan, rtstruct
from twin.dicom import series as dicom
from twin.dicom.naming import Names
from twin.dicom.pseudonym import pseudonym, without_identity
from twin.dicom.regions import read_regions
from twin.dicom.rtstruct import Roi
from twin.dicom.series import Instance, Series
from twin.dicom.suv import suv_factors
from twin.dicom.treatment import Treatment, treatment
from twin.errors import InputError
from twin.nomenclature import is_gross_tumour
from twin.observation import Observation
from twin.patient import PatientTwin
from twin.scan import Acquired, Registration, Scan
from twin.structures import StructureSet
from twin.volume import Volume

_PRIVATE = ("PatientName", "PatientID", "PatientBirthDate", "StudyDate", "AccessionNumber")
_ORDER = ("CT", "CBCT", "MR", "PT")
_CONE_BEAM = ("CBCT", "CONE BEAM", "CONEBEAM", "XVI", "ON-BOARD", "OBI", "HALCYON")


@dataclass(eq=False)
class _Image:
    """One image series on its way into the twin."""

    series: Series
    modality: str
    rois: list[Roi] = field(default_factory=list)
    drawn: list[Instance] = field(default_factory=list)
    time_days: float = 0.0

    @property
    def first(self) -> Instance:
        return self.series.first


class Studies:
    """All series of one patient, sorted out.

    Args:
        series: what the folder holds.
        src: its name, for messages.
        gtv: names of the structures that the user calls gross tumour.
        days: day of a series without a date, by a part of its description or of a file's name.
        delivered_from: day of the first fraction where the plans count as delivered, else None.

    Raises:
        InputError: no CT, contours of another frame, or a date that is missing.
    """

    def __init__(
        self,
        series: Sequence[Series],
        src: str,
        *,
        gtv: Sequence[str] = (),
        days: Mapping[str, float] | None = None,
        delivered_from: float | None = None,
    ) -> None:
        self.src, self.gtv, self.days, self.delivered_from = src, tuple(gtv), days or {}, delivered_from
        self.notes: list[str] = []
        self.unknown: list[str] = []
        self.of: dict[str, list[Instance]] = defaultdict(list)
        self.images: list[_Image] = []
        for s in series:
            if s.modality in dicom.IMAGES:
                self._take_image(s)
            else:
                self.of[s.modality].extend(s.files)
        self._assign_contours()
        self.planning = self._planning_ct()
        for image in self.images:
            image.time_days = self._day(image)
        first = self.planning.first
        self.private = tuple(first.text(k) for k in _PRIVATE)

    def _take_image(self, series: Series) -> None:
        first = series.first
        kind = series.modality
        if any(dicom.multi_frame(f) for f in series.files):
            taken_apart = multiframe.slices(series) if kind in ("CT", "MR") else None
            if taken_apart is None:
                self.notes.append(
                    f"a {kind} series was left out that is a multi-frame image without the geometry of its frames; "
                    "convert it to single slices first"
                )
                return
            series, first = taken_apart, taken_apart.first
        if "LOCALIZER" in first.text("ImageType") or len(series.files) < 2:
            n = len(series.files)
            self.notes.append(f"a {kind} series of {n} image{'s' * (n > 1)} that is no volume was left out")
            return
        words = " ".join(
            first.text(k)
            for k in ("SeriesDescription", "StudyDescription", "ManufacturerModelName", "ImageType")
        ).upper()
        if kind == "CT" and any(word in words for word in _CONE_BEAM):
            kind = "CBCT"
        self.images.append(_Image(series, kind))

    def _assign_contours(self) -> None:
        for file in self.of["RTSTRUCT"]:
            image = self._drawn_on(file)
            image.rois += rtstruct.read_rois(file)
            image.drawn.append(file)

    def _drawn_on(self, file: Instance) -> _Image:
        """The image that an RTSTRUCT is drawn on: the series it names, else one of its frame."""
        refers = rtstruct.drawn_on(file)
        order = sorted(self.images, key=lambda i: (i.modality != "CT", -len(i.series.files)))
        study = file.text("StudyInstanceUID")
        order.sort(key=lambda i: i.first.text("StudyInstanceUID") != study)
        for image in order:
            named = refers.images.get(image.first.text("SeriesInstanceUID"))
            if named is not None and (not refers.frames or image.series.frame in refers.frames):
                lost = len(named - {f.text("SOPInstanceUID") for f in image.series.files})
                if 0 < lost < len(named):  # where all are lost, an anonymiser renamed the images
                    raise InputError(
                        f"{lost} of the {len(named)} {image.modality} slices that the RTSTRUCT {file.file} is drawn on "
                        f"are not in {self.src}; give the whole series"
                    )
                return image
        for image in order:
            if not refers.frames or not image.series.frame or image.series.frame in refers.frames:
                return image
        if not order:
            left_out = f": {self.notes[0]}" if self.notes else ""
            raise InputError(f"no CT series in {self.src}{left_out}")
        raise InputError(
            f"the RTSTRUCT {file.file} is drawn in another frame of reference than the CT ({order[0].first.file})"
        )

    def _planning_ct(self) -> _Image:
        """The CT that carries the simulation: the first with a gross tumour, with contours, with most slices."""
        cts = [i for i in self.images if i.modality == "CT"]
        if not cts:
            left_out = f": {self.notes[0]}" if self.notes else ""
            raise InputError(f"no CT series in {self.src}{left_out}")

        def rank(image: _Image) -> tuple[bool, bool, str, int]:
            gross = any(r.contours and (r.name in self.gtv or is_gross_tumour(r.name)) for r in image.rois)
            return not gross, not image.rois, image.first.text("StudyDate") or "9", -len(image.series.files)

        return min(cts, key=rank)

    # Time

    def _day(self, image: _Image) -> float:
        """Days from the planning CT to a series."""
        if image is self.planning:
            return 0.0
        given = self._given_day(image)
        if given is not None:
            return given
        zero, date = self.planning.first.date("StudyDate"), image.first.date("StudyDate")
        if zero is not None and date is not None:
            return float((date - zero).days)
        same_study = image.first.text("StudyInstanceUID") == self.planning.first.text("StudyInstanceUID")
        if same_study:
            return 0.0
        raise InputError(
            f"the {image.modality} series of {image.first.file} or the planning CT has no StudyDate; "
            f"say its day from day 0, for example --day {image.first.file}=21"
        )

    def _given_day(self, image: _Image) -> float | None:
        for part, day in self.days.items():
            described = part == image.first.text("SeriesDescription")
            if part and (described or any(part in f.file for f in image.series.files)):
                return float(day)
        return None

    # Putting together

    def twin(self) -> PatientTwin:
        """The patient."""
        planning = self.planning
        baseline = self._volume(planning)
        motions = _Motions(planning, baseline)
        ordered = sorted(
            self.images, key=lambda i: (i.time_days, i is not planning, _ORDER.index(i.modality))
        )
        scans, sets = [], []
        measured: dict[float, Observation] = {}  # one a day, on the first of CT, CBCT, MR
        names = Names()
        for image in ordered:
            native = baseline if image is planning else self._volume(image)
            placed, registration = motions.placed(image, native)
            scan = Scan(
                names.free(_scan_name(image)), image.time_days, placed, registration, _acquired(image)
            )
            scans.append(scan)
            if registration is not None and registration.poor:
                self.notes.append(
                    f"{scan.name} fits the baseline poorly (similarity {registration.similarity:.2f}); do not trust it"
                )
            if image.rois or image is planning:
                contours = self._contours(image, native, placed)
                sets.append(contours)
                if image.time_days > 0 and contours.role("GTV") and image.modality != "PT":
                    seen = Observation(image.time_days, "gtv_cm3", contours.gtv_cm3(), scan.name)
                    measured.setdefault(image.time_days, seen)
        self._check_names()
        sets.sort(key=lambda s: (s.time_days, not s.geometry.same_grid(baseline.geometry)))
        zero = planning.first.date("StudyDate")
        treatment = self._treatment(motions, sets, zero)
        if self.unknown:
            listed = ", ".join(sorted(set(self.unknown)))
            self.notes.append(f"structure names that TG-263 does not know were kept: {listed}")
        for modality in sorted(set(self.of) - {"RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD"}):
            if self.of[modality]:
                self.notes.append(f"{len(self.of[modality])} files of modality {modality} were left out")
        ends = [0.0, *(f.time_days for f in treatment.fractions), *measured]
        return PatientTwin(
            pseudonym(
                planning.first.text("PatientID") or planning.first.text("StudyInstanceUID") or self.src
            ),
            clinical=_clinical(planning.first),
            scans=tuple(scans),
            structures=tuple(sets),
            doses={d.name: d for d in treatment.doses},
            fractions=treatment.fractions,
            observations=tuple(measured.values()),
            day0_weekday=zero.weekday() if zero else None,
            now_days=max(ends),
            notes=tuple(self.notes),
        )

    def _treatment(
        self, motions: _Motions, sets: list[StructureSet], zero: datetime.date | None
    ) -> Treatment:
        """Doses and fractions, the doses laid in the baseline's frame."""
        plans = [rtplan.read_plan(file) for file in self.of["RTPLAN"]]
        doses = [motions.placed_dose(rtdose.read_dose(file), file) for file in self.of["RTDOSE"]]
        sessions = [rtplan.read_record(file) for file in self.of["RTRECORD"]]
        contours = next((s for s in sets if s.role("GTV")), None)
        found = treatment(
            plans, doses, sessions, contours=contours, day0=zero, delivered_from=self.delivered_from
        )
        self.notes += found.notes
        return found

    def _volume(self, image: _Image) -> Volume:
        if image.modality == "PT":
            factors = suv_factors(image.series)
            return dicom.volume(image.series, "PT", "SUV", lambda f: factors[f.file])
        if image.modality == "MR":
            return dicom.volume(image.series, "MR", "a.u.")
        return dicom.volume(image.series, "CBCT" if image.modality == "CBCT" else "CT", "HU")

    # Structures

    def _contours(self, image: _Image, native: Volume, placed: Volume) -> StructureSet:
        regions = read_regions(
            image.rois, native.geometry, placed.geometry, gtv=self.gtv, private=self.private
        )
        self.unknown += regions.unknown
        self.notes += regions.notes
        there = {s.source_name for s in regions.structures}
        for roi in image.rois if image is self.planning else ():
            source = without_identity(roi.name, self.private)
            if roi.name in self.gtv and source not in there:
                raise InputError(f"the structure {source!r} in {image.drawn[0].file} is empty")
        return StructureSet(placed.geometry, regions.structures, image.time_days)

    def _check_names(self) -> None:
        there = [r.name for image in self.images for r in image.rois]
        for name in self.gtv:
            if name not in there:
                listed = ", ".join(without_identity(n, self.private) for n in there) or "none"
                raise InputError(f"no structure {name!r} in {self.src}; there are: {listed}")


def _acquired(image: _Image) -> Acquired:
    """How the patient lay, and the axes of the images (their normal is the third)."""
    cosines = image.first.numbers("ImageOrientationPatient", 6)
    axes = np.column_stack([cosines[:3], cosines[3:], np.cross(cosines[:3], cosines[3:])])
    return Acquired(image.first.word("PatientPosition"), tuple(float(v) for v in axes.ravel()))


def _scan_name(image: _Image) -> str:
    kind = image.modality
    return kind if image.time_days == 0 else f"{kind} day {image.time_days:g}"


class _Motions:
    """How other frames of reference lie in the baseline's: registered once a frame."""

    def __init__(self, planning: _Image, baseline: Volume) -> None:
        self.planning, self.baseline = planning, baseline
        self.of: dict[str, tuple[np.ndarray, Registration]] = {}

    def _same(self, frame: str) -> bool:
        return frame == self.planning.series.frame

    def placed(self, image: _Image, native: Volume) -> tuple[Volume, Registration | None]:
        """A scan in the baseline's frame, its voxels as they were, and how it came there."""
        frame = image.series.frame
        if image is self.planning or self._same(frame):
            return native, None
        if frame not in self.of:
            from twin.anatomy.registration import POOR_SIMILARITY, register

            rigid = register(native, self.baseline)
            self.of[frame] = (
                rigid.matrix,
                Registration(
                    rigid.similarity, rigid.shift_mm, rigid.turn_deg, rigid.similarity < POOR_SIMILARITY
                ),
            )
        matrix, registration = self.of[frame]
        return Volume(native.geometry.moved(matrix), native.array, native.modality, native.unit), registration

    def placed_dose(self, dose: rtdose.RtDose, file: Instance) -> rtdose.RtDose:
        """A dose in the baseline's frame.

        Raises:
            InputError: it lies in a frame that no scan has.
        """
        if not dose.frame or self._same(dose.frame):
            return dose
        if dose.frame not in self.of:
            raise InputError(
                f"the RTDOSE {file.file} lies in a frame of reference that no scan of the patient has"
            )
        volume = dose.volume
        placed = Volume(volume.geometry.moved(self.of[dose.frame][0]), volume.array, "DOSE", "Gy")
        return rtdose.RtDose(placed, dose.summation, dose.plan_uid, self.planning.series.frame)


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
