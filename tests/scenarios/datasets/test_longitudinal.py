"""The longitudinal set: what is written, that it is whole, and that it is the same however it was made."""

import hashlib
import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.ndimage import binary_erosion, distance_transform_edt

from scenarios.datasets.baseline import boxed, real
from scenarios.datasets.longitudinal import SetRequest, make_set
from scenarios.datasets.patient import Patient
from scenarios.datasets.plans import dates, given, intended, others
from scenarios.engine.courses import realise
from scenarios.plans.scenario import Scenario
from simulators.insilico.sets import read_index
from twin import InputError, PatientTwin

pytestmark = pytest.mark.long  # makes patients with all their follow-ups

FIRST, SECOND = "000006", "000007"


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("set") / "one"
    rows = make_set(SetRequest(1, seed=6, truth=True), out, workers=1)
    assert [row["id"] for row in rows] == [FIRST]
    return out


@pytest.fixture(scope="module")
def twin(made) -> PatientTwin:
    return PatientTwin.load(made / f"{FIRST}.twin")


@pytest.fixture(scope="module")
def truths(made) -> dict[str, PatientTwin]:
    return {p.stem: PatientTwin.load(p) for p in sorted((made / f"{FIRST}.truth").glob("*.twin"))}


@pytest.fixture(scope="module")
def about(made) -> dict:
    return json.loads((made / f"{FIRST}.twin" / "truth.json").read_text())


def test_a_patient_has_contoured_cts_on_one_2_mm_grid(twin):
    assert 4 <= len(twin.scans) <= 7
    assert len(twin.structures) == len(twin.scans)
    grid = twin.baseline.volume.geometry
    assert grid.spacing_mm == (2.0, 2.0, 2.0)
    for scan, structures in zip(twin.scans, twin.structures, strict=True):
        assert scan.volume.geometry.same_grid(grid)
        assert scan.volume.array.dtype == np.int16
        assert structures.time_days == scan.time_days
        assert {"Lung_L", "Lung_R", "Body", "GTVp"} <= set(structures.names)
        assert np.median(scan.volume.array[structures.mask("GTVp")]) > -150
        assert np.median(scan.volume.array[structures.mask("Lung_L")]) < -600


def test_the_truth_follows_every_plan_on_the_same_dates_from_the_same_start(twin, truths, about):
    assert about["plan"] in truths
    assert "none" in truths
    assert len(truths) >= 6
    for other in truths.values():
        assert [s.time_days for s in other.scans] == [s.time_days for s in twin.scans]
        assert np.array_equal(other.baseline.volume.array, twin.baseline.volume.array)
        assert np.array_equal(other.contours.gtv(), twin.contours.gtv())
    assert truths[about["plan"]].fractions == twin.fractions
    assert truths["none"].fractions == ()


def test_true_masks_have_the_volumes_of_the_kinetics(made, truths):
    table = pl.read_parquet(made / f"{FIRST}.truth" / "volumes.parquet")
    for slug, other in truths.items():
        for structures in other.structures[1:]:
            true = table.filter(plan=slug, day=structures.time_days, draw=-1)["gtv_cm3"].item()
            drawn = structures.gtv().sum() * structures.geometry.voxel_cm3
            assert drawn == pytest.approx(true, abs=max(0.03 * true, 0.1))


def test_the_expected_volumes_are_a_distribution_that_holds_the_truth(made, truths, about):
    table = pl.read_parquet(made / f"{FIRST}.truth" / "volumes.parquet")
    at = table.filter(plan=about["plan"]).filter(pl.col("day") == pl.col("day").max())
    draws = at.filter(pl.col("draw") >= 0)["gtv_cm3"]
    assert len(draws) == 100
    assert draws.std() > 0.1 * draws.mean()
    true = at.filter(draw=-1)["gtv_cm3"].item()
    assert draws.min() < true < draws.max()
    assert set(table["plan"]) == set(truths)


def test_no_treatment_only_grows_and_the_lung_stays(truths):
    untreated = truths["none"]
    volumes = [s.gtv().sum() for s in untreated.structures[1:]]
    assert volumes == sorted(volumes)
    first, last = untreated.scans[1].volume.array, untreated.scans[-1].volume.array
    far = distance_transform_edt(~untreated.structures[-1].gtv(), sampling=2.0) > 8.0
    assert np.abs(last[far].astype(int) - first[far]).max() <= 1


def test_treatment_never_leaves_more_tumour_than_an_early_stop(truths, about):
    table = {slug: [s.gtv().sum() for s in t.structures[1:]] for slug, t in truths.items()}
    stopped = next(v for slug, v in table.items() if "stopped" in slug)
    whole = table[next(slug for slug in table if "stopped" in slug).split("-stopped")[0]]
    assert all(a <= b + 1 for a, b in zip(whole, stopped, strict=True))


def test_plans_of_equal_dose_give_equal_bits_until_they_part(truths, twin):
    pairs = [(s, s.split("-stopped")[0]) for s in truths if "stopped" in s]
    for stopped, whole in pairs:
        last = truths[stopped].fractions[-1].time_days
        for a, b in zip(truths[stopped].scans[1:], truths[whole].scans[1:], strict=True):
            if a.time_days < last:
                assert np.array_equal(a.volume.array, b.volume.array)


def test_the_clinic_sees_the_truth_with_noise_and_set_up(twin, truths, about):
    true, seen = truths[about["plan"]].scans[1].volume.array, twin.scans[1].volume.array
    body = twin.contours.mask("Body") & ~twin.contours.mask("Lung_L", "Lung_R")
    deep = binary_erosion(body, iterations=6)
    spread = 1.4826 * np.median(np.abs(seen[deep].astype(float) - true[deep]))
    assert 4 < spread < 30


@pytest.mark.slow
def test_an_interrupted_set_is_completed_to_the_same_files_by_any_number_of_workers(made, tmp_path):
    out = tmp_path / "two"
    shutil.copytree(made, out)
    shutil.rmtree(out / f"{FIRST}.truth")
    (out / f".{FIRST}.twin.rt-twin-part").mkdir()
    shutil.rmtree(out / f"{FIRST}.twin")
    request = SetRequest(2, seed=6, truth=True)
    rows = make_set(request, out, workers=2)
    assert [row["id"] for row in rows] == [FIRST, SECOND]
    again, first = digests(out), digests(made)
    assert {k: v for k, v in again.items() if k.startswith(FIRST)} == {
        k: v for k, v in first.items() if k.startswith(FIRST)
    }
    before = (out / "set.json").read_bytes()
    make_set(request, out, workers=2)
    assert (out / "set.json").read_bytes() == before
    assert not list(out.glob(".*"))


def test_a_patient_that_cannot_be_made_is_a_row_with_its_reason(tmp_path, monkeypatch):
    def fails(seed, name):
        raise InputError("the tumour does not fit")

    monkeypatch.setattr("scenarios.datasets.longitudinal.in_silico", fails)
    rows = make_set(SetRequest(2, seed=0), tmp_path / "set", workers=1)
    assert [row["failed"] for row in rows] == ["the tumour does not fit"] * 2
    assert len(read_index(tmp_path / "set")["patients"]) == 2


def test_another_set_is_not_overwritten(made, tmp_path):
    with pytest.raises(InputError, match="another set"):
        make_set(SetRequest(1, seed=7, truth=True), made, workers=1)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="other content"):
        make_set(SetRequest(1), tmp_path, workers=1)


def test_a_real_ct_is_a_baseline_as_it_was_scanned(lung_twin):
    patient = Patient("real", real(lung_twin, "real"), seed=1)
    scan, structures = patient.acquired
    boxed_scan, _ = boxed(lung_twin.baseline, lung_twin.contours)
    assert np.array_equal(scan.volume.array, boxed_scan.volume.array)
    assert structures.gtv().sum() * 0.008 == pytest.approx(lung_twin.gtv_cm3, rel=0.05)
    image = patient.response.at(0.4 * patient.baseline.gtv_cm3, 60.0)
    cleared = structures.gtv() & ~image.gtv
    assert np.percentile(image.hu[cleared], 25) < -500
    far = patient.response.site.box
    outside = np.ones(image.hu.shape, bool)
    outside[far] = False
    assert np.array_equal(image.hu[outside], patient.baseline.scan.volume.array[outside].astype(np.float32))


def test_the_menu_has_plans_that_separate():
    for i in range(60):
        rng = np.random.default_rng(i)
        meant = intended(rng, gtv_cm3=10.0, central=i % 2 == 0, nodes=False, drugs=i % 3 == 0)
        got = given(rng, meant)
        rest = others(rng, meant, got, drugs=i % 3 == 0)
        slugs = {s.slug for s in (got, *rest)}
        assert len(slugs) == len(rest) + 1
        assert "none" in slugs
        assert any("stopped" in s for s in slugs)
        assert meant.slug in slugs
        for plan in (got, *rest):
            realise(plan, PatientTwin("p"), 366.0)


def test_dates_are_irregular_workdays_within_a_year():
    plan = Scenario.parse("60/30")
    drawn = [dates(np.random.default_rng(i), plan, 0) for i in range(80)]
    assert len({tuple(d) for d in drawn}) > 70
    for days in drawn:
        assert 2 <= len(days) <= 5
        assert all(b - a >= 6 for a, b in pairwise(days))
        assert days[0] >= 4
        assert days[-1] < 366
        assert all(int(d) % 7 < 5 for d in days)


def test_the_command_takes_images_or_plans(tmp_path):
    from typer.testing import CliRunner

    from scenarios.commands.main import app

    for arguments, words in (
        (["--n", "1", "--images", "--plan", "60/30"], "own menu"),
        (["--images"], "needs --n, --twins, or both"),
        (["--n", "1"], "needs a plan"),
    ):
        result = CliRunner().invoke(app, ["cohort", *arguments, "--out", str(tmp_path / "out")])
        assert isinstance(result.exception, InputError)
        assert words in str(result.exception)
    assert not (tmp_path / "out").exists()
