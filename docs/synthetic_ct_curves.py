"""Makes `docs/images/synthetic-ct-curves.png`: validation errors of trainings against their processor time.

python docs/synthetic_ct_curves.py TRAINING...      folders that `rt-twin train --task cbct-ct` wrote, named as shown
"""

import json
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

from models.layout import LOG
from scenarios.records.schema import SIMULATED
from scenarios.report.colours import PLAN_COLOURS

HERE = Path(__file__).parent / "images"


def main(folders: list[Path]) -> None:
    """Write the figure."""
    matplotlib.use("Agg")
    plt.rcParams |= {"axes.prop_cycle": matplotlib.cycler(color=PLAN_COLOURS), "axes.spines.top": False,
                     "axes.spines.right": False, "font.size": 9, "figure.constrained_layout.use": True}  # fmt: skip
    plt.figure(figsize=(6, 3.4))
    for folder in folders:
        rows = [json.loads(line) for line in (folder / LOG).read_text(encoding="utf-8").splitlines()]
        told = [(r["minutes"], r["validation"]["mae_hu"]) for r in rows if "validation" in r]
        start = next(r["validation"]["start_mae_hu"] for r in rows if "validation" in r)
        plt.plot(*zip(*told, strict=True), marker="o", markersize=3, label=folder.name)
        print(f"| {folder.name} | {' | '.join(f'{hu:.1f} ({minutes:.1f})' for minutes, hu in told)} |")
    plt.axhline(start, color="grey", linewidth=0.8, linestyle=":")
    across = plt.gca().get_yaxis_transform()
    plt.text(0.01, start, "the scans themselves", transform=across, va="bottom", color="grey", fontsize=8)
    plt.yscale("log")
    plt.gca().yaxis.set_major_formatter("{x:.0f}")
    plt.gca().yaxis.set_minor_formatter("{x:.0f}")
    plt.xlabel("processor time, minutes of one core")
    plt.ylabel("error in the body of\npatients held out, HU")
    plt.legend(frameon=False)
    plt.title(SIMULATED, loc="right", fontsize=7, color="grey")
    plt.savefig(HERE / "synthetic-ct-curves.png", dpi=110)


if __name__ == "__main__":
    main([Path(p) for p in sys.argv[1:]])
