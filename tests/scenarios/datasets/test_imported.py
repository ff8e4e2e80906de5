"""A centre's folder of patients becomes a set: what a clinic's DICOM says of them is what the clean set says."""

import re
import runpy
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from scenarios.benchmark.evaluation import evaluate
from scenarios.benchmark.follow_ups import FollowUpJudge
from scenarios.benchmark.report import report
from scenarios.benchmark.scores import Scope
from scenarios.datasets.imported import Reading, import_many, lines
from simulators.insilico.sets import FORMAT, INDEX
from simulators.tasks.pairs import pairs_of
from twin import DoseGrid, Fraction, InputError, PatientTwin, Scan, StructureSet, Volume

pytestmark = pytest.mark.slow  # registers six scans

CENTRE = runpy.run_path(str(Path(__file__).resolve().parents[3] / "benchmarks" / "centre.py"))
DAYS, RADII_MM = (0.0, 14.0, 70.0), (20.0, 18.0, 14.0)
PLAN = "60/30"


@pytest.fixture(scope="module")
def clean(thorax, tmp_path_factory) -> Path:
    """Two patients with a shrinking tumour on three CTs, 60 Gy in 30 fractions after day 3."""
    out = tmp_path_factory.mktemp("clean")
    for n in range(2):
        patient(thorax, n).save(out / f"{n}.twin")
    rows = ", ".join(f'{{"id": "{n}", "twin": "{n}.twin", "truth": null}}' for n in range(2))
    (out / INDEX).write_text(
        f'{{"format": "{FORMAT}", "simulator": "none", "arguments": {{}}, "patients": [{rows}]}}'
    )
    return out


def patient(thorax, number: int) -> PatientTwin:
    scan, drawn = thorax()
    grid = drawn.geometry
    x, y, z = np.moveaxis(grid.lps(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    away = np.sqrt((x - 75) ** 2 + (y + 10) ** 2 + z**2)
    rng, scans, sets = np.random.default_rng(number), [], []
    for day, radius in zip(DAYS, RADII_MM, strict=True):
        hu = np.where(drawn.gtv() & (away >= radius), -760, scan.volume.array) + (day > 0) * rng.normal(
            0, 12, grid.shape
        )
        volume = Volume(grid, np.rint(hu).astype(np.int16), "CT", "HU")
        scans.append(Scan("CT" if day == 0 else f"CT day {day:g}", day, volume))
        there = StructureSet(grid, (), day).with_mask("GTVp", "GTV", away < radius)
        for name in ("Lung_L", "Lung_R"):
            there = there.with_mask(
                name, "OAR", drawn.mask(name) | (drawn.gtv() & (away >= radius) & (name == "Lung_L"))
            )
        sets.append(there)
    gy = np.where(away < 60, 60.0, 60.0 * np.exp(-(away - 60) / 20)).astype(np.float32)
    dose = DoseGrid(PLAN, Volume(grid, gy, "DOSE", "Gy"), 60.0, "planning system", 30)
    days = [d for d in range(3, 100) if d % 7 < 5][:30]
    given = tuple(Fraction(d + 0.375, 2.0, PLAN, 1 / 30) for d in days)
    return PatientTwin(
        f"P-{number}", scans=tuple(scans), structures=tuple(sets), doses={PLAN: dose}, fractions=given,
        day0_weekday=0, now_days=70.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def clinic(clean, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("work") / "clinic"
    CENTRE["write_clinic"](clean, out)
    return out


@pytest.fixture(scope="module")
def imported(clinic) -> tuple[Path, pl.DataFrame]:
    """The set, of which the first patient's twin but not his rows was written when the import was ended."""
    out = clinic.parent / "set"

    def ended(step: str, share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_many(clinic, out, workers=1, progress=ended)
    assert len(list(out.glob("*.twin"))) == 1 and not (out / "imported.csv").exists()
    next((out / "rows").iterdir()).unlink()
    return out, import_many(clinic, out, workers=1)


def test_volumes_days_and_doses_are_those_of_the_clean_set(clean, imported):
    out, _ = imported
    found = CENTRE["figures"](clean, out, ["0", "1"])
    assert found.height == 6 and found["there"].all()
    later = found.filter(pl.col("day") > 0)
    assert later["fractions_since"].to_list() == later["clean_fractions"].to_list() == 2 * [7, 23]
    assert (later["gtv_dose_since_gy"] / later["clean_gtv_gy"] - 1).abs().max() < 0.02
    drawn = found.filter(pl.col("tumour") == "drawn")
    assert drawn["day"].to_list() == 2 * [0.0, 70.0]
    assert (drawn["gtv_cm3"] / drawn["clean_gtv_cm3"] - 1).abs().max() < 0.05
    carried = found.filter(pl.col("tumour") == "carried over")
    assert carried["day"].to_list() == [14.0, 14.0]
    assert (carried["gtv_cm3"] / carried["clean_gtv_cm3"] - 1).abs().max() < 0.4  # what it counts with
    own_frame = found.filter(pl.col("day") == 70)  # moved by 17.7 mm
    assert own_frame["frame_shift_mm"].min() > 10


def test_what_was_carried_over_is_marked_and_no_example_to_learn_from(imported):
    out, table = imported
    for path in sorted(out.glob("*.twin")):
        twin = PatientTwin.load(path)
        assert [o.error for o in twin.observations] == [0.4, 0.0]
        second = twin.drawn_on(twin.scans[1])
        assert (
            second["GTVp"].carried_from == "CT" and twin.drawn_on(twin.scans[2])["GTVp"].carried_from is None
        )
        assert [(p.start_days, p.day) for p in pairs_of(twin)] == [(0.0, 70.0)]
    marked = table.filter(pl.col("tumour") == "carried over")
    assert all("GTVp" in names for names in marked["carried"])


def test_what_was_left_out_is_said_and_nobody_is_named(imported):
    out, table = imported
    refused = table.filter(pl.col("what") == "patient")
    assert refused["folder"].to_list() == [3] and "belongs to another patient" in refused["why"][0]
    assert table.filter(pl.col("what") == "left out").height >= 2
    written = [p.read_text() for p in out.rglob("*") if p.suffix in (".json", ".csv")]
    written += [pl.read_parquet(p).write_json() for p in out.rglob("*.parquet")]
    for content in (*written, "\n".join(lines(table))):
        # a year or a hospital number inside a longer number is chance
        assert not re.search(
            r"Zebra|Quentin|Beispiel|unsorted|(?<![\d.])(4711|(1944|2019)(\d{4})?)(?!\d)", content
        )
    assert not any("Zebra" in str(p) for p in out.rglob("*"))


def test_the_same_command_again_only_tries_who_is_missing_and_another_reading_is_refused(clinic, imported):
    out, table = imported
    before = {p: p.stat().st_mtime_ns for p in out.glob("*.twin/twin.json")}
    assert import_many(clinic, out, workers=1).equals(table)
    assert before == {p: p.stat().st_mtime_ns for p in out.glob("*.twin/twin.json")}
    with pytest.raises(InputError, match="read with other options"):
        import_many(clinic, out, Reading(gtv=("GTV",)), workers=1)
    with pytest.raises(InputError, match="there is no folder"):
        import_many(clinic / "nowhere", out, workers=1)


def test_generators_are_judged_on_it_by_what_was_acquired(imported, tmp_path):
    out, _ = imported
    scores = evaluate(out, [], tmp_path / "e", FollowUpJudge(Scope(days=2, plans=1, samples=0)), workers=1)
    near = scores.filter(pl.col("metric") == "mae_near_hu").group_by("generator").agg(pl.col("value").mean())
    error = dict(near.iter_rows())
    assert error["oracle"] == error["acquired"] == 0 < error["mechanistic"] < error["copy"]
    assert scores.filter((pl.col("metric") == "rank") & (pl.col("generator") == "mechanistic")).height == 2
    report(out, [], tmp_path / "e", scores, cost=False)
    assert "a centre's: the truth is the follow-up CT" in (tmp_path / "e" / "tables.md").read_text()
