"""Groups of slices that have a network each: districts of the body as they were read by eye, or clusters."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from models.router import Router
from scenarios.suites.plan import SHIPPED
from simulators.core.imaging import ScanTask, scan_task
from simulators.learned.weights import facts
from simulators.tasks.scan_pairs import pairs_in
from twin import InputError, Volume

DISTRICTS = ("limb", "trunk")
Groups = Literal["districts"] | int
_EDGES_HU = (-300.0, -30.0, 150.0)  # between gas, fat, soft tissue and bone


@cache
def limb_slices() -> Mapping[str, int]:
    """Person of the sarcoma collection -> how many slices of the CT, from the feet on, are limb.

    They were read by eye from projections of the bones: the trunk begins with the first slice that shows bone of the
    pelvis, give or take a slice or two; where there is neither pelvis, spine nor rib, all is limb.
    """
    with (SHIPPED / "districts.csv").open(encoding="utf-8", newline="") as file:
        return {row["person"]: int(row["limb_slices"]) for row in csv.DictReader(file)}


def read_by_eye(person: str, slices: int) -> np.ndarray:
    """(z,) place in `DISTRICTS` of each slice of a person's CT; thoraces in silico are trunk; -1 where nobody looked.

    Args:
        person: who.
        slices: of the CT.
    """
    limb = 0 if person.startswith("insilico-thorax-") else limb_slices().get(person)
    return np.full(slices, -1) if limb is None else (np.arange(slices) >= limb).astype(int)


def router_of(groups: Groups, task: str, folders: Sequence[Path], seed: int) -> Router:
    """Learned from some people's scans.

    Args:
        groups: districts, or how many clusters.
        task: of the direction.
        folders: of each person's pairs.
        seed: of the search for clusters.

    Raises:
        InputError: a district is shown by nobody.
    """
    imaging = scan_task(task)
    scans = [(place.name, _numbers(imaging, scan)) for place in folders for scan in _sources(imaging, place)]
    volumes = [v for _, v in scans]
    edges = imaging.task.source[0].numbers(np.array(_EDGES_HU)).tolist()
    if groups != "districts":
        return Router.clustered(volumes, groups, edges, seed)
    try:
        return Router.fitted(volumes, [read_by_eye(name, len(v)) for name, v in scans], DISTRICTS, edges)
    except ValueError as error:
        raise InputError(f"the districts of {task} cannot be learned: {error}") from None


def told_apart(task: str, weights: Sequence[Path], people: Sequence[Path]) -> pl.DataFrame:
    """contestant, by_eye, group, slices: where networks of groups send the slices of people who are judged on.

    Args:
        task: of the direction.
        weights: folders of trainings of one seed; those without groups are left out.
        people: folders of pairs.
    """
    imaging, keys = scan_task(task), ["contestant", "by_eye", "group"]
    told = {w.name.rpartition("-s")[0]: facts(w).get("options", {}).get("router") for w in weights}
    routers = {name: Router.from_facts(known) for name, known in told.items() if known is not None}
    found = []
    for person in people if routers else ():
        for volume in (_numbers(imaging, scan) for scan in _sources(imaging, person)):
            names = np.array([*DISTRICTS, "not read"])[read_by_eye(person.name, len(volume))]
            for contestant, router in routers.items():
                groups = np.array(router.names)[router.weights(volume).argmax(axis=1)]
                found += [(contestant, *both) for both in zip(names, groups, strict=True)]
    table = pl.DataFrame(found, schema=dict.fromkeys(keys, pl.String), orient="row")
    return table.group_by(keys).len("slices").sort(keys)


def _sources(imaging: ScanTask, folder: Path) -> list[Volume]:
    return [p.source for p in pairs_in(folder, imaging.reads, imaging.modality)]


def _numbers(imaging: ScanTask, scan: Volume) -> np.ndarray:
    """(z, y, x) of the first channel, as a network is shown it."""
    return imaging.encode(scan, 1).source[:, 0].numpy()
