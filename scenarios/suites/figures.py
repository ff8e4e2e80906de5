"""The pictures of a benchmark: slices side by side, and what trainings gained by processor time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.suites.claims import curve
from scenarios.suites.judge import SuiteJudge
from simulators.core.imaging import TASKS
from simulators.learned.weights import fingerprint
from twin.files.atomic import atomic_file

_SOFT_HU = (-160.0, 240.0)
_INCH = 2.2


def curves(weights: Sequence[Path], file: Path) -> None:
    """Error on people held out, by processor minutes, a line a training.

    Args:
        weights: folders of the trainings of one direction.
        file: PNG to write.
    """
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    colours = {n: f"C{i}" for i, n in enumerate(dict.fromkeys(w.name.rpartition("-s")[0] for w in weights))}
    for place in weights:
        name, points = place.name.rpartition("-s")[0], curve(place)
        first = name not in axes.get_legend_handles_labels()[1]
        axes.plot(
            *zip(*points, strict=True) if points else ((), ()),
            color=colours[name],
            label=name if first else None,
        )
    axes.set(xlabel="training, minutes of one core", ylabel="error on people held out from it, MAE")
    axes.legend()
    _save(figure, file)


def slices(task: str, person: Path, weights: Sequence[Path], folder: Path, stem: str) -> Path:
    """The middle slice of a person's case: source, what is made of it, truth; drawn once for the same weights.

    Args:
        task: of the direction.
        person: his folder of pairs.
        weights: folders of contestants.
        folder: where the picture goes.
        stem: of its name.
    """
    digest = hashlib.blake2b(" ".join(map(fingerprint, weights)).encode(), digest_size=4).hexdigest()
    file = folder / f"{stem}-{digest}.png"
    if file.is_file():
        return file
    import matplotlib.figure

    imaging: Any = TASKS[task]
    case = next(iter(imaging.cases(person)))
    judge, z = SuiteJudge(task), int(np.argmax(case.region.sum(axis=(1, 2))))
    shown = {"source": case.source}
    for name in ("classical", *map(str, weights)):
        shown[Path(name).name.rpartition("-s")[0] or name] = judge.made(imaging, case, name)
    shown["truth"] = case.truth
    figure = matplotlib.figure.Figure(figsize=(_INCH * len(shown), _INCH * 1.15), layout="constrained")
    for axes, (name, volume) in zip(
        np.atleast_1d(figure.subplots(1, len(shown))), shown.items(), strict=True
    ):
        of = case.source if name == "source" else case.truth  # one window for all that is to be compared
        low, high = _window(of.array, of.unit, case.region)
        axes.imshow(volume.array[z], cmap="gray", vmin=low, vmax=high)
        axes.set_title(name, fontsize=8)
        axes.axis("off")
    _save(figure, file)
    return file


def _window(values: np.ndarray, unit: str, region: np.ndarray) -> tuple[float, float]:
    """Soft tissue of a CT; of other images up to what a part in a hundred exceeds."""
    return _SOFT_HU if unit == "HU" else (0.0, float(np.percentile(values[region], 99)) or 1.0)


def _save(figure: Any, file: Path) -> None:
    with atomic_file(file) as part:
        figure.savefig(part, format="png", dpi=110, metadata={"Software": None})
