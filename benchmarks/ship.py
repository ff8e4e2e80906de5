"""A training of a benchmark as weights that ship: in bfloat16, with its config, its training and its log.

python benchmarks/ship.py RUN TASK TRAINING FOLDER      runs/denoise denoise texture-s0 models/weights/denoise/texture

The card (`README.md`) is for a person to write.
"""

import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from models.layout import CONFIG, LOG, TRAINING, WEIGHTS

run, task, training, folder = sys.argv[1:]
source, out = Path(run) / "weights" / task / training, Path(folder)
out.mkdir(parents=True, exist_ok=True)
for name in (CONFIG, TRAINING, LOG):
    shutil.copy(source / name, out)
halves = {k: v.to(torch.bfloat16) for k, v in load_file(source / WEIGHTS).items()}
save_file(halves, out / WEIGHTS, metadata={"format": "pt"})
(out / WEIGHTS).chmod(0o644)
print(f"{out}: {(out / WEIGHTS).stat().st_size / 1e6:.2f} MB")
