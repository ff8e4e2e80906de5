"""When a claim is answered, and what then is said; tables of means and ranks from the same rows."""

import json

import numpy as np
import polars as pl
import pytest

from models.metrics.radiomics import NAMES
from scenarios.suites.claims import answered
from scenarios.suites.judge import OF_SCAN
from scenarios.suites.plan import Suite
from scenarios.suites.tables import by_person, correlations, means, ranks

SUITE = Suite(
    name="one", about="", core_seconds=1, seeds=(0, 1, 2),
    directions={"denoise": {"families": [{"name": n, "family": "regression"} for n in ("good", "bad")]}},
    claims=[{
        "text": "good is better", "task": "denoise", "kind": "real", "score": "mae_hu", "better": ["good"],
        "worse": ["bad"],
    }],
)  # fmt: skip


def rows(better_by=(3.0, 3.0, 3.0)):
    """Eight people, two contestants with three seeds, and a yardstick."""
    chance, found = np.random.default_rng(0), []
    for patient in range(8):
        hard = chance.normal(20, 5)
        for seed, by in enumerate(better_by):
            for name, value in (("good", hard - by), ("bad", hard)):
                found.append((name, seed, patient, value + chance.normal(0, 0.3)))
        found.append(("source", None, patient, hard + 10))
    table = [
        ("denoise", "real", n, s, str(p), metric, v if metric == "mae_hu" else -2 * v)
        for n, s, p, v in found
        for metric in ("mae_hu", "ssim")
    ]
    columns = ["task", "kind", "contestant", "seed", "patient", "metric", "value"]
    return pl.DataFrame(table, schema=columns, orient="row")


def trained(out, last=20.0):
    for name in ("good", "bad"):
        for seed in range(3):
            place = out / "weights" / "denoise" / f"{name}-s{seed}"
            place.mkdir(parents=True)
            points = ((0.1, 30.0), (0.8, 20.2), (1.0, last))
            told = [json.dumps({"minutes": m, "validation": {"mae_hu": e}}) for m, e in points]
            (place / "log.jsonl").write_text("\n".join(told))
    return out


def verdict(table, out):
    (row,) = answered(SUITE, table, out).to_dicts()
    return row


def test_a_claim_is_answered_from_differences_by_person(tmp_path):
    row = verdict(rows(), trained(tmp_path))
    assert row["verdict"] == "holds" and row["people"] == 8
    assert row["low"] < 3 < row["high"] and row["difference"] == pytest.approx(3, abs=0.3)
    assert row["wilcoxon_p_holm"] == pytest.approx(2 / 2**8)
    assert verdict(rows((-3.0, -3.0, -3.0)), tmp_path)["verdict"] == "the opposite holds"


def test_what_went_on_learning_or_disagrees_is_no_answer(tmp_path):
    assert "seeds disagree" in verdict(rows((3.0, 3.0, -1.0)), trained(tmp_path / "a"))["verdict"]
    assert "2 of 3 seeds" in verdict(rows((3.0, 3.0)), tmp_path / "a")["verdict"]
    said = verdict(rows(), trained(tmp_path / "b", last=19.0))["verdict"]
    assert said.startswith("not answerable at this budget: the last fifth of") and "5.9 %" in said


def test_ranks_say_who_is_first_whichever_way_a_score_goes():
    people = by_person(rows())
    first = ranks(people).filter(pl.col("contestant") == "good")
    assert first["metric"].to_list() == ["mae_hu", "ssim"] and (first["rank"] == 1).all()
    assert (first["friedman_p"] < 0.001).all()
    mean = (
        means(people)
        .filter((pl.col("contestant") == "source") & (pl.col("metric") == "mae_hu"))
        .to_dicts()[0]
    )
    assert mean["low"] < mean["mean"] < mean["high"] and mean["people"] == 8
    (both,) = correlations(people).to_dicts()
    assert both["spearman"] == pytest.approx(1.0), "less of the one is better, more of the other"


def test_radiomics_agree_where_kernels_no_longer_shift_them():
    """Two kernels shift six people, who differ by 1, by 0.5 up and down; what is harmonised is as the truth."""
    table = []
    for patient in range(6):
        for name in NAMES:
            for contestant, shift in (("source", 0.5), ("harmonised", 0.0), ("oracle", 0.0)):
                for scan, sign in (("lung", 1), ("soft", -1)):
                    value = patient + sign * shift
                    table.append((contestant, str(patient), f"radiomics_{name}{OF_SCAN}{scan}", value))
                table.append((contestant, str(patient), f"radiomics_{name}", float(patient)))
    columns = ["contestant", "patient", "metric", "value"]
    own = pl.DataFrame(table, schema=columns, orient="row")
    found = means(own.with_columns(task=pl.lit("harmonise"), kind=pl.lit("in silico")))
    of = {r["contestant"]: r for r in found.filter(pl.col("metric") == "radiomics_icc").to_dicts()}
    # Of three ways to measure: variance of people 3.5, of ways 0.25, and nothing else.
    assert of["source"]["mean"] == pytest.approx(3.5 / 3.75) and of["harmonised"]["mean"] == pytest.approx(1)
    assert not any(OF_SCAN in m for m in found["metric"])
