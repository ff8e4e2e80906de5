"""The judge of beliefs: what each forecasts of the tumour's volume on the next scan, before it has seen that scan."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.metrics.forecast import fair_crps, rank_share
from scenarios.benchmark.evaluation import Progress, evaluate
from scenarios.benchmark.statistics import interval
from scenarios.benchmark.tables import Table, markdown
from simulators.belief.information import drawn_cm3, forecast
from simulators.belief.prior import prior_belief
from simulators.belief.update import delivered, update_belief
from simulators.calibration.forecasts import share_inside
from simulators.insilico.sets import patient_of, twins_in
from twin import Belief, InputError, Observation, PatientTwin
from twin.files.atomic import atomic_file, growing_folder

TASK = "belief"
LAST, PRIOR, BELIEF = "last volume", "prior", "belief"
SCHEMA = {
    "patient": pl.String,
    "forecast": pl.String,
    "day": pl.Float64,
    "seen": pl.Int64,  # scans before it
    "drawn_cm3": pl.Float64,
    "gtv0_cm3": pl.Float64,
    "median_cm3": pl.Float64,
    "low80_cm3": pl.Float64,
    "high80_cm3": pl.Float64,
    "low95_cm3": pl.Float64,
    "high95_cm3": pl.Float64,
    "crps_cm3": pl.Float64,
    "rank": pl.Float64,
}
_SAMPLES = 2000
_TAILS = (0.1, 0.9, 0.025, 0.975)


@dataclass(frozen=True)
class BeliefJudge:
    """The belief beside the prior, which learns from no scan, and beside the last volume that was drawn.

    A forecast knows the fractions until the day of the scan that it is about, and the scans before it. It is of the
    volume as it will be drawn. Only volumes that somebody drew are forecast; one on a contour that was carried over is
    learned from with its error.

    Args:
        samples: of each belief.
    """

    samples: int = _SAMPLES
    task: str = TASK
    yardsticks: Sequence[str] = (LAST, PRIOR, BELIEF)

    def patients(self, folder: Path) -> list[dict[str, Any]]:
        """The twins of a folder that have a later scan with a drawn tumour.

        Raises:
            InputError: there is none.
        """
        twins = twins_in(folder, truth=False)
        found = [p for p in twins if any(o.error == 0 for o in volumes(PatientTwin.load(p)))]
        if not found:
            raise InputError(
                f"none of the {len(twins)} twins in {folder} has a later scan with a drawn tumour; there is nothing to "
                "forecast"
            )
        return [{"id": patient_of(p), "path": str(p.resolve())} for p in found]

    def request(self, folder: Path) -> Mapping[str, Any]:
        """The twins' files, and the samples."""
        digest = hashlib.blake2b(digest_size=8)
        for row in self.patients(folder):
            digest.update((Path(row["path"]) / "twin.json").read_bytes())
        return {"task": self.task, "samples": self.samples, "set": digest.hexdigest()}

    def check(self, name: str) -> None:
        """Nobody else forecasts.

        Raises:
            InputError: always.
        """
        raise InputError(f"the task {TASK} judges no weights, so no {name!r}; leave --generator out")

    def scores(self, folder: Path, row: Mapping[str, Any], name: str) -> pl.DataFrame:
        """A row for each forecast of one kind for one patient."""
        twin = PatientTwin.load(row["path"])
        rows = [
            {**_scored(twin, one, seen, draws), "patient": row["id"], "forecast": name}
            for one, seen, draws in _forecasts(twin, name, self.samples)
        ]
        return pl.DataFrame(rows, schema=SCHEMA)


def volumes(twin: PatientTwin) -> list[Observation]:
    """The tumour's volumes on later scans, by time: as they were observed, else as they are drawn.

    Args:
        twin: the patient.
    """
    observed = [o for o in twin.observations if o.kind == "gtv_cm3" and o.time_days > 0]
    if observed:
        return observed
    found: dict[float, Observation] = {}
    for scan in twin.acquired:
        drawn = twin.drawn_on(scan)
        if scan.time_days > 0 and drawn is not None and drawn.role("GTV"):
            one = Observation(scan.time_days, "gtv_cm3", drawn.gtv_cm3(), scan.name)
            found.setdefault(scan.time_days, one)
    return [found[day] for day in sorted(found)]


def _forecasts(twin: PatientTwin, name: str, samples: int) -> Iterator[tuple[Observation, int, np.ndarray]]:
    """Each drawn volume, how many scans came before it, and draws of what was forecast of it."""
    later = volumes(twin)
    others = [o for o in twin.observations if o.kind != "gtv_cm3" or o.time_days <= 0]
    known = twin.fork(belief=prior_belief(twin, samples, 0), observations=())
    for seen, one in enumerate(later):
        if one.error == 0:
            if name == LAST:
                yield one, seen, np.array([later[seen - 1].value if seen else twin.gtv_cm3])
            else:
                yield one, seen, _drawn(_then(known, twin, one.time_days), one.time_days)
        if name == BELIEF:
            before = sorted(
                (*later[: seen + 1], *(o for o in others if o.time_days <= one.time_days)),
                key=lambda o: o.time_days,
            )
            then = _then(known, twin, one.time_days).fork(observations=tuple(before))
            known = update_belief(then, samples=samples)


def _then(known: PatientTwin, twin: PatientTwin, day: float) -> PatientTwin:
    """A twin with its belief on a day: nothing that was given later is there."""
    given = tuple(f for f in twin.fractions if f.time_days <= day)
    return known.fork(fractions=given, now_days=day)


def _drawn(twin: PatientTwin, day: float) -> np.ndarray:
    """(samples,) volumes as they would be drawn on a day, cm3."""
    belief = twin.belief
    assert isinstance(belief, Belief)
    true = forecast(twin, belief, delivered(twin), [day])
    return drawn_cm3(twin, true, belief.samples["contour_error"], 0)[:, 0]


def _scored(twin: PatientTwin, one: Observation, seen: int, draws: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {
        "day": one.time_days,
        "seen": seen,
        "drawn_cm3": one.value,
        "gtv0_cm3": twin.gtv_cm3,
        "median_cm3": float(np.median(draws)),
    }
    if draws.size == 1:
        return {**dict.fromkeys(SCHEMA), **found, "crps_cm3": abs(float(draws[0]) - one.value)}
    ends = (float(v) for v in np.quantile(draws, _TAILS))
    return {
        **found,
        **dict(zip(("low80_cm3", "high80_cm3", "low95_cm3", "high95_cm3"), ends, strict=True)),
        "crps_cm3": fair_crps(draws, one.value),
        "rank": rank_share(draws, one.value),
    }


def run_belief_evaluation(
    folder: Path,
    out: Path,
    generators: Sequence[str] = (),
    *,
    patients: int | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> str:
    """Judge the belief's forecasts on the twins of a folder and write the tables.

    Args:
        folder: a set, or any folder of twins.
        out: as for `evaluate`; `tables.md` and `tables/forecasts.csv` beside its rows.
        generators: must be empty: no weights forecast.
        patients, workers, progress: as for `evaluate`.

    Returns:
        The table as Markdown.

    Raises:
        InputError: as `evaluate`.
    """
    with growing_folder(out):
        rows = evaluate(
            folder, generators, out, BeliefJudge(), patients=patients, workers=workers, progress=progress
        )
        found = summary(rows)
        with atomic_file(out / "tables" / f"{found.name}.csv") as part:
            found.frame.write_csv(part)
        text = markdown([found])
        with atomic_file(out / "tables.md") as part:
            part.write_text(text, encoding="utf-8")
    return text


def summary(rows: pl.DataFrame) -> Table:
    """What the forecasts are worth, for the first later scan, for further ones, and for all.

    Args:
        rows: with `SCHEMA`.
    """
    groups = {"first scan": pl.col("seen") == 0, "further scans": pl.col("seen") > 0, "all": pl.lit(True)}
    found = []
    for of, which in groups.items():
        part = rows.filter(which)
        if part.is_empty():
            continue
        last = part.filter(pl.col("forecast") == LAST).sort("patient", "day")
        for name in (LAST, PRIOR, BELIEF):
            own = part.filter(pl.col("forecast") == name).sort("patient", "day")
            found.append({"of": of, "forecast": name, **_worth(own, last)})
    note = (
        "Each scan is forecast from what was known before it: the volume drawn on day 0, the record, the fractions "
        "until its day and, for the belief, the scans before it. Error: of the median, relative to the drawn volume "
        "(1 cm3 or more), median. Coverage: share of drawn volumes inside the central intervals, with its 95 % "
        "interval. CRPS over the volume on day 0, mean; gain: 1 less the ratio of CRPS to that of the last volume, "
        "with a 95 % bootstrap interval over patients."
    )
    return Table("forecasts", "Forecasts of the next scan", note, pl.DataFrame(found))


def _worth(own: pl.DataFrame, last: pl.DataFrame) -> dict[str, Any]:
    known = own.filter(pl.col("drawn_cm3") >= 1.0)
    errors = (known["median_cm3"] / known["drawn_cm3"] - 1.0).abs().to_numpy()
    relative = own["crps_cm3"] / own["gtv0_cm3"]
    pair = pl.DataFrame(
        {"patient": own["patient"], "ours": relative, "last": last["crps_cm3"] / last["gtv0_cm3"]}
    )
    sums = pair.group_by("patient", maintain_order=True).sum().select("ours", "last").to_numpy()
    low, high = interval(sums, _gain)
    between = f" [{low:+.0%}, {high:+.0%}]" if np.isfinite([low, high]).all() else ""  # of one patient
    gain = f"{_gain(sums):+.0%}{between}"
    return {
        "scans": own.height,
        "patients": own["patient"].n_unique(),
        "error": f"{np.median(errors):.0%}" if errors.size else "",
        "inside_80_%": _covered(own, "80"),
        "inside_95_%": _covered(own, "95"),
        "CRPS": f"{relative.to_numpy().mean():.3f}",
        "gain": "" if own["rank"].null_count() == own.height else gain,
    }


def _gain(sums: np.ndarray) -> float:
    ours, last = sums.sum(axis=0)
    return float(1.0 - ours / last) if last > 0 else float("nan")


def _covered(own: pl.DataFrame, level: str) -> str:
    known = own.drop_nulls("rank")
    if known.is_empty():
        return ""
    inside = known.filter(pl.col("drawn_cm3").is_between(f"low{level}_cm3", f"high{level}_cm3")).height
    share, low, high = share_inside(inside, known.height)
    return f"{share:.0%} [{low:.0%}, {high:.0%}]"
