"""Examples of patients as arrays in a cache: made once for each content and each way of making them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.data.examples import Subject
from simulators.core.imaging import Progress
from simulators.tasks.scan_pairs import ScanPair, pairs_in
from twin import InputError
from twin.volume import Modality


def cached_subjects(
    sources: Sequence[Path],
    patient_of: Callable[[Path], str],
    cache: Path,
    how: str,
    write: Callable[[Path, Subject], None],
    progress: Progress,
    beside: Callable[[Path], Sequence[Path]] = lambda path: (),
) -> list[Subject]:
    """The patients of some files or folders, each with its arrays in the cache.

    Args:
        sources: one file or folder each.
        patient_of: whose a source is.
        cache: the folder.
        how: all that the arrays depend on beside the source's content: the task, its version, its options.
        write: makes the arrays of one source.
        progress: is told what goes on, and which share is done.
        beside: further files that a source's arrays depend on.
    """
    found = []
    for done, path in enumerate(sources):
        progress("reading", done / len(sources))
        patient = patient_of(path)
        subject = Subject(patient, cache / f"{patient}-{path.stem}-{content_key([path, *beside(path)], how)}")
        if not subject.exists:
            write(path, subject)
        found.append(subject)
    return found


def cached_pairs(
    name: str,
    version: str,
    modalities: tuple[Modality, Modality],
    sources: Sequence[Path],
    cache: Path,
    options: Mapping[str, Any],
    write: Callable[[ScanPair, Subject], None],
    progress: Progress,
) -> list[Subject]:
    """The patients of folders of pairs (`simulators.tasks.scan_pairs`), of a task without options.

    Args:
        name, version: of the task.
        modalities: of a pair's source and target.
        sources: folders of pairs.
        cache: a pair that lies there already is not read again; a changed one is.
        options: none.
        write: makes the arrays of one pair.
        progress: is told what goes on, and which share is done.

    Raises:
        InputError: there is no pair, or an option is given.
    """
    if options:
        raise InputError(f"the task {name} knows no option {min(options)!r}; it knows none")
    pairs = {p.folder: p for folder in sources for p in pairs_in(folder, *modalities)}
    return cached_subjects(
        list(pairs),
        lambda p: pairs[p].patient,
        cache,
        f"{name} {version}",
        lambda p, s: write(pairs[p], s),
        progress,
    )


def content_key(paths: Sequence[Path], how: str) -> str:
    """Sixteen hexadecimal digits of the content of files and folders, and of how it is read."""
    digest = hashlib.blake2b(how.encode(), digest_size=8)
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            digest.update(os.fsencode(file.relative_to(path.parent)) + f" {file.stat().st_size}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
