"""One patient of the longitudinal set: followed as in a clinic, and, where asked for, the truth under every plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.datasets.baseline import Baseline
from scenarios.datasets.plans import dates, given, intended, others
from scenarios.engine.course_dose import accumulated
from scenarios.engine.courses import realise
from scenarios.engine.planned_dose import planned_doses
from scenarios.plans.scenario import Scenario
from simulators.belief.prior import prior_belief
from simulators.core.chance import Key, Purpose
from simulators.core.course import Course, Event
from simulators.insilico.acquisition import Anatomy, carried, signed_distance_mm
from simulators.insilico.response import Response, TrueImage, mean_gy
from simulators.insilico.sets import TRUE_DRAW, VOLUMES
from simulators.insilico.sets import TRUTH as TRUTH_FOLDER
from simulators.insilico.traits import VERSION, Traits
from simulators.tumour.dose_volume import DoseVolumeKinetics
from twin import ClinicalRecord, DoseGrid, Fraction, PatientTwin, Scan, StructureSet, Volume
from twin.files.atomic import atomic_folder
from twin.files.folder import TRUTH

DRAWS = 100
_TRUTH_SEED, _DRAWS_SEED = 2**40, 2**41  # apart from all seeds that a belief would use
_PLAN_STREAM, _OTHERS_STREAM, _DATES_STREAM, _ERROR_STREAM, _GIVEN_STREAM = 10, 11, 12, 13, 14
_DATE_STEP = 10  # ordinals kept for each date's acquisition


@dataclass(frozen=True, eq=False)
class Arm:
    """One plan of one patient.

    Args:
        scenario: the plan.
        course: what it became.
        doses: its dose grids on the box, by name.
        kinetics: of the tumour under it.
    """

    scenario: Scenario
    course: Course
    doses: Mapping[str, DoseGrid]
    kinetics: DoseVolumeKinetics

    def volumes(self, params: Mapping[str, np.ndarray], days: list[float]) -> np.ndarray:
        """(n, days) tumour volume of (n,) parameters, cm3."""
        start = self.kinetics.start(PatientTwin("any"), params)
        return self.kinetics.follow(start, params, [self.course], np.asarray(days))[0]

    def fractions(self) -> tuple[Fraction, ...]:
        """What was delivered."""
        c = self.course
        return tuple(
            Fraction(
                float(c.time_days[i]), float(c.dose_gy[i]), c.grids[c.grid[i]] if c.grid[i] >= 0 else None,
                float(c.scale[i]),
            )
            for i in c.of(Event.FRACTION)
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Patient:
    """A patient of the set; each part is made when first asked for.

    Args:
        name: in the set.
        baseline: where he begins.
        seed: of all his chance but the baseline's.
    """

    name: str
    baseline: Baseline
    seed: int

    def _rng(self, ordinal: int) -> np.random.Generator:
        return Key(self.seed, self.name, Purpose.COHORT, ordinal=ordinal).generator()

    @property
    def _drugs(self) -> bool:
        return self.baseline.whole.clinical.chemotherapy == "concurrent"

    @cached_property
    def _meant(self) -> Scenario:
        b = self.baseline
        rng = self._rng(_PLAN_STREAM)
        return intended(rng, gtv_cm3=b.gtv_cm3, central=b.central, nodes=b.nodes, drugs=self._drugs)

    @cached_property
    def given(self) -> Scenario:
        """The factual plan."""
        return given(self._rng(_GIVEN_STREAM), self._meant)

    @cached_property
    def plans(self) -> list[Scenario]:
        """All plans, the factual one first."""
        rest = others(self._rng(_OTHERS_STREAM), self._meant, self.given, drugs=self._drugs)
        return [self.given, *rest]

    @cached_property
    def days(self) -> list[float]:
        """Days of the follow-up CTs."""
        return dates(self._rng(_DATES_STREAM), self.given, self.baseline.whole.day0_weekday)

    @cached_property
    def params(self) -> dict[str, np.ndarray]:
        """(1,) true parameters of the tumour."""
        return dict(prior_belief(self._light, 1, self.seed + _TRUTH_SEED).samples)

    @cached_property
    def _light(self) -> PatientTwin:
        b = self.baseline
        return PatientTwin(
            self.name, clinical=b.whole.clinical, scans=(b.scan,), structures=(b.structures,), in_silico=True
        )

    @cached_property
    def response(self) -> Response:
        """His images under any treatment."""
        b = self.baseline
        traits = Traits.draw(
            self.seed,
            self.name,
            gtv_cm3=b.gtv_cm3,
            central=b.central,
            squamous=b.whole.clinical.histology == "squamous",
            as_seen=b.acquired is not None,
        )
        key = Key(self.seed, self.name, Purpose.TRUTH, ordinal=2)
        erosion = float(self.params["erosion_fraction"][0])
        return Response(b.scan, b.structures, traits, erosion, key)

    @cached_property
    def anatomy(self) -> Anatomy:
        """What rules how his images move and look."""
        b = self.baseline
        error = float(self.params["contour_error"][0])
        body = b.structures.mask("Body")
        lung, gtv = self.response.regained, b.structures.gtv()
        return Anatomy(b.scan.volume.geometry, lung, gtv, body, b.noise_hu, error)

    def arm(self, scenario: Scenario) -> Arm:
        """A plan for this patient."""
        b = self.baseline
        course = realise(scenario, b.whole, max(self.days) + 1.0)
        whole = planned_doses(b.whole.fork(doses=self._planned), [scenario.plan]).doses
        self._planned.update(whole)
        own = {name: whole[name] for name in course.grids}
        return Arm(scenario, course, b.doses(own), DoseVolumeKinetics.from_dose(self._light, own))

    @cached_property
    def _planned(self) -> dict[str, DoseGrid]:
        return {}

    def true_image(self, arm: Arm, day: float, gtv_cm3: float) -> TrueImage:
        """The truth under a plan on a day."""
        before = int(np.searchsorted(arm.course.time_days, day))
        _, eqd2, _ = accumulated(arm.course, arm.doses, before)
        gtv_gy = mean_gy(eqd2, self.baseline.structures)
        since = day - arm.course.end_days
        return self.response.at(gtv_cm3, day, since_rt_end_days=since, eqd2=eqd2, gtv_gy=gtv_gy)

    @cached_property
    def acquired(self) -> tuple[Scan, StructureSet]:
        """The baseline as the clinic has it: with noise, and the tumour as it was drawn."""
        b = self.baseline
        truth = self.response.at(b.gtv_cm3, 0.0)
        if b.acquired is not None:
            return Scan("CT 0", 0.0, b.acquired.volume), self._drawn(truth.gtv, 0.0)
        key = self._date_key(0)
        hu = truth.hu + self.anatomy.noise(key)
        distance = signed_distance_mm(truth.gtv, b.scan.volume.geometry.spacing_mm)
        return self._scan("CT 0", 0.0, hu), self._drawn(self.anatomy.drawn(distance, key), 0.0)

    def _date_key(self, number: int) -> Key:
        return Key(self.seed, self.name, Purpose.SCANNER, ordinal=_DATE_STEP * (number + 1))

    def follow_up(self, number: int, day: float, truth: TrueImage) -> tuple[Scan, StructureSet]:
        """What the clinic gets of the truth on a date: breathing, set-up, noise and a drawn contour.

        Args:
            number: of the date, from 1.
            day: days from day 0.
            truth: of that day.
        """
        spacing = self.baseline.scan.volume.geometry.spacing_mm
        key = self._date_key(number)
        shift = self.anatomy.shift_mm(key)
        hu = carried(truth.hu, shift, spacing) + self.anatomy.noise(key)
        distance = carried(signed_distance_mm(truth.gtv, spacing), shift, spacing, order=1)
        drawn = self.anatomy.drawn(distance, key)
        return self._scan(f"CT {number}", day, hu), self._drawn(drawn, day, shift)

    def _scan(self, name: str, day: float, hu: np.ndarray) -> Scan:
        whole = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
        return Scan(name, day, Volume(self.baseline.scan.volume.geometry, whole, "CT", "HU"))

    def _drawn(self, gtv: np.ndarray, day: float, shift: np.ndarray | None = None) -> StructureSet:
        """The structures of a date; organs move with the anatomy."""
        labels = self._labels if shift is None else carried(
            self._labels, shift, self.baseline.scan.volume.geometry.spacing_mm, order=0
        )  # fmt: skip
        owner = self._owner
        out = StructureSet(self.baseline.structures.geometry, (), day)
        for name, mask in (("GTVp", gtv & ~owner), ("GTVn", gtv & owner)):
            if mask.any():
                colour = self.baseline.structures["GTVp"].colour
                out = out.with_mask(name, "GTV", mask, colour=colour)
        for name, bit in (("Lung_L", 1), ("Lung_R", 2), ("Body", 4)):
            mask = (labels & bit) > 0
            if bit < 4:
                mask &= ~gtv
            if mask.any():
                out = out.with_mask(name, "EXTERNAL" if bit == 4 else "OAR", mask)
        return out

    @cached_property
    def _labels(self) -> np.ndarray:
        """(z, y, x) uint8 bits: left lung, right lung, body; lungs with the room that the tumour leaves to them."""
        s = self.baseline.structures
        out = np.zeros(s.geometry.shape, np.uint8)
        regained = self.response.regained & s.gtv()
        own = self.response.own_lung
        for name, bit in (("Lung_L", 1), ("Lung_R", 2), ("Body", 4)):
            if name in s:
                out[s.mask(name)] |= bit
        out[regained] |= 1 if own == "Lung_L" else 2
        return out

    @cached_property
    def _owner(self) -> np.ndarray:
        """(z, y, x) bool: nearer to the nodes than to the primary."""
        from scipy.ndimage import distance_transform_edt

        s = self.baseline.structures
        if not ("GTVn" in s and "GTVp" in s):
            return np.full(s.geometry.shape, "GTVn" in s)
        to = {n: distance_transform_edt(~s.mask(n), sampling=s.geometry.spacing_mm) for n in ("GTVn", "GTVp")}
        return to["GTVn"] < to["GTVp"]

    def twin(self) -> PatientTwin:
        """The patient as a clinic would have him, under the factual plan."""
        arm = self._factual_arm
        volumes = arm.volumes(self.params, self.days)[0]
        pairs = [self.acquired]
        for k, (day, gtv_cm3) in enumerate(zip(self.days, volumes, strict=True), start=1):
            pairs.append(self.follow_up(k, day, self.true_image(arm, day, float(gtv_cm3))))
        return self._with(arm, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs))

    @cached_property
    def _factual_arm(self) -> Arm:
        return self.arm(self.given)

    def truths(self, begin: PatientTwin) -> Iterator[tuple[str, PatientTwin]]:
        """Slug and truth twin of each plan: on the same dates, without noise, aligned with the baseline.

        Args:
            begin: the factual twin, whose first scan and structures each truth begins with.
        """
        for arm in self.arms:
            scans, sets = [begin.scans[0]], [begin.structures[0]]
            for k, (day, cm3) in enumerate(
                zip(self.days, arm.volumes(self.params, self.days)[0], strict=True), start=1
            ):
                truth = self.true_image(arm, day, float(cm3))
                scans.append(self._scan(f"CT {k}", day, truth.hu))
                sets.append(self._drawn(truth.gtv, day))
            yield arm.scenario.slug, self._with(arm, tuple(scans), tuple(sets))

    @cached_property
    def arms(self) -> list[Arm]:
        """All plans, the factual one first."""
        return [self._factual_arm, *(self.arm(s) for s in self.plans[1:])]

    def _with(self, arm: Arm, scans: tuple[Scan, ...], structures: tuple[StructureSet, ...]) -> PatientTwin:
        return PatientTwin(
            id=self.name,
            clinical=self._clinical(arm),
            scans=scans,
            structures=structures,
            doses=arm.doses,
            fractions=arm.fractions(),
            day0_weekday=self.baseline.whole.day0_weekday,
            now_days=max(self.days),
            in_silico=True,
        )

    def _clinical(self, arm: Arm) -> ClinicalRecord:
        """The record; concurrent drugs are those of the plan."""
        record = self.baseline.whole.clinical
        if record.chemotherapy == "concurrent" and arm.scenario.plan.chemotherapy is None:
            return record.model_copy(update={"chemotherapy": "none"})
        return record

    def about(self) -> dict[str, Any]:
        """The truth as plain values."""
        return {
            "seed": self.seed,
            "id": self.name,
            **self.baseline.about,
            "gtv_cm3": self.baseline.gtv_cm3,
            "plan": self.given.slug,
            "biology": {k: float(v[0]) for k, v in self.params.items()},
            "response": {"version": VERSION, **self.response.traits.as_dict()},
        }

    def predictive(self, drawn_cm3: float) -> dict[str, np.ndarray]:
        """(draws,) parameters and `gtv0_cm3` that somebody must expect who knows the record and a drawn volume only."""
        belief = dict(prior_belief(self._light, DRAWS, self.seed + _DRAWS_SEED).samples)
        errors = self._rng(_ERROR_STREAM).standard_normal(DRAWS)
        belief["gtv0_cm3"] = drawn_cm3 * np.exp(-belief["contour_error"] * errors)
        return belief

    def volumes(self, drawn_cm3: float):
        """The table of true volumes (draw -1) and of what could be expected (draws 0 to 99), by plan and day."""
        import polars as pl

        believed = self.predictive(drawn_cm3)
        frames = []
        for arm in self.arms:
            true = arm.volumes(self.params, self.days)[0]
            scale = believed["gtv0_cm3"] / self.baseline.gtv_cm3
            drawn = arm.volumes({k: v for k, v in believed.items() if k != "gtv0_cm3"}, self.days)
            for d, day in enumerate(self.days):
                values = np.concatenate([[true[d]], drawn[:, d] * scale])
                columns = {"draw": np.arange(TRUE_DRAW, DRAWS, dtype=np.int32), "gtv_cm3": values}
                frames.append(
                    pl.DataFrame(columns).select(
                        pl.lit(arm.scenario.slug).alias("plan"), pl.lit(day).alias("day"), "draw", "gtv_cm3"
                    )
                )
        return pl.concat(frames)


def write(patient: Patient, folder: Path, *, truth: bool) -> None:
    """Write a patient's twin, and the truth under every plan, into a folder; where the twin is, all is.

    Args:
        patient: whom.
        folder: gets NAME.twin and, with `truth`, NAME.truth.
        truth: whether all plans are followed.
    """
    with atomic_folder(folder / f"{patient.name}.twin", replace=True) as part:
        patient.twin().save(part)
        (part / TRUTH).write_text(json.dumps(patient.about(), indent=1))
        if truth:
            begin = PatientTwin.load(part)  # its files are linked, not written again
            _write_truth(patient, begin, folder / f"{patient.name}{TRUTH_FOLDER}")


def _write_truth(patient: Patient, begin: PatientTwin, folder: Path) -> None:
    with atomic_folder(folder, replace=True) as part:
        for slug, twin in patient.truths(begin):
            twin.save(part / f"{slug}.twin")
        patient.volumes(begin.gtv_cm3).write_parquet(part / VOLUMES)
