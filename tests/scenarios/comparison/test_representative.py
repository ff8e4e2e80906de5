"""Images are of samples that stand for all: the one nearest the median, and what lies low and high."""

import numpy as np
import polars as pl
import pytest

from scenarios import TreatmentPlan, compare, load
from scenarios.comparison.representative import ranked
from scenarios.records.layer import PRESENCE


def test_the_images_are_of_the_sample_nearest_the_median_on_all_days_and_under_all_plans(run):
    shown = run.record.shown_sample
    assert {i.record.sample for i in run.images} == {shown}
    ranks = []
    for plan in run.record.plans:
        days = sorted(
            {i.record.day for i in run.images if i.record.plan == plan.slug and i.record.kind == "ct"}
        )
        curves = run.trajectory.filter(pl.col("plan") == plan.slug)["gtv_cm3"].to_numpy()
        curves = curves.reshape(run.record.samples, -1)
        whole = np.arange(curves.shape[1])
        for day in days:
            volumes = np.array([np.interp(day, whole, curve) for curve in curves])
            ranks.append(ranked(volumes))
            told = run.imaged.filter((pl.col("plan") == plan.slug) & ((pl.col("day") - day).abs() < 1e-6))
            assert told["stands_for"].to_list() == ["median"] and told["n"].to_list() == [24]
            assert told["percentile"][0] == pytest.approx(100 * ranked(volumes)[shown], abs=1e-6)
    away = np.abs(np.array(ranks) - 0.5).mean(axis=0)
    assert away[shown] == away.min() < 0.15
    imaged = run.trajectory.filter(pl.col("field_gtv_cm3").is_not_null())["sample"].unique().to_list()
    assert imaged == [shown]


@pytest.fixture(scope="module")
def three(dosed_twin):
    return compare(
        dosed_twin, [TreatmentPlan.parse("60/30")], days=15, samples=50, image_samples=3, seed=3,
        generator="mechanistic", dose="approximate",
    )  # fmt: skip


@pytest.mark.long
def test_three_samples_are_a_median_a_low_and_a_high_one(three, tmp_path):
    by_name = three.imaged.group_by("stands_for").agg(pl.col("percentile").mean(), pl.col("sample").first())
    found = {r["stands_for"]: r for r in by_name.iter_rows(named=True)}
    low, median, high = (found[name]["percentile"] for name in ("low", "median", "high"))
    assert low < 25 and 40 < median < 60 and high > 75
    assert found["median"]["sample"] == three.record.shown_sample
    last = max(i.record.day for i in three.images)
    sizes = {n: three.image("60/30", last, "gtv", r["sample"]).array.sum() for n, r in found.items()}
    assert sizes["low"] < sizes["median"] < sizes["high"]
    assert (
        three.image("60/30", last).array is three.image("60/30", last, sample=found["median"]["sample"]).array
    )
    three.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.record == three.record and again.imaged.equals(three.imaged)
    words = (tmp_path / "run" / "report.html").read_text()
    assert (
        f"sample {three.record.shown_sample}, nearest the median of 50" in words and "percentile 5" in words
    )


@pytest.mark.long
def test_presence_is_the_share_of_samples_whose_tumour_is_there(three):
    twin = three.twin
    gtv = twin.contours.gtv().astype(float)
    for day in sorted({i.record.day for i in three.images}):
        share = three.image("60/30", day, "presence")
        assert share.array.min() >= 0 and share.array.max() <= 1
        at = three.trajectory.filter(pl.col("day") == int(day))["gtv_cm3"].to_numpy()
        assert share.array.sum() * share.geometry.voxel_cm3 == pytest.approx(at.mean(), rel=0.1)
        mask = three.image("60/30", day, "gtv")
        inside = share.on(mask.geometry)[mask.array > 0]
        assert inside.mean() > 0.6  # where the median sample has its tumour most others have theirs
    assert three.record.layer("presence") == PRESENCE
    assert gtv.any()


def test_too_few_samples_have_no_presence(run):
    assert "presence" not in {layer.name for layer in run.record.layers}
