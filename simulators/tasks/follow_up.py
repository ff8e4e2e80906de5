"""The task `follow-up`: from a CT with a tumour, dose and a draft to the CT after treatment, and the tumour on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.channel import Channel
from models.condition import Condition
from models.task import Task
from simulators.core.imaging import Learned, Progress
from simulators.insilico.sets import is_truth, twins_in
from simulators.tasks.cache import cached_subjects
from simulators.tasks.crop import EQD2_UNIT_GY, HU_RANGE, VECTOR, domain_of
from twin import InputError

if TYPE_CHECKING:
    from models.data.examples import Subject

_DOSE = ("dose_gy", "fractions", "since_rt_end_days")
_ALWAYS = ("elapsed_days", "relative_gtv", "gtv0_cm3")
_TELLING = ("elapsed_days", "since_rt_end_days")  # a course that has not ended is not a missing date


def _hu(name: str, group: str = "") -> Channel:
    return Channel(name=name, unit="HU", low=HU_RANGE[0], high=HU_RANGE[1], group=group)


def _condition(name: str) -> Condition:
    group = "" if name in _ALWAYS else "dose" if name in _DOSE else "clinical"
    return Condition(name=name, telling=name in _TELLING, group=group)


_SOURCE = (
    _hu("ct"),
    Channel(name="gtv", share=True),
    Channel(name="eqd2", unit="Gy", high=EQD2_UNIT_GY, share=True, group="dose"),
    Channel(name="lung", share=True),
    _hu("draft_tissue", "draft"),
    _hu("draft_tumour", "draft"),
    Channel(name="draft_share", share=True, group="draft"),
    Channel(name="depth", low=-1.0, high=1.0, whole=True),
)
_TASK = Task(
    name="follow-up",
    source=_SOURCE,
    target=(_hu("ct"), Channel(name="gtv", share=True)),
    layers=(_hu("tissue"), _hu("tumour"), Channel(name="share", share=True)),
    start=(("draft_tissue", "ct"), ("draft_tumour", "ct"), ("draft_share", "gtv")),
    conditions=tuple(_condition(name) for name in VECTOR),
    drawn="relative_gtv",
)


@dataclass(frozen=True)
class FollowUpTask:
    """A tumour-centred crop at 2 mm, of which a network corrects the mechanistic draft, in layers."""

    version: str = "7"
    preferred: str = "bridge"
    training: Mapping[str, Any] = field(default_factory=dict)
    task: Task = _TASK

    def learned(
        self, sources: Sequence[Path], cache: Path, options: Mapping[str, Any], progress: Progress
    ) -> Learned:
        """Pairs of scans of all twins of some folders.

        Args:
            sources: folders of twins, or twins.
            cache: a twin that lies there already is not read again; a changed one is.
            options: `pairs_per_twin` (6), how many pairs are kept with their images, the others with their conditions
                only; `align` (True), take set-up and breathing out of the follow-ups.
            progress: is told what goes on, and which share is done.

        Raises:
            InputError: there is none.
        """
        from simulators.insilico.sets import VOLUMES, patient_of
        from simulators.tasks.pairs import write_pairs

        own: dict[str, Any] = {"pairs_per_twin": 6, "align": True}
        unknown = set(options) - set(own)
        if unknown:
            raise InputError(
                f"the task follow-up knows no option {sorted(unknown)[0]!r}; it knows {', '.join(own)}"
            )
        own |= options
        twins = [twin for folder in sources for twin in twins_in(folder)]

        def write(path: Path, subject: Subject) -> None:
            write_pairs(path, subject, own["pairs_per_twin"], own["align"])

        how = f"{self.task.name} {self.version} {own['pairs_per_twin']} {own['align']}"
        every = cached_subjects(
            twins,
            patient_of,
            cache,
            how,
            write,
            progress,
            beside=lambda p: [p.parent / VOLUMES] if is_truth(p) else [],
        )
        found = [s for s in every if len(s.vectors)]
        if not any(len(s.source) for s in found):
            raise InputError(
                f"none of the {len(twins)} twins in {', '.join(map(str, sources))} has two CTs with lungs and a "
                "tumour drawn that fits into the crop; training needs pairs of scans"
            )
        vectors = np.concatenate([s.vectors for s in found])
        return Learned(found, len(every) - len(found), {"domain": domain_of(vectors)})

    def upgraded(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The `config.json` of weights of version 0.1, which knew channels and conditions by their places.

        Raises:
            InputError: they were trained on other channels or conditions than this version shows a generator.
        """
        if "task" in config:
            return config
        names = [c.name for c in _SOURCE if not c.whole]
        if config.get("image_channels") != len(names) or config.get("vector") != list(VECTOR):
            raise InputError(
                "the weights were trained by a version that shows a generator something else "
                f"({config.get('image_channels')} channels, this one {len(names)}); train them again"
            )
        told = dict(config)
        keys = ("mean", "std", "log_offset")
        statistics = [
            dict(zip(keys, v, strict=True)) for v in zip(*(told["statistics"][k] for k in keys), strict=True)
        ]
        conditions = tuple(
            c.model_copy(update={"mean": s["mean"], "spread": s["std"], "log_offset": s["log_offset"]})
            for c, s in zip(self.task.conditions, statistics, strict=True)
        )
        hidden = [names[i] for i in told["hidden_channels"]] + [VECTOR[i] for i in told["hidden"]]
        options = {{"mask_scale": "share_scale"}.get(k, k): v for k, v in told["options"].items()}
        for former in ("statistics", "image_channels", "start", "vector", "relative", "hidden_channels"):
            told.pop(former)
        return told | {
            "family": str(told["_class_name"]).lower(),
            "task": self.task.model_copy(update={"conditions": conditions}).model_dump(mode="json"),
            "share_weight": told.pop("mask_weight"),
            "hidden": hidden,
            "options": options,
        }


TASK = FollowUpTask()
