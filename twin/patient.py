"""The patient twin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from os import PathLike
from types import MappingProxyType

from twin.belief import Belief
from twin.clinical import ClinicalRecord
from twin.dose import DoseGrid, Fraction
from twin.errors import InputError
from twin.files import folder
from twin.observation import Observation
from twin.scan import Scan
from twin.structures import StructureSet


@dataclass(frozen=True, eq=False)
class PatientTwin:
    """One patient, frozen: every change returns a new twin that shares the arrays it did not change.

    Args:
        id: pseudonym; never a name or a hospital number.
        clinical: the clinical record.
        scans: acquired scans, by time.
        structures: one structure set for each contoured date, by time.
        doses: dose grids by name.
        fractions: what was delivered, by time.
        observations: what was measured, by time.
        belief: samples of the tumour's parameters, or None before any prior was drawn.
        day0_weekday: 0 for a Monday; None where the date is unknown.
        now_days: where the patient stands, days from day 0.
        in_silico: made by this software, not a person.
        notes: what the import left out, assumed or found poor, one sentence each.
    """

    id: str
    clinical: ClinicalRecord = field(default_factory=ClinicalRecord)
    scans: tuple[Scan, ...] = ()
    structures: tuple[StructureSet, ...] = ()
    doses: Mapping[str, DoseGrid] = field(default_factory=dict)
    fractions: tuple[Fraction, ...] = ()
    observations: tuple[Observation, ...] = ()
    belief: Belief | None = None
    day0_weekday: int | None = None
    now_days: float = 0.0
    in_silico: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "doses", MappingProxyType(dict(self.doses)))
        unknown = {f.grid for f in self.fractions if f.grid is not None} - set(self.doses)
        if unknown:
            raise InputError(
                f"fractions refer to dose grids that the twin lacks: {', '.join(sorted(unknown))}"
            )

    @classmethod
    def load(cls, path: str | PathLike[str]) -> PatientTwin:
        """Read a `NAME.twin` folder; arrays are read from disk when first used.

        Raises:
            InputError: no such folder, a newer format, or a broken file.
        """
        return cls(**folder.load(path))

    def save(self, path: str | PathLike[str]) -> None:
        """Write a `NAME.twin` folder, whole or not at all.

        Raises:
            InputError: the folder exists with other content, or the disk is full.
        """
        folder.save({f.name: getattr(self, f.name) for f in fields(self)}, path)

    @property
    def baseline(self) -> Scan:
        """The first CT from day 0 on, whose grid and frame carry the simulation."""
        for scan in self.scans:
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
        return replace(self, fractions=(*self.fractions, *new), doses=grids, now_days=now)

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
        return replace(
            self,
            observations=tuple(observations),
            scans=tuple(sorted(scans, key=lambda s: s.time_days)),
            structures=tuple(sorted(contours, key=lambda s: s.time_days)),
            now_days=max(self.now_days, observation.time_days),
        )

    def fork(self, **changes) -> PatientTwin:
        """A new twin with some fields replaced, sharing all other arrays with this one."""
        return replace(self, **changes)
