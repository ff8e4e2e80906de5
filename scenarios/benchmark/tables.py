"""The evaluation's tables, from its scores: numbers as polars frames, and as Markdown for documents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from scenarios.benchmark.contestant import ACQUIRED, ORACLE
from scenarios.benchmark.follow_ups import order
from scenarios.benchmark.statistics import hodges_lehmann, interval

_SEPARATE = 0.10  # of the baseline volume: plans that differ
_LEVEL = 0.80
_KEY = ["patient", "plan", "day"]


@dataclass(frozen=True, eq=False)
class Table:
    """One table of the evaluation.

    Args:
        name: of its file.
        title: above it.
        note: what its columns mean.
        frame: a row for each contestant.
    """

    name: str
    title: str
    note: str
    frame: pl.DataFrame

    def markdown(self) -> str:
        """Title, table and note."""
        head = [c.replace("_", " ") for c in self.frame.columns]
        lines = [f"**{self.title}**", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        lines += [f"| {' | '.join(map(_cell, row))} |" for row in self.frame.iter_rows()]
        return "\n".join([*lines, "", self.note])


def tables(scores: pl.DataFrame, cost: pl.DataFrame | None = None) -> list[Table]:
    """All tables that the scores allow.

    Args:
        scores: with `scores.SCHEMA`.
        cost: what `cost_of` gives, where it was measured.
    """
    found = [
        _images(scores),
        _tumour(scores),
        _forecast(scores),
        *_spread(scores),
        _plans(scores),
        _differences(scores),
    ]
    if cost is not None and len(cost):
        found.append(_cost(cost))
    return found


def _images(scores: pl.DataFrame) -> Table:
    rows = []
    for name in order(scores):
        made = _wide(scores, name, "guided")
        row: dict[str, Any] = {"generator": name, "patients": made["patient"].n_unique()}
        row["outside_the_domain"] = _percent(_values(scores, name, "outside", "outside").mean())
        gain, low, high = _gain(scores, name, "guided", "mae_near_hu")
        between = f" [{_percent(low)}, {_percent(high)}]" if np.isfinite([low, high]).all() else ""
        row["guided_gain"] = _percent(gain) + between
        row["free_gain,_single"] = _percent(_gain(scores, name, "free", "mae_near_hu")[0])
        row["free_gain,_mean_of_samples"] = _percent(_gain(scores, name, "mean", "mae_near_hu")[0])
        for metric, heading in (
            ("mae_near_hu", "MAE near, HU"),
            ("mae_body_hu", "MAE body, HU"),
            ("psnr_db", "PSNR, dB"),
            ("ssim", "SSIM"),
        ):
            row[heading] = _mean(made, metric)
        rows.append(row)
    note = (
        "Gain: (copy - generator) / (copy - oracle) in MAE within 3 cm of the drawn tumour, the truth being free of "
        "scanner noise; 95 % bootstrap intervals over patients. Guided: told the tumour's true volume; free: dose, "
        "time and record only. The error of all but the oracle includes the scanner's noise where the scan's grain is "
        "kept. PSNR and SSIM (window of 7 voxels) in the box 3 cm around the tumour, -1024 to 1024 HU, guided, range "
        "2048 HU. Acquired: the clinic's own follow-up scan, with noise, set-up and breathing."
    )
    return Table("images", "1. Images", note, pl.DataFrame(rows, infer_schema_length=None))


def _tumour(scores: pl.DataFrame) -> Table:
    rows = []
    for name in order(scores):
        made = _wide(scores, name, "guided")
        if "segmented_cm3" not in made.columns:
            continue
        # Below a cubic centimetre a relative error says nothing.
        known = made.filter(pl.col("segmented_true_cm3") >= 1.0)
        error = known["segmented_cm3"] / known["segmented_true_cm3"] - 1.0
        mask = made.filter(pl.col("true_cm3") >= 1.0)
        own = (mask["mask_cm3"] / mask["true_cm3"] - 1.0).abs()
        rows.append(
            {
                "generator": name,
                "volume_error,_median": _percent(error.abs().median()),
                "upper_quartile": _percent(error.abs().quantile(0.75, "linear")),
                "bias": _percent(error.median()),
                "own_mask's_error,_median": _percent(own.median()),
                "Dice": _median(made, "dice"),
                "HD95, mm": _median(made, "hd95_mm"),
                "lung_density_outside_(log)": _median(made, "log_density"),
            }
        )
    note = (
        "Volume error: the fixed segmentation on the generated image against the same on the true image (1 cm3 or "
        f"more), which itself is off the true volume by {_percent(_segmentation_error(scores))}. The generator's own "
        "mask against the true volume and the true mask. Lung density: mean absolute log ratio in blocks of 1 cm3 of "
        "lung within 3 cm, as an error of the log-Jacobian would show. Medians."
    )
    return Table("tumour", "2. Tumour, guided", note, pl.DataFrame(rows))


def _segmentation_error(scores: pl.DataFrame) -> float:
    """Of the fixed segmentation on true images against the true volume: the median."""
    known = _wide(scores, ORACLE, "guided").filter(pl.col("true_cm3") >= 1.0)
    return float(np.median((known["segmented_true_cm3"] / known["true_cm3"] - 1.0).abs().to_numpy()))


def _forecast(scores: pl.DataFrame) -> Table:
    rows = []
    for name in order(scores):
        made = _wide(scores, name, "free")
        if "crps_cm3" not in made.columns:
            continue
        made = made.filter(pl.col("crps_cm3").is_not_null())
        rank, edge = made["rank"], (1.0 - _LEVEL) / 2
        above, covered = forecast_scores(scores, name)
        rows.append(
            {
                "generator": "best possible" if name == ORACLE else name,
                "forecasts": len(made),
                "CRPS, cm3": _mean(made, "crps_cm3"),
                "above_the_best_possible": _percent(above - 1.0),
                "80_%_interval_covers": _percent(covered),
                "below_/_above_it": f"{_percent((rank < edge).mean())} / {_percent((rank > 1 - edge).mean())}",
                "median's_error, cm3": _mean(made, "error_cm3"),
            }
        )
    note = (
        "Volumes under every plan and on every follow-up day, from dose, time, record and the drawn baseline volume "
        "alone: 99 draws, fair CRPS, coverage by the truth's rank among them. Best possible: the simulator's own "
        "predictive distribution."
    )
    return Table("forecast", "3. Tumour, free", note, pl.DataFrame(rows))


def _spread(scores: pl.DataFrame) -> list[Table]:
    """What the spread of free images is worth; nothing where fewer than two were made."""
    rows = []
    for name in order(scores):
        made = _wide(scores, name, "free")
        if "energy_hu" in made.columns:
            shown = made["injury_shown"].drop_nulls() if "injury_shown" in made.columns else pl.Series([])
            rows.append(
                {
                    "generator": name,
                    "follow-ups": len(made["energy_hu"].drop_nulls()),
                    "energy score, HU": _mean(made, "energy_hu"),
                    "voxels between, of what is due": _percent(made["voxels_between"].mean()),
                    "injury that some sample shows": _percent(shown.mean()) if len(shown) else "",
                    "follow-ups with injury": len(shown),
                }
            )
    note = (
        "Free images of the last factual follow-up, within 3 cm of the drawn tumour. Energy score: the CRPS of all "
        "voxels at once, less is better; one image again and again has its own error. Voxels whose truth lies between "
        "the least and the greatest sample, over the share that is due to a calibrated forecast. Cubic centimetres of "
        "lung that rose by 50 HU or more, of which some sample shows half or more."
    )
    return [Table("spread", "3b. Spread, free", note, pl.DataFrame(rows))] if rows else []


def _plans(scores: pl.DataFrame) -> Table:
    rows = []
    for name in order(scores):
        if name == ACQUIRED:
            continue
        row: dict[str, Any] = {"generator": name}
        for mode in ("guided", "mask", "free"):
            pairs = _pairs(scores, name, mode)
            if pairs is None:
                continue
            apart = pairs.filter(pl.col("true").abs() >= _SEPARATE * pl.col("gtv0"))
            alike = pairs.filter(pl.col("true").abs() < _SEPARATE * pl.col("gtv0"))
            wrong, size = (apart["made"] - apart["true"]).abs().sum(), apart["true"].abs().sum()
            row[f"{mode}: error_/_difference"] = _percent(float(wrong) / float(size)) if size else ""
            if mode != "mask":
                others = (alike["made"] - alike["true"]).abs() / alike["gtv0"]
                row[f"{mode}: others'_error"] = _percent(others.mean())
        row["falls_with_dose"] = _percent(_values(scores, name, "free", "monotonic").mean())
        row["untreated,_times_baseline"] = _number(_values(scores, name, "free", "untreated_ratio").mean())
        flicker = _wide(scores, name, "guided")
        for metric, heading in (
            ("flicker_hu", "flicker, HU"),
            ("change_made_hu", "change made, HU"),
            ("change_true_hu", "true change, HU"),
        ):
            row[heading] = _mean(flicker, metric)
        rows.append(row)
    note = (
        "Differences in volume between two plans on one day: guided by the fixed segmentation, beside the same on the "
        "true images; mask: guided, by the generator's own mask, beside the true volumes; free as the mean of 99 "
        "draws under common random numbers (the oracle's row: the best possible forecast). Error over difference: "
        "sums over the pairs that truly differ by at least 10 % of the baseline volume; others' error in % of it. "
        "Falls with dose: share of draws whose volume never rises with the dose. Flicker: mean absolute error of the "
        "change between two days of one sample, 1 to 3 cm away from the tumour, beside the change made and the true "
        "one, HU."
    )
    return Table("plans", "4. Counterfactuals", note, pl.DataFrame(rows, infer_schema_length=None))


def _differences(scores: pl.DataFrame) -> Table:
    from scipy.stats import wilcoxon

    names = [n for n in order(scores) if n not in (ORACLE, ACQUIRED)]
    made = {n: _wide(scores, n, "guided") for n in names}
    mean = {
        n: frame.group_by("patient").agg(pl.col("mae_near_hu").mean())
        for n, frame in made.items()
        if "mae_near_hu" in frame.columns  # else all of them lay outside its domain
    }
    rows = []
    for i, a in enumerate(mean):
        for b in list(mean)[i + 1 :]:
            both = mean[a].join(mean[b], on="patient", suffix="_b")
            d = (both["mae_near_hu_b"] - both["mae_near_hu"]).to_numpy()
            if d.size < 2 or not d.any():
                continue
            low, high = interval(d, hodges_lehmann)
            rows.append(
                {
                    "generators": f"{b} - {a}",
                    "patients": d.size,
                    "difference, HU": hodges_lehmann(d),
                    "95_%": f"{low:.2f} to {high:.2f}",
                    "Wilcoxon_p": f"{wilcoxon(d).pvalue:.1g}",
                }
            )
    note = (
        "Guided MAE within 3 cm, paired by patient (mean over his images): Hodges-Lehmann estimate, its bootstrap "
        "interval, and the signed-rank test. Negative: the first is better."
    )
    columns = ("generators", "patients", "difference, HU", "95_%", "Wilcoxon_p")
    frame = pl.DataFrame(rows) if rows else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return Table("differences", "Paired differences", note, frame)


def _cost(cost: pl.DataFrame) -> Table:
    note = "One volume of 96 x 96 x 48 voxels of 2 mm, alone on the machine: median of repeated runs after the first."
    return Table("cost", "6. Cost", note, cost)


def gain_over_copy(scores: pl.DataFrame, name: str, mode: str) -> tuple[float, float, float]:
    """(copy - generator) / (copy - oracle) in MAE within 3 cm, and its 95 % interval over patients.

    Args:
        scores: with `scores.SCHEMA`.
        name: of the generator.
        mode: guided, free (single samples) or mean (of the free samples).
    """
    return _gain(scores, name, mode, "mae_near_hu")


def forecast_scores(scores: pl.DataFrame, name: str) -> tuple[float, float]:
    """CRPS over the best possible one, and the share of truths in the 80 % intervals; nan without forecasts."""
    made = _wide(scores, name, "free")
    if "crps_cm3" not in made.columns:
        return float("nan"), float("nan")
    known, best = made.filter(pl.col("crps_cm3").is_not_null()), _wide(scores, ORACLE, "free")
    edge = (1.0 - _LEVEL) / 2
    covered = ((known["rank"] >= edge) & (known["rank"] <= 1 - edge)).mean()
    if "crps_cm3" not in best.columns:  # of a centre's patients nobody knows what could be expected at best
        return float("nan"), float(covered or 0.0)  # type: ignore[arg-type]
    both = known.join(best.select(*_KEY, best="crps_cm3"), on=_KEY)
    above = float(both["crps_cm3"].sum()) / float(both["best"].sum())
    return above, float(covered or 0.0)  # type: ignore[arg-type]


def _values(scores: pl.DataFrame, name: str, mode: str, metric: str) -> pl.Series:
    return scores.filter(
        (pl.col("generator") == name) & (pl.col("mode") == mode) & (pl.col("metric") == metric)
    )["value"]


def _wide(scores: pl.DataFrame, name: str, mode: str) -> pl.DataFrame:
    """One row for each case, one column for each metric that is not of a pair of plans."""
    part = scores.filter((pl.col("generator") == name) & (pl.col("mode") == mode) & pl.col("other").is_null())
    return part.pivot(on="metric", index=_KEY, values="value")


def _pairs(scores: pl.DataFrame, name: str, mode: str) -> pl.DataFrame | None:
    part = scores.filter(
        (pl.col("generator") == name) & (pl.col("mode") == mode) & pl.col("other").is_not_null()
    )
    if part.is_empty():
        return None
    wide = part.pivot(on="metric", index=[*_KEY, "other"], values="value")
    return wide.select(
        "patient", made="difference_cm3", true="difference_true_cm3", gtv0="difference_gtv0_cm3"
    )


def _gain(scores: pl.DataFrame, name: str, mode: str, metric: str) -> tuple[float, float, float]:
    """Gain over copying and its 95 % interval, over the cases that the generator made."""
    made, copy = _wide(scores, name, mode), _wide(scores, "copy", mode)
    if metric not in made.columns or metric not in copy.columns:
        return float("nan"), float("nan"), float("nan")
    # The oracle's error is 0: the truth has no noise.
    both = copy.join(made, on=_KEY, suffix="_made").filter(pl.col(f"{metric}_made").is_not_null())
    by = both.group_by("patient", maintain_order=True).agg(pl.col(metric, f"{metric}_made").sum())
    pairs = np.stack([by[metric].to_numpy(), by[f"{metric}_made"].to_numpy()], axis=1)

    def gain(rows: np.ndarray) -> float:
        copied, ours = rows.sum(axis=0)
        return float((copied - ours) / copied) if copied > 0 else float("nan")

    return gain(pairs), *interval(pairs, gain)


def _mean(frame: pl.DataFrame, metric: str) -> float | None:
    return _number(frame[metric].mean()) if metric in frame.columns else None


def _median(frame: pl.DataFrame, metric: str) -> float | None:
    return _number(frame[metric].median()) if metric in frame.columns else None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _percent(value: Any) -> str:
    return "" if value is None or not np.isfinite(float(value)) else f"{100 * float(value):.1f} %"


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "∞" if value == float("inf") else ""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


def markdown(found: Iterable[Table]) -> str:
    """All tables, one after the other."""
    return "\n\n".join(table.markdown() for table in found) + "\n"
