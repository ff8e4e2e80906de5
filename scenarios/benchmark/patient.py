"""A held-out patient whose follow-up is known under every plan, and what is asked about him."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from simulators.anatomy.gtv import gtv_volume
from simulators.core.chance import Key, Purpose
from simulators.core.treatment import TreatmentRequest, TumourView
from simulators.insilico.sets import TRUE_DRAW, VOLUMES
from simulators.tasks.crop import MARGIN_MM
from simulators.tasks.pairs import request_between
from simulators.treatment.starts import Start, on_grid, starts
from twin import PatientTwin, Scan, StructureSet
from twin.files.tables import read_table

GIVEN = "given"  # what was given to a patient of a centre, in the place of a plan's slug


def followed(twin: PatientTwin) -> list[Start]:
    """A patient's later CTs that lie on the baseline and on which somebody drew the tumour, by time.

    Args:
        twin: the patient.
    """
    later = starts(twin)[1:]
    return [s for s in later if not any(one.carried_from for one in s.drawn.role("GTV"))]


@dataclass(frozen=True, order=True)
class Case:
    """One follow-up that is asked for: under a plan's slug, on a day."""

    plan: str
    day: float


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A patient of a set with truth, or of a centre's.

    Args:
        acquired: as the clinic has him; requests start from his first scan and its contours.
        truths: plan's slug -> what would have been seen without noise; the factual plan first.
        table: plan, day, draw, gtv_cm3: true volumes (draw -1), and those that could be expected at best.
    """

    acquired: PatientTwin
    truths: Mapping[str, PatientTwin]
    table: pl.DataFrame

    @classmethod
    def load(cls, folder: Path, row: Mapping[str, str]) -> HeldOut:
        """A patient by his row in `set.json`; without a truth what was acquired and drawn stands for it."""
        if not row.get("truth"):
            return cls.observed(PatientTwin.load(folder / row["twin"]))
        place = folder / row["truth"]
        table = read_table(place / VOLUMES)
        plans = table["plan"].unique(maintain_order=True).to_list()
        truths = {plan: PatientTwin.load(place / f"{plan}.twin") for plan in plans}
        return cls(PatientTwin.load(folder / row["twin"]), truths, table)

    @classmethod
    def observed(cls, twin: PatientTwin) -> HeldOut:
        """A patient of a centre, of whom is known what was given and what came of it, on the baseline's grid.

        Args:
            twin: the patient; of his later CTs those of `followed` count.
        """
        found = followed(twin)
        grid, sets, rows = twin.baseline.volume.geometry, [twin.contours], []
        for start in found:
            tumours = replace(start.drawn, source=start.drawn.role("GTV"))
            sets.append(on_grid(tumours, grid))
            rows.append({"plan": GIVEN, "day": start.day, "draw": TRUE_DRAW, "gtv_cm3": tumours.gtv_cm3()})
        seen = twin.fork(scans=(twin.baseline, *(s.scan for s in found)), structures=tuple(sets))
        return cls(seen, {GIVEN: seen}, pl.DataFrame(rows))

    @property
    def id(self) -> str:
        """The patient's."""
        return self.acquired.id

    @property
    def factual(self) -> str:
        """The plan that was given."""
        return next(iter(self.truths))

    @property
    def start(self) -> Scan:
        """The acquired CT that every request starts from."""
        return self.acquired.scans[0]

    @property
    def contours(self) -> StructureSet:
        """What was drawn on it."""
        return self.acquired.structures[0]

    @cached_property
    def gtv0_cm3(self) -> float:
        """The drawn volume on it, cm3."""
        gtv = gtv_volume(self.contours)
        return float(np.count_nonzero(gtv.array)) * gtv.geometry.voxel_cm3

    @property
    def days(self) -> list[float]:
        """Of the follow-ups, the same under every plan."""
        return [scan.time_days for scan in self.truths[self.factual].scans[1:]]

    def cases(self, days: int, plans: int) -> list[Case]:
        """Follow-ups whose images are looked at: the factual plan and others, on some days, by the patient's chance."""
        rng = Key(0, self.id, Purpose.COHORT).generator()
        some = sorted(rng.choice(self.days, min(days, len(self.days)), replace=False).tolist())
        others = list(self.truths)[1:]
        chosen = [others[i] for i in sorted(rng.permutation(len(others))[: plans - 1].tolist())]
        return [Case(plan, day) for plan in (self.factual, *chosen) for day in some]

    def true_cm3(self, case: Case) -> float:
        """The tumour's true volume, cm3."""
        return float(self._draws(case)[0])

    def expected_cm3(self, case: Case, n: int) -> np.ndarray:
        """(n,) volumes that could be expected at best by who knows dose, time, record and the drawn volume, cm3."""
        return self._draws(case)[1 : n + 1]

    def _draws(self, case: Case) -> np.ndarray:
        """(1 + draws,) cm3, the true volume first."""
        return self._by_case[case]

    @cached_property
    def _by_case(self) -> dict[Case, np.ndarray]:
        frames = self.table.sort("draw").partition_by("plan", "day", as_dict=True, maintain_order=True)
        return {Case(str(k[0]), float(k[1])): f["gtv_cm3"].to_numpy() for k, f in frames.items()}  # type: ignore[arg-type]

    def request(self, case: Case, *, guided: bool, sample: int = 0) -> TreatmentRequest:
        """What is asked of a generator; guided, it is told the tumour's true volume."""
        view = TumourView(self.true_cm3(case), self.gtv0_cm3, 0.5) if guided else None
        key = Key(0, self.id, Purpose.IMAGE, sample)
        return request_between(self.truths[case.plan], self.start, self.contours, case.day, view, key)

    def truth(self, case: Case) -> tuple[np.ndarray, np.ndarray]:
        """(z, y, x) HU without noise, and the true tumour, on the start's grid."""
        return _seen(self.truths[case.plan], case.day)

    def later(self, case: Case) -> tuple[np.ndarray, np.ndarray]:
        """(z, y, x) HU and tumour as they were acquired and drawn under the factual plan."""
        return _seen(self.acquired, case.day)

    @cached_property
    def near(self) -> np.ndarray:
        """(z, y, x) bool: within 3 cm of the drawn tumour."""
        from scipy.ndimage import distance_transform_edt

        far = distance_transform_edt(~self.contours.gtv(), sampling=self.contours.geometry.spacing_mm)
        return np.asarray(far) <= MARGIN_MM

    @cached_property
    def body(self) -> np.ndarray:
        """(z, y, x) bool: the patient's body; all of the scan where none is drawn."""
        names = [s.name for s in self.contours.role("EXTERNAL")]
        return self.contours.mask(*names) if names else np.ones(self.contours.geometry.shape, dtype=bool)

    @cached_property
    def lung(self) -> np.ndarray:
        """(z, y, x) bool: both lungs."""
        return self.contours.mask(*(n for n in ("Lung_L", "Lung_R") if n in self.contours))


def _seen(twin: PatientTwin, day: float) -> tuple[np.ndarray, np.ndarray]:
    scan = next(s for s in twin.scans if abs(s.time_days - day) < 1e-6)
    drawn = next((s for s in twin.structures if abs(s.time_days - day) < 1e-6), None)
    gone = drawn is None or not drawn.role("GTV")
    mask = np.zeros(scan.volume.array.shape, dtype=bool) if drawn is None or gone else drawn.gtv()
    return scan.volume.array.astype(np.float32), mask
