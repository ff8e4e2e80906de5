"""What each kind of condition is worth: short trainings at 4 mm, judged in free use on held-out patients.

The reference work conditions on dose and on clinical variables, finds that both help, and diffusion more than GANs.
Here every combination is trained for the same number of steps, from the same examples and seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import polars as pl

from models.layout import CHECKPOINT
from scenarios.benchmark.evaluation import evaluate
from scenarios.benchmark.follow_ups import FollowUpJudge
from scenarios.benchmark.scores import Scope
from scenarios.benchmark.tables import Table, forecast_scores, gain_over_copy
from scenarios.datasets.train import train
from twin.files.atomic import atomic_file, growing_folder
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Patients, Steps

CONDITIONS = ("none", "dose", "clinical", "both")
MODELS = ("pix2pix", "diffusion")
SLICES = (1, 3)
_SCOPE = Scope(days=1, plans=1, samples=4)
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Run:
    """One combination."""

    model: str
    slices: int
    conditions: str

    @property
    def name(self) -> str:
        """Of its folder and in the tables."""
        return f"{self.model}-{'2.5d' if self.slices > 1 else '2d'}-{self.conditions}"

    def config(self, steps: int) -> str:
        """Its training config, YAML."""
        options = {
            "diffusion": "{steps: 10, prediction: sample}",
            "pix2pix": "{adversarial_weight: 0.005, discriminator_channels: 32}",
        }
        return (
            f"model: {self.model}\noptions: {options[self.model]}\nslices: {self.slices}\n"
            f"conditions: {self.conditions}\ndraft: false\ncoarsen: 2\nwidths: [32, 48, 64, 96]\nsteps: {steps}\n"
            "drop: {each: 0.1, all: 0.05, relative: 0.1}\n"
        )


def runs() -> Iterator[Run]:
    """All combinations, each set of conditions in all networks before the next."""
    for conditions, model, slices in product(CONDITIONS, MODELS, SLICES):
        yield Run(model, slices, conditions)


@bounded
def ablate(
    learn: Path,
    held: Path,
    out: Path,
    *,
    steps: Steps = 400,
    patients: Patients = 40,
    cache: Path | None = None,
    progress: Progress = lambda step, share: None,
) -> Table:
    """Train and judge all combinations; the same command again goes on.

    Args:
        learn: the set to learn from.
        held: a set with truth, of other patients.
        out: the folder to write.
        steps: of each of the 16 trainings.
        patients: of the held-out set.
        cache: the examples of an earlier training.
        progress: as for `train`.
    """
    FollowUpJudge(_SCOPE).patients(held)  # one that is none is refused before the trainings, not after them
    with growing_folder(out, worth=f"*/*/{CHECKPOINT}"):
        places = _train_all(learn, out, steps, cache or out / "cache", progress)
        scores = evaluate(
            held, places, out / "scores", FollowUpJudge(_SCOPE), patients=patients,
            progress=lambda step, share: progress(step, 0.6 + 0.4 * share),
        )  # fmt: skip
        table = _table(scores, steps)
        with atomic_file(out / "ablation.csv") as part:
            table.frame.write_csv(part)
        with atomic_file(out / "tables.md") as part:
            part.write_text(table.markdown() + "\n", encoding="utf-8")
    return table


def _train_all(learn: Path, out: Path, steps: int, cache: Path, progress: Progress) -> list[str]:
    """Train all combinations; where their weights lie."""
    every, places = list(runs()), []
    for done, run in enumerate(every):
        place = out / "weights" / run.name
        config = out / f"{run.name}.yaml"
        with atomic_file(config) as part:
            part.write_text(run.config(steps))
        progress(run.name, 0.6 * done / len(every))
        train([learn], str(config), place, cache=cache)
        places.append(str(place))
    return places


def _table(scores: pl.DataFrame, steps: int) -> Table:
    rows = []
    for run in runs():
        single, mean, guided = (gain_over_copy(scores, run.name, mode) for mode in ("free", "mean", "guided"))
        crps, covers = forecast_scores(scores, run.name)
        rows.append(
            {
                "model": run.model,
                "network": "2.5-D" if run.slices > 1 else "2-D",
                "conditions": run.conditions,
                "free_gain,_single": _interval(single),
                "free_gain,_mean_of_4": _interval(mean),
                "guided_gain": _interval(guided),
                "CRPS above the best": f"{100 * (crps - 1):.0f} %",
                "80_%_interval_covers": f"{100 * covers:.0f} %",
            }
        )
    note = (
        f"Gain over copying in MAE within 3 cm, with its 95 % interval over patients, after {steps} steps of "
        "training on 4 mm pixels. Date and baseline are always shown; dose: mean tumour dose, fractions, time since "
        "the end and the dose as a channel; clinical: the record. All start from the scan and see no draft, which "
        "would tell them of dose and response. Diffusion predicts the change itself: its noise takes longer to learn."
    )
    return Table("ablation", "5. Conditioning", note, pl.DataFrame(rows))


def _interval(gain: tuple[float, float, float]) -> str:
    value, low, high = (100 * g for g in gain)
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"
