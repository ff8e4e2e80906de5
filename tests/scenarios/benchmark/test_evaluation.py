"""The evaluation on a patient made by hand, whose right scores are known."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

pytest.importorskip("monai", reason="monai is in the [learned] extra")

from scenarios.benchmark.evaluation import evaluate
from scenarios.benchmark.follow_ups import FollowUpJudge
from scenarios.benchmark.patient import Case, HeldOut
from scenarios.benchmark.report import report, write_card
from scenarios.benchmark.scores import Scope
from scenarios.benchmark.tables import gain_over_copy, tables
from twin import DoseGrid, Fraction, Geometry, InputError, PatientTwin, Scan, StructureSet, Volume

pytestmark = pytest.mark.long  # judges generators whole

GRID = Geometry((40, 56, 56), (2.0, 2.0, 2.0), (-56.0, -56.0, -40.0))
Z, Y, X = np.indices(GRID.shape)
RADIUS_MM = {
    ("60-30", 20.0): 14.0, ("60-30", 50.0): 12.0, ("60-30", 90.0): 10.0,
    ("none", 20.0): 18.0, ("none", 50.0): 19.0, ("none", 90.0): 20.0,
}  # fmt: skip
SCOPE = Scope(days=3, plans=2, samples=2)


def ball(radius_mm):
    return radius_mm**2 >= 4.0 * ((Z - 20) ** 2 + (Y - 28) ** 2 + (X - 28) ** 2)


def scan(name, day, gtv, noise=0.0):
    hu = np.where(gtv, 40.0, np.where(X > 50, 50.0, -800.0))
    hu += noise * np.random.default_rng(int(day)).standard_normal(GRID.shape)
    return Scan(name, day, Volume(GRID, np.rint(hu).astype(np.int16), "CT", "HU"))


def drawn(day, gtv):
    made = StructureSet(GRID, (), day).with_mask("GTVp", "GTV", gtv)
    made = made.with_mask("Lung_R", "OAR", ~gtv & (X <= 50))
    return made.with_mask("Body", "EXTERNAL", np.ones(GRID.shape, dtype=bool))


def cm3(mask):
    return float(mask.sum()) * GRID.voxel_cm3


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A set of one patient, known under 60/30 and under nothing."""
    folder = tmp_path_factory.mktemp("made") / "set"
    folder.mkdir()
    first, contours = scan("CT 0", 0.0, ball(16.0), noise=20.0), drawn(0.0, ball(16.0))
    dose = Volume(GRID.resampled(4.0), np.full(GRID.resampled(4.0).shape, 60, np.float32), "DOSE", "Gy")
    fractions = tuple(Fraction(i + 0.375, 2.0, "60/30", 1 / 30) for i in range(30))
    rows = []
    for plan in ("60-30", "none"):
        days = [d for p, d in RADIUS_MM if p == plan]
        balls = [ball(RADIUS_MM[plan, d]) for d in days]
        truth = PatientTwin(
            "one",
            scans=(first, *(scan(f"CT {d}", d, b) for d, b in zip(days, balls, strict=True))),
            structures=(contours, *(drawn(d, b) for d, b in zip(days, balls, strict=True))),
            doses={"60/30": DoseGrid("60/30", dose, 60.0)} if plan == "60-30" else {},
            fractions=fractions if plan == "60-30" else (),
            in_silico=True,
        )
        truth.save(folder / "one.truth" / f"{plan}.twin")
        if plan == "60-30":
            noisy = tuple(
                scan(s.name, s.time_days, b, 20.0) for s, b in zip(truth.scans[1:], balls, strict=True)
            )
            truth.fork(scans=(first, *noisy)).save(folder / "one.twin")
        for day, b in zip(days, balls, strict=True):
            volumes = [cm3(b), *np.linspace(0.8, 1.2, 100) * cm3(b)]
            rows += [{"plan": plan, "day": day, "draw": i - 1, "gtv_cm3": v} for i, v in enumerate(volumes)]
    pl.DataFrame(rows).write_parquet(folder / "one.truth" / "volumes.parquet")
    index = {
        "format": "rt-twin-set/1",
        "simulator": "by hand 1",
        "arguments": {"n": 1, "seed": 0, "truth": True, "twins": None},
        "patients": [{"id": "one", "twin": "one.twin", "truth": "one.truth"}],
    }
    (folder / "set.json").write_text(json.dumps(index))
    return folder


@pytest.fixture(scope="module")
def judged(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("judged") / "out"
    return out, evaluate(made, [], out, FollowUpJudge(SCOPE), workers=1)


def values(scores, name, mode, metric):
    found = scores.filter(generator=name, mode=mode, metric=metric)
    return found["value"].to_numpy()


def test_copying_gains_nothing_and_the_truth_everything(judged):
    _, scores = judged
    assert gain_over_copy(scores, "copy", "guided")[0] == 0.0
    assert gain_over_copy(scores, "oracle", "guided")[0] == 1.0
    assert 0.0 < gain_over_copy(scores, "mechanistic", "guided")[0] < 1.0


def test_the_truths_own_scores_are_perfect(judged):
    _, scores = judged
    for metric, best in {
        "mae_near_hu": 0.0,
        "ssim": 1.0,
        "dice": 1.0,
        "hd95_mm": 0.0,
        "log_density": 0.0,
    }.items():
        np.testing.assert_allclose(values(scores, "oracle", "guided", metric), best, atol=1e-6)


def test_change_is_judged_from_each_day_to_the_next(judged):
    _, scores = judged
    changes = scores.filter(generator="copy", plan="60-30", metric="flicker_hu")
    assert changes["day"].to_list() == [50.0, 90.0]


def test_a_generator_whose_images_all_lie_outside_its_domain_has_empty_rows(judged):
    _, scores = judged
    outside = scores.filter(generator="copy", metric="outside").with_columns(
        generator=pl.lit("mine"), value=1.0
    )
    found = {table.name: table for table in tables(pl.concat([scores, outside]))}
    row = found["images"].frame.row(by_predicate=pl.col("generator") == "mine", named=True)
    assert row["outside_the_domain"] == "100.0 %" and row["MAE near, HU"] is None
    assert row["guided_gain"] == ""
    whole = next(r for r in found["images"].frame.rows(named=True) if r["generator"] == "oracle")
    assert whole["guided_gain"] == "100.0 %", "one patient has no interval"
    assert "mine" not in found["tumour"].frame["generator"]
    assert "mine" not in " ".join(found["differences"].frame["generators"])


def test_an_acquired_scan_is_judged_under_the_plan_that_was_given_only(judged):
    _, scores = judged
    assert set(scores.filter(generator="acquired", mode="guided")["plan"]) == {"60-30"}
    # Noise of 20 HU has a mean absolute value of 16.
    assert values(scores, "acquired", "guided", "mae_near_hu").mean() == pytest.approx(16.0, rel=0.03)


def test_who_copies_misses_every_difference_between_plans(judged):
    _, scores = judged
    pairs = scores.filter(generator="copy", mode="guided", metric="difference_cm3")
    assert len(pairs) == 3 and not pairs["value"].to_numpy().any()
    true = values(scores, "copy", "free", "difference_true_cm3")
    expected = [
        cm3(ball(RADIUS_MM["60-30", d])) - cm3(ball(RADIUS_MM["none", d])) for d in (20.0, 50.0, 90.0)
    ]
    np.testing.assert_allclose(sorted(true), sorted(expected))


def test_the_best_forecast_is_the_simulators_own(judged):
    _, scores = judged
    best, copied = (values(scores, n, "free", "crps_cm3").mean() for n in ("oracle", "copy"))
    assert best < 0.2 * copied
    assert np.abs(values(scores, "oracle", "free", "rank") - 0.5).max() < 0.02


def test_the_same_command_again_does_nothing_again(made, judged, monkeypatch):
    out, scores = judged
    monkeypatch.setattr("scenarios.benchmark.follow_ups.scores", lambda *a: pytest.fail("judged again"))
    assert evaluate(made, [], out, FollowUpJudge(SCOPE), workers=1).equals(scores)
    with pytest.raises(InputError, match="another evaluation"):
        evaluate(made, [], out, FollowUpJudge(replace(SCOPE, samples=1)), workers=1)


def test_tables_and_card_are_written(made, judged, tmp_path):
    out, scores = judged
    found = report(made, [], out, scores, cost=False)
    assert [t.name for t in found] == ["images", "tumour", "forecast", "spread", "plans", "differences"]
    energy = dict(found[3].frame.select("generator", "energy score, HU").iter_rows())
    assert energy["mechanistic"] < energy["copy"]
    text = (out / "tables.md").read_text()
    assert "SIMULATED" in text and "| oracle | 1 |" in text and "best possible" in text
    weights = tmp_path / "mine"
    weights.mkdir()
    config = '{"_class_name": "Copy", "domain": {"dose_gy": [0, 60]}}'
    (weights / "config.json").write_text(config)
    (weights / "README.md").write_text("By hand.\n")
    assert "- 0 to 60 Gy in the tumour" in write_card(weights, out, found).read_text()
    (weights / "config.json").write_text(config.replace("60", "70"))
    card = write_card(weights, out, found).read_text()
    assert card.count("**1. Images**") == 1 and card.endswith("By hand.\n")
    assert "- 0 to 70 Gy in the tumour" in card and "60 Gy" not in card, "trained anew, it says so"


def copying(folder, **facts):
    """Weights that give the scan back."""
    from models import FAMILIES, FamilyConfig
    from simulators.tasks.follow_up import TASK

    undrafted = tuple(c.name for c in TASK.task.source if c.group == "draft")
    config = FamilyConfig(
        family="copy", task=TASK.task, slices=1, widths=(4,), embedding=4, hidden=undrafted, **facts
    )
    FAMILIES["copy"](config).save_pretrained(folder)


@pytest.mark.parametrize("listed", ["keyed", "8e83ed46"])  # by version 0.1: without a key
def test_nobody_is_judged_on_patients_he_learned_from(made, tmp_path, listed):
    from simulators.learned.weights import patient_digest

    copying(tmp_path / "mine", trained_on=[patient_digest("one") if listed == "keyed" else listed])
    with pytest.raises(InputError, match="has learned from 1 of these patients"):
        evaluate(made, [str(tmp_path / "mine")], tmp_path / "out", FollowUpJudge(SCOPE), workers=1)


def test_weights_are_judged_like_any_other(made, tmp_path):
    copying(tmp_path / "mine")
    scope = Scope(days=1, plans=1, samples=1)
    scores = evaluate(made, [str(tmp_path / "mine")], tmp_path / "out", FollowUpJudge(scope), workers=1)
    for mode in ("guided", "free"):
        ours, copied = (values(scores, n, mode, "mae_near_hu") for n in ("mine", "copy"))
        np.testing.assert_allclose(ours, copied, rtol=1e-5)


def test_the_guide_is_the_true_volume_and_free_use_is_told_nothing(made):
    held = HeldOut.load(made, {"id": "one", "twin": "one.twin", "truth": "one.truth"})
    case = Case("60-30", 90.0)
    assert held.request(case, guided=True).tumour.gtv_cm3 == pytest.approx(cm3(ball(10.0)))
    free = held.request(case, guided=False, sample=3)
    assert free.tumour is None and free.key.sample == 3 and free.fractions_since == 30


def test_a_picture_is_drawn(made, tmp_path):
    from PIL import Image

    from scenarios.benchmark.picture import picture

    held = HeldOut.load(made, {"id": "one", "twin": "one.twin", "truth": "one.truth"})
    picture(held, Case("60-30", 90.0), ["copy", "mechanistic"], tmp_path / "p.png")
    assert np.ptp(np.asarray(Image.open(tmp_path / "p.png"))) > 200
