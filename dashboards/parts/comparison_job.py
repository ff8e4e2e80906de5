"""A comparison as a child process: `rt-twin compare` with its scenarios in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dashboards.jobs.child import Job
from dashboards.parts.page import Desk
from scenarios.engine.planned_dose import DOSE_BY_DEFAULT
from scenarios.plans.scenario import Scenario
from twin.errors import InputError


def start_comparison(
    desk: Desk,
    twin: Path,
    scenarios: Sequence[Scenario],
    out: Path,
    settings: dict[str, Any],
    *,
    title: str,
    opens: str,
) -> Job:
    """Start a comparison; the scenarios' files are removed when it has ended.

    Args:
        desk: keeps the files and runs the child.
        twin: the patient's folder.
        scenarios: what is compared.
        out: the new run's folder.
        settings: of `arguments_of`.
        title: what it does, for people.
        opens: the address of what it makes.

    Raises:
        InputError: too many jobs are running already.
    """
    tokens = [desk.uploads.write("scenario.yaml", scenario.to_yaml()) for scenario in scenarios]
    texts = [str(desk.uploads.path(token)) for token in tokens]
    arguments = arguments_of(twin, texts, out, **settings)
    try:
        return desk.jobs.start(title, arguments, opens=opens, after=lambda done: desk.uploads.forget(*tokens))
    except InputError:
        desk.uploads.forget(*tokens)
        raise


def arguments_of(
    twin: Path,
    plans: Sequence[str],
    out: Path,
    *,
    days: float,
    samples: int,
    images: int,
    seed: int,
    scanners: Sequence[str] = (),
    generator: str | None = None,
    dose: str = DOSE_BY_DEFAULT,
) -> list[str]:
    """The arguments of `rt-twin compare`.

    Args:
        twin: the patient's folder.
        plans: short forms or files, as the command takes them.
        out: the run folder.
        days: how far to look.
        samples: of the belief.
        images: how many samples get images.
        seed: root of all chance.
        scanners: names of virtual scanners.
        generator: of the follow-up CT; None for `auto`.
        dose: method of doses that the twin does not hold.
    """
    arguments = ["compare", str(twin), "--out", str(out), *(f"--plan={text}" for text in plans)]
    arguments += ["--days", str(float(days)), "--samples", str(int(samples))]
    arguments += ["--image-samples", str(int(images)), "--seed", str(int(seed))]
    arguments += [f"--generator={generator or 'auto'}", f"--dose={dose}"]
    return arguments + [f"--scanner={name}" for name in scanners]
