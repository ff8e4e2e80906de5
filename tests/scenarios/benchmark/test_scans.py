"""The judge of tasks that make a scan of a scan, on a folder of pairs."""

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from scenarios.benchmark.scans import ScanJudge, differences, lacking, summary
from twin import Geometry, Volume
from twin.files.nifti import write

GRID = Geometry((12, 64, 64), (2.0, 2.0, 2.0), (-64.0, -64.0, -12.0))
Z, Y, X = np.indices(GRID.shape)
BODY = (Y - 32) ** 2 + (X - 32) ** 2 < 28**2
LUNG = (Y - 32) ** 2 + (X - 24) ** 2 < 10**2


def pairs(folder, patients):
    for seed, name in enumerate(patients):
        place = folder / name / "scan"
        place.mkdir(parents=True)
        grain = np.random.default_rng(seed).normal(0, 10 + seed, GRID.shape)
        truth = np.where(BODY, np.where(LUNG, -820, 40), -1000)
        for file, hu in (("source", 0.9 * truth - 20 + grain), ("target", truth)):
            write(place / f"{file}.nii.gz", Volume(GRID, np.rint(hu).astype(np.int16), "CT", "HU"))


@pytest.mark.long  # the first SSIM imports MONAI
def test_yardsticks_are_scored_by_region_and_compared_by_patient(tmp_path):
    pairs(tmp_path, ("one", "two"))
    judge = ScanJudge("cbct-ct")
    rows = judge.patients(tmp_path)
    assert [r["id"] for r in rows] == ["one", "two"] and judge.request(tmp_path)["task"] == "cbct-ct"
    scored = pl.concat([judge.scores(tmp_path, row, name) for row in rows for name in judge.yardsticks])
    wide = scored.pivot(on="metric", index=["patient", "generator"], values="value")
    one = {r["generator"]: r for r in wide.filter(pl.col("patient") == "one").to_dicts()}
    assert set(one) == {"source", "classical", "voxel-wise", "oracle"}, "there is no uncorrected scan"
    assert lacking(scored, ["generator", "metric"]).to_dicts() == [
        {"generator": "oracle", "metric": "psnr_db", "people": 2, "who": "one two"}
    ], "a score that could not be had is a row: the truth has no error, so no PSNR"
    scored = scored.drop_nulls("value")
    assert one["oracle"]["mae_hu"] == 0 <= one["voxel-wise"]["mae_hu"] < one["source"]["mae_hu"]
    assert one["source"]["lung_bias_hu"] > 20 and one["source"]["soft_bias_hu"] < -20
    assert "0 [0, 0]" in summary(scored).filter(pl.col("contestant") == "oracle")["mae_hu"]
    paired = differences(scored)
    assert set(paired["contestants"]) == {
        f"{name} - source" for name in ("classical", "voxel-wise", "oracle")
    }
    assert float(paired.filter(pl.col("contestants").str.starts_with("oracle"))["mae_hu"][0]) < 0
