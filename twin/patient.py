"""The patient twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from os import PathLike
from types import MappingProxyType
from typing import Any

from twin.belief import Belief
from twin.check import Check
from twin.clinical import ClinicalRecord
from twin.dose import DoseGrid, Fraction
from twin.errors import InputError
from twin.files import folder
from twin.files.lock import held
from twin.history import Change
from twin.inputs.bounds import bounded, check, check_fields
from twin.inputs.quantities import DatedTime, FractionNumber, Prescribed, Time, Weekday
from twin.observation import Observation
from twin.scan import Scan
from twin.structures import Structure, StructureSet

NO_REFERENCE = "none"  # plans take no dose of a planning system


@dataclass(frozen=True, eq=False)
class PatientTwin:
    """One patient, frozen: every change returns a new twin that shares the arrays it did not change.

    Args:
        id: pseudonym; never a name or a hospital number.
        clinical: the clinical record.
        scans: acquired and simulated scans, by time.
        structures: one structure set for each contoured date, by time.
        doses: dose grids by name.
        fractions: what was delivered, by time.
        observations: what was measured, by time.
        belief: samples of the tumour's parameters, or None before any prior was drawn.
        day0_weekday: 0 for a Monday; None where the date is unknown.
        now_days: where the patient stands, days from day 0.
        in_silico: made by this software, not a person.
        notes: what the import left out, assumed or found poor, one sentence each.
        check_source: what the import found plausible or not, or a function that looks when first asked.
        history: what was changed after the twin was made, in order.
        reference: name of the planning system's dose that plans take theirs from, by a user's word; "none" for no
            such dose, None where nobody has said.
        names_kept: structures may bear names as somebody typed them, on the user's word that they name nobody.
    """

    id: str
    clinical: ClinicalRecord = field(default_factory=ClinicalRecord)
    scans: tuple[Scan, ...] = ()
    structures: tuple[StructureSet, ...] = ()
    doses: Mapping[str, DoseGrid] = field(default_factory=dict)
    fractions: tuple[Fraction, ...] = ()
    observations: tuple[Observation, ...] = ()
    belief: Belief | None = None
    day0_weekday: Weekday | None = None
    now_days: Time = 0.0
    in_silico: bool = False
    notes: tuple[str, ...] = ()
    check_source: tuple[Check, ...] | Callable[[], tuple[Check, ...]] = ()
    history: tuple[Change, ...] = ()
    reference: str | None = None
    names_kept: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "doses", MappingProxyType(dict(self.doses)))
        check_fields(self)
        for scan in self.scans:
            check(DatedTime, scan.time_days, f"the day of {scan.name}")
        for record in (*self.fractions, *self.observations):
            check_fields(record)
        unknown = {f.grid for f in self.fractions if f.grid is not None} - set(self.doses)
        if unknown:
            raise InputError(
                f"fractions refer to dose grids that the twin lacks: {', '.join(sorted(unknown))}"
            )

    def __repr__(self) -> str:
        told = (
            f"{len(self.scans)} scans, {len(self.fractions)} fractions, {len(self.observations)} observations"
        )
        return f"<PatientTwin {self.id} on day {self.now_days:g}: {told}>"

    @classmethod
    def load(cls, path: str | PathLike[str]) -> PatientTwin:
        """Read a `NAME.twin` folder; arrays are read from disk when first used.

        Raises:
            InputError: no such folder, a newer format, or a broken file.
        """
        return cls(**folder.load(path))

    @classmethod
    @contextmanager
    def changing(cls, path: str | PathLike[str]) -> Iterator[PatientTwin]:
        """Read a `NAME.twin` folder that the block changes and saves, while no other process changes it.

        Raises:
            InputError: no such folder, a broken one, or one that another process is changing.
        """
        folder.check_there(path)
        with held(path):
            yield cls.load(path)

    def save(self, path: str | PathLike[str]) -> None:
        """Write a `NAME.twin` folder, whole or not at all.

        Raises:
            InputError: the folder exists with other content, or the disk is full.
        """
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        folder.save(known | {"check_source": self.checks}, path)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """What the import found plausible or not."""
        return self.check_source if isinstance(self.check_source, tuple) else self.check_source()

    @property
    def acquired(self) -> tuple[Scan, ...]:
        """The scans that were acquired, by time; of one that was changed on import what it became."""
        kept_beside = {scan.changed.source for scan in self.scans if scan.changed is not None}
        return tuple(s for s in self.scans if s.simulated is None and s.name not in kept_beside)

    @property
    def baseline(self) -> Scan:
        """The first acquired CT from day 0 on, whose grid and frame carry the simulation."""
        for scan in self.acquired:
            if scan.volume.modality == "CT" and scan.time_days >= 0:
                return scan
        raise InputError("the patient has no CT on or after day 0")

    @property
    def contours(self) -> StructureSet:
        """The structures drawn on the baseline CT."""
        for structures in self.structures:
            if structures.geometry.same_grid(self.baseline.volume.geometry):
                return structures
        raise InputError("the baseline CT has no structures")

    def drawn_on(self, scan: Scan) -> StructureSet | None:
        """What is drawn on a scan; None where nothing is.

        Args:
            scan: of the twin.
        """
        for structures in self.structures:
            if structures.time_days == scan.time_days and structures.geometry.same_grid(scan.volume.geometry):
                return structures
        return None

    @cached_property
    def gtv_cm3(self) -> float:
        """Volume of the GTV (union of all GTVs) on the baseline CT, cm3."""
        return self.contours.gtv_cm3()

    def deliver(self, fractions: Iterable[Fraction], doses: Iterable[DoseGrid] = ()) -> PatientTwin:
        """A new twin to which more fractions have been given; `now_days` moves to the last of them.

        Raises:
            InputError: a fraction lies before one that was already delivered.
        """
        new = tuple(sorted(fractions, key=lambda f: f.time_days))
        if new and self.fractions and new[0].time_days < self.fractions[-1].time_days:
            raise InputError(
                f"a fraction on day {new[0].time_days:g} comes before the last delivered one, "
                f"on day {self.fractions[-1].time_days:g}"
            )
        now = max([self.now_days, *(f.time_days for f in new)])
        grids = {**self.doses, **{d.name: d for d in doses}}
        added = tuple(name for name in grids if name not in self.doses)
        given_gy = sum(f.dose_gy for f in new)
        words = f"{len(new)} fractions delivered, {given_gy:g} Gy, until day {now:g}"
        change = Change("deliver", words, self.now_days, len(new), added)
        return replace(
            self,
            fractions=(*self.fractions, *new),
            doses=grids,
            now_days=now,
            history=(*self.history, change) if new else self.history,
        )

    def observe(
        self, observation: Observation, scan: Scan | None = None, structures: StructureSet | None = None
    ) -> PatientTwin:
        """A new twin with one more observation, and the scan and contours it came from.

        Observing only appends; `update_belief` in `simulators` learns from it.

        Raises:
            InputError: a time before day 0, or a value that is not positive and finite.
        """
        if not 0 <= observation.time_days < float("inf"):
            raise InputError(f"an observation needs a day of 0 or later, not {observation.time_days:g}")
        if not 0 <= observation.value < float("inf"):
            raise InputError(f"an observed {observation.kind} cannot be {observation.value:g}")
        observations = sorted((*self.observations, observation), key=lambda o: o.time_days)
        scans = self.scans if scan is None else (*self.scans, scan)
        contours = self.structures if structures is None else (*self.structures, structures)
        words = f"{observation.kind} {observation.value:g} observed on day {observation.time_days:g}"
        change = Change("observe", words, self.now_days, observation=observation)
        return replace(
            self,
            observations=tuple(observations),
            scans=tuple(sorted(scans, key=lambda s: s.time_days)),
            structures=tuple(sorted(contours, key=lambda s: s.time_days)),
            now_days=max(self.now_days, observation.time_days),
            history=(*self.history, change),
        )

    def scanned(self, scan: Scan) -> PatientTwin:
        """A new twin with one more simulated scan.

        Args:
            scan: marked as simulated, of a name that no scan of the twin has.
        """
        made = scan.simulated
        assert made is not None and all(scan.name != s.name for s in self.scans)
        words = f"{scan.name}, a simulated {made.scanner} scan of {made.source}, on day {scan.time_days:g}"
        return replace(
            self,
            scans=tuple(sorted((*self.scans, scan), key=lambda s: s.time_days)),
            history=(*self.history, Change("scan", words, self.now_days, scan=scan.name)),
        )

    def edited(self, clinical: ClinicalRecord) -> PatientTwin:
        """A new twin with another clinical record; its history keeps the old entries.

        What was believed of the tumour may follow from the record and is dropped.

        Raises:
            InputError: nothing changes.
        """
        old, new = self.clinical.model_dump(), clinical.model_dump()
        changed = [f"{k} {_word(old[k])} -> {_word(new[k])}" for k in new if old[k] != new[k]]
        if not changed:
            raise InputError("nothing changes: the clinical record holds these entries already")
        change = Change("edit", ", ".join(changed), self.now_days)
        return replace(self, clinical=clinical, belief=None, history=(*self.history, change))

    def keeping(self, dose: DoseGrid) -> PatientTwin:
        """A new twin that holds a dose that was calculated for it, in the place of a former one of the same plan.

        Args:
            dose: its name should be free, or that of the one that it replaces.
        """
        method = f"{dose.prescription_gy:g}/{dose.fractions} by {dose.method}"
        change = Change("edit", f"holds the dose of {method} as {dose.name}", self.now_days)
        return replace(self, doses={**self.doses, dose.name: dose}, history=(*self.history, change))

    @bounded
    def referring(
        self, name: str, *, gy: Prescribed | None = None, fractions: FractionNumber | None = None
    ) -> PatientTwin:
        """A new twin whose plans take their dose from one of its planning system's doses.

        Args:
            name: of the dose, or "none" for no dose of a planning system.
            gy: what it prescribes to the target, Gy, where its plan does not say so for one target.
            fractions: in how many fractions; goes with `gy`.

        Raises:
            InputError: there is no such dose, or it has no known prescription and none is given.
        """
        named = [d.name for d in self.doses.values() if d.method == "planning system"]
        if name not in (*named, NO_REFERENCE):
            raise InputError(
                f"the twin has no planning-system dose {name!r}; there are: {', '.join(named) or 'none'}"
            )
        doses, given, words = dict(self.doses), self.fractions, f"plans take their dose from {name}"
        if name != NO_REFERENCE:
            if gy is not None and fractions is not None:
                ratio = gy / doses[name].prescription_gy
                doses[name] = replace(doses[name], prescription_gy=gy, fractions=fractions)
                given = tuple(replace(f, dose_gy=f.dose_gy * ratio) if f.grid == name else f for f in given)
                words += f", which prescribes {gy:g}/{fractions}"
            if doses[name].fractions is None:
                raise InputError(
                    f"no plan states one prescription for the dose {name}; give it as {name}=GY/FRACTIONS"
                )
        change = Change("edit", words, self.now_days)
        return replace(self, doses=doses, fractions=given, reference=name, history=(*self.history, change))

    def organ_rejected(self, name: str) -> PatientTwin:
        """A new twin without the estimate of an organ, which then has no dose: unknown, never zero.

        Raises:
            InputError: there is no such structure, or it was drawn or given and not estimated.
        """
        words = f"the estimate of {name} was rejected; it has no dose figures"
        return self._with_organs(self.contours.without(name), name, words)

    def organ_replaced(self, organ: Structure) -> PatientTwin:
        """A new twin in which an organ is as it is given, not as it was estimated.

        Args:
            organ: on a crop of the baseline's grid; an estimate of its name is set aside.

        Raises:
            InputError: what is there was drawn or given and not estimated.
        """
        there = self.contours
        given = (there.without(organ.name) if organ.name in there else there).extended([organ])
        return self._with_organs(given, organ.name, f"{organ.name} was replaced by what was given")

    def organ_restored(self) -> PatientTwin:
        """A new twin in which the last rejected or replaced organ is again what it was before.

        Raises:
            InputError: no organ was rejected or replaced.
        """
        last = next(
            (
                n
                for n in reversed(range(len(self.history)))
                if self.history[n].organ and not self.history[n].undone
            ),
            None,
        )
        if last is None:
            raise InputError("no organ was rejected or replaced since this twin was made; nothing to undo")
        change, there = self.history[last], self.contours
        aside = [s for s in there.set_aside if s.name == change.organ]
        back = aside[-1:] if change.set_aside else []
        before = replace(
            there,
            source=(*(s for s in there if s.name != change.organ), *back),
            set_aside=tuple(s for s in there.set_aside if not any(s is b for b in back)),
        )
        past = (*self.history[:last], replace(change, undone=True), *self.history[last + 1 :])
        undo = Change("undo", f"taken back: {change.words}", self.now_days)
        return replace(self, structures=self._instead(before), history=(*past, undo))

    def _with_organs(self, contours: StructureSet, organ: str, words: str) -> PatientTwin:
        change = Change("organ", words, self.now_days, organ=organ, set_aside=organ in self.contours)
        return replace(self, structures=self._instead(contours), history=(*self.history, change))

    def _instead(self, contours: StructureSet) -> tuple[StructureSet, ...]:
        """The structure sets with another one for the baseline's."""
        return tuple(contours if s is self.contours else s for s in self.structures)

    def undone(self) -> PatientTwin:
        """A new twin without its last observation, delivered fractions or simulated scan, whichever came last.

        An observation takes its scan and contours with it. What was believed of the tumour is dropped.

        Raises:
            InputError: nothing was observed, delivered or scanned since the twin was made.
        """
        last = next((n for n in reversed(range(len(self.history))) if self._open(self.history[n])), None)
        if last is None:
            raise InputError("nothing was observed or delivered since this twin was made; nothing to undo")
        change = self.history[last]
        seen, structures = change.observation, self.structures
        scans = tuple(s for s in self.scans if s.name != change.scan)
        if seen is not None and seen.scan is not None:
            grids = [s.volume.geometry for s in scans if s.name == seen.scan]
            scans = tuple(s for s in scans if s.name != seen.scan)
            structures = tuple(
                s
                for s in structures
                if s.time_days != seen.time_days or not any(s.geometry.same_grid(g) for g in grids)
            )
        past = (*self.history[:last], replace(change, undone=True), *self.history[last + 1 :])
        return replace(
            self,
            scans=scans,
            structures=structures,
            doses={name: d for name, d in self.doses.items() if name not in change.doses},
            fractions=self.fractions[: len(self.fractions) - change.fractions],
            observations=_without(self.observations, seen),
            belief=self.belief if change.kind == "scan" else None,
            now_days=change.now_days,
            history=(*past, Change("undo", f"taken back: {change.words}", self.now_days)),
        )

    @staticmethod
    def _open(change: Change) -> bool:
        """Whether a change can be taken back and was not yet."""
        return change.kind in ("observe", "deliver", "scan") and not change.undone

    def fork(self, **changes: Any) -> PatientTwin:
        """A new twin with some fields replaced, sharing all other arrays with this one."""
        return replace(self, **changes)


def _word(value: object) -> str:
    return "missing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _without(observations: tuple[Observation, ...], one: Observation | None) -> tuple[Observation, ...]:
    """Observations without the last that equals one of them."""
    if one is None:
        return observations
    at = len(observations) - 1 - observations[::-1].index(one)
    return observations[:at] + observations[at + 1 :]
