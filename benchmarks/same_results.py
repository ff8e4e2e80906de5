"""Show that a restructuring changed no number: run two commits on one machine and compare what they write.

Usage: python benchmarks/same_results.py BEFORE [AFTER] [--data FOLDER] [--out FOLDER] [--only NAME ...]

Each commit is unpacked into a temporary folder and its `rt-twin` is run there by this interpreter, so that the package
versions are equal. Compared are digests of every table, record and image: equal to the bit, NaN equal to NaN, with
timings, versions and the like left out. One line is printed for each file that differs; the exit status is 1 if any
does. With --out the outputs and digests of each commit are kept in FOLDER/COMMIT, and used again where the machine,
the packages and the job are the same.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import polars as pl

Digests = dict[str, dict[str, str]]  # of each part (column, value, voxels) of each file

PLANS = ("--plan", "60/30", "--plan", "55/20", "--plan", "60/15")
PHANTOM = ("phantom", "patient.twin", "--seed", "7")
IMPORTED = ("import", "{data}/4dlung_113.zip", "patient.twin", "--gtv", "Tumor_c40")
TWO_IMAGES = """\
phases: [{total_gy: 60, fractions: 30}]
imaging: {during_days: null, after_days: null, also: [21, 90]}
"""
FEW = ("--plan", "plan.yaml", "--days", "120", "--samples", "8")


def _followed(patient: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    weights = ("bridge", "pix2pix")
    return patient, *(
        ("compare", "patient.twin", *FEW, "--generator", name, "--out", name) for name in weights
    )


# A job is commands of `rt-twin`, run one after the other in a folder of its own.
JOBS = {
    "demo-tables": (
        PHANTOM,
        ("compare", "patient.twin", *PLANS, "--days", "365", "--image-samples", "0", "--out", "run"),
    ),
    "demo": (PHANTOM, ("compare", "patient.twin", *PLANS, "--days", "365", "--out", "run")),
    "study": (("cohort", "--n", "200", *PLANS, "--out", "study"),),
    "clinic": (("clinic", "--out", "clinic", "--json"),),
    "validate": (("validate", "--json"),),
    "followups-phantom": _followed(PHANTOM),
    "followups-4dlung": _followed(IMPORTED),
}
# Of JSON: what is no result, and what a newer format says beside the former one's entries.
LEFT_OUT = frozenset(
    {
        "timings_s",
        "seconds",
        "date",
        "created",
        "versions",
        "device",
        "request",
        "format",
        "layers",
        "kinetics",
        "outcomes",
    }
)
NOT_READ = frozenset({"report.html", "plan.yaml"})
SHOWN = 8  # parts of a file that a line names, of each sort

# Another copy of the packages may be installed in the environment: none of its modules may be used.
CHILD = """
import importlib, sys
from pathlib import Path

here, entry, *arguments = sys.argv[1:]
rooms = {"twin", *(path.parent.name for path in Path(here).glob("*/__init__.py"))}


def check():
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] in rooms and file and not Path(file).is_relative_to(here):
            sys.exit(f"the module {name} was taken from {file}, which is not in the commit's folder")


importlib.import_module("twin")
check()
module, _, function = entry.partition(":")
main = getattr(importlib.import_module(module), function)
check()
sys.argv = ["rt-twin", *arguments]
try:
    main()
finally:
    check()
"""


@dataclass(frozen=True)
class Side:
    """One of the two commits.

    Args:
        name: "before" or "after".
        commit: its full hash.
        checkout: the folder that it is unpacked into when a job first needs it.
        kept: the folder of its outputs and digests.
    """

    name: str
    commit: str
    checkout: Path
    kept: Path


def main() -> int:
    asked = arguments()
    jobs = asked.only or list(JOBS)
    check_data(jobs, asked.data)
    commits = commit_of(asked.before), commit_of(asked.after)
    with tempfile.TemporaryDirectory(prefix="same-results-") as folder:
        found = []
        for name, commit in zip(("before", "after"), commits, strict=True):
            place = Path(folder).resolve() / name
            kept = asked.out.resolve() / commit if asked.out else place / "kept"
            side = Side(name, commit, place / "checkout", kept)
            found.append({job: digests(side, job, asked.data.resolve()) for job in jobs})
    return report(*found)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Show that a restructuring changed no number.")
    parser.add_argument("before", metavar="BEFORE", help="the commit before it")
    parser.add_argument("after", metavar="AFTER", nargs="?", default="HEAD", help="the commit after it")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the real data")
    parser.add_argument("--out", type=Path, help="where outputs and digests are kept and found again")
    parser.add_argument("--only", nargs="+", choices=JOBS, metavar="NAME", help=f"of {', '.join(JOBS)}")
    return parser.parse_args()


def check_data(jobs: list[str], data: Path) -> None:
    """Stop where a job's real data are not there: a check that leaves out a job in silence shows too little."""
    for job in jobs:
        for file in (word.format(data=data) for command in JOBS[job] for word in command if "{data}" in word):
            if not Path(file).is_file():
                sys.exit(f"{job} needs {file}: name its folder with --data, or leave the job out with --only")


def commit_of(name: str) -> str:
    """The full hash of a commit of the repository around the working folder."""
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() or sys.exit(f"there is no commit {name!r} in this repository")


def digests(side: Side, job: str, data: Path) -> Digests:
    """The digests of a job's files, from an earlier run under equal conditions or from a new one."""
    record, conditions = side.kept / f"{job}.json", conditions_of(job)
    if record.is_file():
        earlier = json.loads(record.read_text(encoding="utf-8"))
        if earlier["conditions"] == conditions:
            say(side, job, "taken from an earlier run")
            return earlier["digests"]
    unpack(side)
    begun = time.perf_counter()
    folder = side.kept / job
    run(side, job, folder, data)
    seconds = time.perf_counter() - begun
    found = digests_of(folder)
    said = {"conditions": conditions, "seconds": round(seconds, 1), "digests": found}
    record.write_text(json.dumps(said, indent=1), encoding="utf-8")
    say(side, job, f"{seconds:.0f} s, {len(found)} digests")
    return found


def conditions_of(job: str) -> dict[str, Any]:
    """What must be equal for digests to be compared: the job, the machine and all packages but this one."""
    packages = {d.metadata["Name"]: d.version for d in distributions()}
    packages.pop("rt-twin", None)
    return {
        "job": [list(command) for command in JOBS[job]],
        "plan": TWO_IMAGES,
        "machine": f"{platform.platform()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "packages": packages,
    }


def say(side: Side, job: str, what: str) -> None:
    print(f"{side.name} ({side.commit[:7]}), {job}: {what}", file=sys.stderr, flush=True)


def unpack(side: Side) -> None:
    """Unpack the commit, unless an earlier job did."""
    if side.checkout.exists():
        return
    root = subprocess.run(
        ["git", "rev-parse", "--show-toplevel"], check=True, capture_output=True, text=True
    ).stdout.strip()
    packed = subprocess.run(["git", "-C", root, "archive", side.commit], check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(side.checkout, filter="data")


def run(side: Side, job: str, folder: Path, data: Path) -> None:
    """Run a job's commands in a fresh folder; what a command prints as JSON is kept in a file of its name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "plan.yaml").write_text(TWO_IMAGES, encoding="utf-8")
    about = tomllib.loads((side.checkout / "pyproject.toml").read_text(encoding="utf-8"))
    entry = about["project"]["scripts"]["rt-twin"]
    for command in JOBS[job]:
        words = [word.format(data=data) for word in command]
        done = subprocess.run(
            [sys.executable, "-P", "-c", CHILD, str(side.checkout), entry, *words],
            cwd=folder, env=environment(side.checkout), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            sys.exit(f"{side.name} ({side.commit[:7]}), {job}: rt-twin {' '.join(words)} failed")
        if "--json" in words:
            (folder / f"printed-by-{words[0]}.json").write_text(done.stdout, encoding="utf-8")


def environment(checkout: Path) -> dict[str, str]:
    """The environment of a command: this one without what would steer it, and without a GPU, which rounds freely."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RT_TWIN_", "PYTHON", "NUMBA_CACHE"))}
    own = {"PYTHONPATH": str(checkout), "RT_TWIN_KEY": "same results", "CUDA_VISIBLE_DEVICES": ""}
    return {**kept, **own}


def digests_of(folder: Path) -> Digests:
    """The digests of all files of a folder, by their path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_READ)
    return {path.relative_to(folder).as_posix(): parts_of(path, folder) for path in files}


def parts_of(path: Path, folder: Path) -> dict[str, str]:
    """The digests of a file's parts; of a file of an unknown kind, the digest of its bytes."""
    if path.suffix == ".parquet":
        return columns_of(pl.read_parquet(path))
    if path.suffix == ".csv":
        return columns_of(pl.read_csv(path, infer_schema=False))
    if path.suffix == ".json":
        found = leaves(json.loads(path.read_text(encoding="utf-8")))
        return {name: digest(repr(value).replace(str(folder), "")) for name, value in sorted(found)}
    if path.name.endswith((".nii", ".nii.gz")):
        image: Any = nibabel.load(path)
        voxels = np.ascontiguousarray(image.dataobj)
        kind = f"{voxels.dtype.str} {voxels.shape}"
        return {
            "kind": digest(kind),
            "voxels": digest(voxels.tobytes()),
            "affine": digest(image.affine.tobytes()),
        }
    return {"bytes": digest(path.read_bytes())}


def columns_of(table: pl.DataFrame) -> dict[str, str]:
    """The digest of each column: its type and, as Python writes them, its values, from which each bit follows."""
    return {column.name: digest(f"{column.dtype} {column.to_list()!r}") for column in table}


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The values of parsed JSON by their place, lists of plain values whole, without what may differ."""
    if isinstance(value, dict) and value:
        for key, held in value.items():
            if key not in LEFT_OUT:
                yield from leaves(held, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(held, dict | list) for held in value):
        for i, held in enumerate(value):
            yield from leaves(held, f"{name}[{i}]")
    else:
        yield name, value


def digest(what: str | bytes) -> str:
    return hashlib.blake2b(what.encode() if isinstance(what, str) else what, digest_size=16).hexdigest()


def report(before: Mapping[str, Digests], after: Mapping[str, Digests]) -> int:
    """Print what differs, a line a file, and return the exit status."""
    equal, differ = 0, 0
    for job, first in before.items():
        lines = differences(first, after[job])
        equal += len(first.keys() | after[job].keys()) - len(lines)
        differ += len(lines)
        for file, line in lines.items():
            print(f"{job}/{file}: {line}{elsewhere(file, after[job], before)}")
    print(f"{equal} digests equal, {differ} differ")
    return int(differ > 0)


def elsewhere(file: str, after: Digests, before: Mapping[str, Digests]) -> str:
    """Which jobs wrote before what this one writes after: `demo-tables`, once images change no table."""
    jobs = [job for job, found in before.items() if file in after and found.get(file) == after[file]]
    return f" (after it is what {', '.join(jobs)} wrote before)" if jobs else ""


def differences(before: Digests, after: Digests) -> dict[str, str]:
    """What is said of each file that differs or that only one side has."""
    lines = {}
    for file in sorted(before.keys() | after.keys()):
        if file in before and file in after:
            changed = changes(before[file], after[file])
            if changed:
                lines[file] = "; ".join(changed)
        else:
            lines[file] = lone(file, before, after)
    return lines


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What is said of the parts of a file that both sides have."""
    changed = [name for name, value in before.items() if after.get(name, value) != value]
    only = [f"{name} {lone(name, before, after)}" for name in sorted(before.keys() ^ after.keys())]
    common = [name for name in before if name in after]
    said = [f"{shortened(changed, ', ')} changed"] if changed else []
    said += [shortened(only, "; ")] if only else []
    return said + (["order changed"] if common != [name for name in after if name in before] else [])


def shortened(names: list[str], between: str) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return between.join(names[:SHOWN]) + more


def lone(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What is said of a name that only one side has, with the name that the same contents have on the other."""
    side, own, other = ("before", before, after) if name in before else ("after", after, before)
    same = [others for others in other if others not in own and other[others] == own[name]]
    return f"only {side}" + (f" (on the other side {same[0]} has its contents)" if same else "")


if __name__ == "__main__":
    sys.exit(main())
