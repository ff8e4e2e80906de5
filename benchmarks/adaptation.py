"""Whether `cbct-ct` gains by adapting its features to a scan at test time: beside no adapting, and adapting every scan.

python benchmarks/adaptation.py WEIGHTS LEARNED SHIFTS      sets of pairs: learned from; SHIFTS holds a set a shift

Features are those that enter the network; each channel's mean and SD over the body are brought to those of the scans
that were learned from. A guard's distance says which scans are adapted; within it nothing changes, bit for bit.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from models.guard import Guard
from simulators.learned.scanner import translator_named
from simulators.tasks.cbct_ct import TASK
from simulators.tasks.cone_beam import about_body, prepared

_REFERENCE = 8  # scans whose features are the reference


def body_of(scan):
    """(z, y, x) bool at the network's first resolution, half the pixels."""
    inside = TASK.field(scan)
    rows, columns = about_body(scan, inside)
    there = torch.from_numpy(prepared(scan, inside).body[:, None, rows, columns].astype(np.float32))
    multiple = 2 ** len(translator.network.family.config.widths)
    size = there.shape[-2:]
    there = F.pad(there, (0, -size[1] % multiple, 0, -size[0] % multiple))
    return F.max_pool2d(there, 2) > 0


def moments(scan):
    """Mean and SD of each channel of the features that enter."""
    seen = []
    hook = translator.network.family.network.enter.register_forward_hook(
        lambda m, i, o: seen.append(o.float())
    )
    made = translator.translate(scan)
    hook.remove()
    where = body_of(scan)
    features = torch.cat(seen)[: len(where)]
    inside = features.permute(0, 2, 3, 1)[where[:, 0]]
    return made, (inside.mean(0), inside.std(0))


def adapted(scan, own):
    """The translation with this scan's features brought to the reference."""
    gain = (reference[1] / own[1]).clamp(0.5, 2.0)
    shift = reference[0] - own[0] * gain

    def change(module, given, out):
        return (out.float() * gain[:, None, None] + shift[:, None, None]).to(out.dtype)

    hook = translator.network.family.network.enter.register_forward_hook(change)
    made = translator.translate(scan)
    hook.remove()
    return made


weights, learned, shifts = sys.argv[1:4]
translator = translator_named("cbct-ct", weights)
guard = Guard.from_facts(translator.network.facts["guard"])
places = sorted(learned_place for learned_place in Path(learned).glob("*/*"))[:_REFERENCE]
found = [moments(case.source)[1] for place in places for case in TASK.cases(place)]
reference = tuple(torch.stack([f[k] for f in found]).mean(0) for k in (0, 1))
print(
    "| shift | scans | alarms | source | unadapted | adapted where it alarms | adapted always |\n"
    "|---|---|---|---|---|---|---|"
)
for folder in sorted(Path(shifts).iterdir()):
    rows = []
    for place in sorted(folder.glob("*/*")):
        for case in TASK.cases(place):
            far = float(guard.distance(TASK.numbers(case.source)[None])[0])
            plain, own = moments(case.source)
            always = adapted(case.source, own)
            error = [
                np.abs(v.array.astype(float) - case.truth.array)[case.region].mean()
                for v in (case.source, plain, always if far > 1 else plain, always)
            ]
            rows.append((far > 1, *error))
    mean = np.mean(rows, axis=0)
    print(
        f"| {folder.name} | {len(rows)} | {100 * mean[0]:.0f} % | {' | '.join(f'{v:.1f}' for v in mean[1:])} |",
        flush=True,
    )
