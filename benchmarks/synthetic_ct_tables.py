"""What `benchmarks/synthetic_ct.py` found, as the tables of docs/synthetic_ct.md."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
from synthetic_ct_cases import NEAR, PLAN, THRESHOLD
from synthetic_ct_study import ARMS

BOOTSTRAPS = 2000


def wilson(hits: int, n: int) -> str:
    """A share with its 95 % interval (Wilson 1927)."""
    if n == 0:
        return "none"
    z, p = 1.959964, hits / n
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + s * half) / (1 + z * z / n) for s in (-1, 1))
    return f"{100 * p:.0f} ({100 * low:.0f} to {100 * high:.0f}), {hits} of {n}"


def kappa(truth: np.ndarray, decided: np.ndarray) -> float:
    agree = (truth == decided).mean()
    chance = truth.mean() * decided.mean() + (1 - truth.mean()) * (1 - decided.mean())
    return float((agree - chance) / (1 - chance)) if chance < 1 else float("nan")


def by_patient(rng: np.random.Generator, groups: list[np.ndarray], measure) -> tuple[float, float]:
    """95 % interval of a measure over patients drawn again with all their cases."""
    found = [
        measure(np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))]))
        for _ in range(BOOTSTRAPS)
    ]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)


def tables(folder: Path) -> None:
    rows = [json.loads(f.read_text()) for f in sorted(folder.glob("dose-*.json"))]
    if rows:
        frame = pl.DataFrame(rows, infer_schema_length=None)
        frame.write_parquet(folder / "rows.parquet")
        true = frame.filter(pl.col("way") == "true").select(
            "patient", "case", *(pl.col(c).alias(f"true_{c}") for c in MEASURES), pl.col("replan").alias("truth")
        )  # fmt: skip
        other = frame.filter(pl.col("way") != "true").join(true, on=["patient", "case"])
        everywhere = other.filter(pl.col("way") != "uncorrected")
        ways = everywhere["way"].n_unique()
        judged_all = everywhere.group_by("patient", "case").len().filter(pl.col("len") == ways)
        dose_table(other.join(judged_all, on=["patient", "case"], how="semi"))
        decision_table(everywhere.join(judged_all, on=["patient", "case"], how="semi"))
    found = [json.loads(f.read_text()) for f in sorted(folder.glob("study-*.json"))]
    faults = [r[0]["fault"] for r in found if "fault" in r[0]]
    whole = [r for r in found if "fault" not in r[0]]
    if whole:
        study_table(pl.DataFrame([row for r in whole for row in r]), faults)


STUDIED = {
    "covered": "patients whose CTV has D95 at 95 % or more, %",
    "target_d95_gy": "D95 of the CTV, Gy",
    "mean_lung_gy": "mean dose of lungs - GTV, Gy",
    "mean_heart_gy": "mean dose of the heart, Gy",
    "control": "tumour control, %",
    "replans": "replans",
    "images": "cone-beam CTs",
    "fractions": "slots of the linac",
}
MEASURES = ("d95_percent", "ptv_d95_percent", "mean_lung_gy", "path_mm")


def dose_table(other: pl.DataFrame) -> None:
    print("\n| CT of the day | patients | gamma 2 %/2 mm, median | worst (patient) | cases | D95 of the PTV, mean "
          "(largest) error, points | mean lung dose, the same, Gy | path, the same, mm |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for (way,), part in other.group_by("way", maintain_order=True):
        fine = part.filter(pl.col("gamma_percent").is_not_null()).sort("gamma_percent")
        gammas = (
            "- | -"
            if fine.is_empty()
            else f"{fine['gamma_percent'].median():.1f} | {fine['gamma_percent'][0]:.1f} ({fine['patient'][0]})"
        )
        told = []
        for column in ("ptv_d95_percent", "mean_lung_gy", "path_mm"):
            off = (part[column] - (0.0 if column == "path_mm" else part[f"true_{column}"])).to_numpy()
            told.append(f"{off.mean():+.2f} ({off[np.abs(off).argmax()]:+.2f})")
        print(f"| {way} | {len(fine)} | {gammas} | {len(part)} | {' | '.join(told)} |")


def decision_table(other: pl.DataFrame) -> None:
    true = other.unique(["patient", "case"])
    near = (true["true_d95_percent"] / (100 * THRESHOLD) - 1).abs() <= NEAR
    replans, close = 100 * true["truth"].mean(), 100 * near.mean()
    print(f"\n{len(true)} cases of {true['patient'].n_unique()} patients, {replans:.0f} % true replans, {close:.0f} % "
          f"within {NEAR:.0%} of the threshold\n")  # fmt: skip
    print(
        "| CT of the day | sensitivity, % | specificity, % | kappa | error of D95 of the target, mean (SD), points |"
    )
    print("|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for (way,), part in other.group_by("way", maintain_order=True):
        truth, decided = part["truth"].to_numpy(), part["replan"].to_numpy()
        pairs = [
            g.select("truth", "replan").to_numpy() for _, g in part.group_by("patient", maintain_order=True)
        ]
        low, high = by_patient(rng, pairs, lambda p: kappa(p[:, 0], p[:, 1]))
        off = part["d95_percent"] - part["true_d95_percent"]
        print(
            f"| {way} | {wilson(int((truth & decided).sum()), int(truth.sum()))} | "
            f"{wilson(int((~truth & ~decided).sum()), int((~truth).sum()))} | "
            f"{kappa(truth, decided):.2f} ({low:.2f} to {high:.2f}) | {off.mean():+.2f} ({off.std():.2f}) |"
        )


def study_table(frame: pl.DataFrame, faults: list[str]) -> None:
    n = frame["patient"].n_unique()
    print(f"\n{n} patients" + (f", {len(faults)} failed, the first: {faults[0]}" if faults else "") + "\n")
    frame = frame.with_columns(
        covered=100.0 * (pl.col("target_d95_gy") >= THRESHOLD * PLAN.total_gy),
        control=100 * pl.col("control"),
    )
    rng = np.random.default_rng(0)
    print("| | " + " | ".join(ARMS) + " | " + " | ".join(f"{arm} - {ARMS[0]}" for arm in ARMS[1:]) + " |")
    print("|---" * (2 * len(ARMS)) + "|")
    for column, words in STUDIED.items():
        values = {arm: frame.filter(pl.col("arm") == arm)[column].to_numpy() for arm in ARMS}
        told = [f"{values[arm].mean():.2f}" for arm in ARMS]
        for arm in ARMS[1:]:
            change = values[arm] - values[ARMS[0]]
            low, high = by_patient(rng, [change[i : i + 1] for i in range(n)], np.mean)
            told.append(f"{change.mean():+.2f} ({low:+.2f} to {high:+.2f})")
        print(f"| {words} | " + " | ".join(told) + " |")
