"""What the judge of a benchmark says of one image of a person."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.metrics.ct import COMPONENTS
from scenarios.suites.judge import SuiteJudge
from scenarios.suites.tables import less_is_better
from simulators.core.imaging import TASKS, Paired
from twin import Geometry, Volume

GRID = Geometry((4, 112, 112), (3.0, 2.0, 2.0), (-112.0, -112.0, -6.0))
Z, Y, X = np.indices(GRID.shape)
BODY = (Y - 56) ** 2 + (X - 56) ** 2 < 50**2
LESION = BODY & ((Y - 56) ** 2 + (X - 40) ** 2 < 36)
FIFTEEN = {
    "mae_hu", "rmse_hu", "psnr_db", "ssim", "ms_ssim", "vif", "uqi", "gmsd", "fsim", "niqe", "piqe", "brisque",
    "noise_spectrum_db",
}  # fmt: skip  # Frechet and kernel distance are of sets: by the features


def case(noise_hu=20.0):
    chance = np.random.default_rng(0)
    clean = np.where(BODY, 40.0 + 8 * chance.normal(size=GRID.shape), -1000.0)
    noisy = clean + np.where(BODY, noise_hu * chance.normal(size=GRID.shape), 0.0)
    source, truth = (Volume(GRID, np.rint(v).astype(np.int16), "CT", "HU") for v in (noisy, clean))
    return Paired("one", source, truth, BODY, {"lesion": LESION}, {"oracle": truth})


def test_all_scores_stand_and_the_truth_is_the_best_by_each():
    judge, imaging, of = SuiteJudge("denoise"), TASKS["denoise"], case()
    source, oracle = (
        judge.values(imaging, v, of, n) for v, n in ((of.source, "source"), (of.truth, "oracle"))
    )
    assert FIFTEEN | {f"encoder_{k:02}" for k in range(COMPONENTS)} <= set(source)
    assert source["lesion_cm3"] == pytest.approx(LESION.sum() * 0.012)
    for score in FIFTEEN - {"psnr_db", "niqe"}:  # infinite for the truth; and a disc is no natural CT
        assert (source[score] > oracle[score]) == less_is_better(score), score
    small, large = "detection_auc_4mm", "detection_auc"
    assert source[large] > source[small] and oracle[small] > source[small] and "detection_auc_6mm" in source


def test_in_denoising_the_method_without_learning_is_judged_with_grain_given_back_too():
    judge, imaging, of = SuiteJudge("denoise"), TASKS["denoise"], case()
    assert "classical+grain" in judge.yardsticks and "classical+grain" not in SuiteJudge("mr-ct").yardsticks
    noise = [judge.made(imaging, of, n).array[BODY].std() for n in ("classical", "classical+grain", "source")]
    assert noise == sorted(noise) and noise[1] > 1.2 * noise[0]


def test_what_is_no_ct_is_not_judged_by_what_cts_are_like():
    of = case()
    pet = [Volume(GRID, np.abs(v.array / 100).astype(np.float32), "PT", "SUV") for v in (of.source, of.truth)]
    found = SuiteJudge("ct-pet").values(TASKS["ct-pet"], pet[0], replace(of, truth=pet[1]), "source")
    assert "piqe" in found and not {"niqe", "brisque", "encoder_00"} & set(found)


def test_a_suite_says_in_how_many_slices_scans_are_scored(tmp_path):
    few = SuiteJudge("denoise", slices=2)
    one, true, where = few._slices(case().source, case())
    assert len(one) == len(true) == len(where) == 2 and few.request(tmp_path)["slices"] == 2
