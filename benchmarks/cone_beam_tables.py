"""Tables of what `rt-twin evaluate` found for `cbct-ct`: python benchmarks/cone_beam_tables.py RUN... [--singly RUN...]

Means over patients; `--singly` gives a row to each patient, since three real thoraces are no sample of anything.
"""

import sys
from pathlib import Path

import polars as pl

COLUMNS = {
    "mae_hu": ("body", 1), "bias_hu": ("bias", 1), "lung_mae_hu": ("lung", 1), "soft_mae_hu": ("soft", 1),
    "bone_mae_hu": ("bone", 1), "tumour_mae_hu": ("tumour", 1), "tumour_volume_error": ("tumour volume, %", 100),
    "tumour_dice": ("Dice", 1), "grain_hu": ("grain, HU", 1), "grain_per_mm": ("at, per mm", 1), "ssim": ("SSIM", 1),
}  # fmt: skip
NAMES = {
    "source": "cone beam, corrected", "uncorrected": "uncorrected", "classical": "histograms matched",
    "voxel-wise": "best voxel-wise guess", "oracle": "oracle",
}  # fmt: skip
SMALL = {"tumour_dice", "grain_per_mm", "ssim"}


def line(words, found):
    values = dict(zip(found["metric"], found["value"], strict=True))
    cells = [
        "" if k not in values else f"{values[k] * scale:.{3 if k in SMALL else 1}f}"
        for k, (_, scale) in COLUMNS.items()
    ]
    print(f"| {' | '.join([*words, *cells])} |")


def table(folder, singly):
    rows = pl.read_parquet(folder / "scores.parquet")
    heads = (["patient"] if singly else []) + ["CT of the day", *(name for name, _ in COLUMNS.values())]
    print(f"\n**{folder.name}**, {rows['patient'].n_unique()} patients\n")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    groups = rows["patient"].unique(maintain_order=True).to_list() if singly else [None]
    for patient in groups:
        mine = rows if patient is None else rows.filter(pl.col("patient") == patient)
        for name in mine["generator"].unique(maintain_order=True):
            means = mine.filter(pl.col("generator") == name).group_by("metric").agg(pl.col("value").mean())
            line([*([patient] if singly else []), NAMES.get(name, name)], means)


single = False
for word in sys.argv[1:]:
    if word == "--singly":
        single = True
    else:
        table(Path(word), single)
