"""The people that translations are learned from and judged on: who there is, and the pairs of scans of each.

SET/PERSON/SCAN/ holds `source.nii.gz`, `target.nii.gz` and, where they are drawn, `gtv.nii.gz` and `region.nii.gz`
(`simulators.tasks.scan_pairs`). A person of a collection is named by what the collection calls him, once: whoever is in
two files of it is one person.
"""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from twin import InputError
from twin.files.atomic import atomic_folder

Kind = Literal["in silico", "physics on real", "real"]
Part = Literal["learn", "test"]
TEST_SHARE = 0.35
SARCOMAS, HEADS = "ibsi_sts_40", "brain_t2_flair"
TISSUE, LESIONS = "mni152_tissue.zip", "ms_lesion_masks.zip"
STUDIES = {
    "msl01": ("msl01_s1", "msl01_s2"), "msl04": ("msl04_s1",), "msc07": ("msc07",), "msc19": ("msc19",),
    "msc26": ("msc26",), "tcga_du7294": ("tcga_du7294",),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Person:
    """Someone whose scans are translated.

    Args:
        id: by which he is told from others, in every task.
        kind: where his scans come from.
        write: fills a folder with SCAN folders of pairs.
        test_only: never learned from.
    """

    id: str
    kind: Kind
    write: Callable[[Path], None]
    test_only: bool = False

    @property
    def part(self) -> Part:
        """The side on which he is, in every task: by his name alone."""
        digest = hashlib.blake2b(self.id.encode(), digest_size=4).digest()
        chance = int.from_bytes(digest, "big") / 2**32
        return "test" if self.test_only or chance < TEST_SHARE else "learn"

    def made(self, folder: Path) -> Path:
        """His folder of pairs, made where it is not there yet, whole or not at all.

        Args:
            folder: of the set.
        """
        place = folder / self.id
        if not place.is_dir():
            with atomic_folder(place) as part:
                self.write(part)
        return place


def collection(data: Path, name: str, work: Path) -> Path | None:
    """The folder of a collection of real scans, unpacked where it lies as a zip; None where it is not there.

    Args:
        data: where collections lie.
        name: of the collection, NAME/ or NAME.zip.
        work: where a zip is unpacked.

    Raises:
        InputError: the zip is damaged.
    """
    if (data / name).is_dir():
        return data / name
    packed, place = data / f"{name}.zip", work / name
    if not packed.is_file():
        return None
    if not place.is_dir():
        try:
            with zipfile.ZipFile(packed) as archive, atomic_folder(place) as part:
                archive.extractall(part)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{packed} cannot be unpacked: {error}") from None
    inner = place / name
    return inner if inner.is_dir() else place


def rows_of(folder: Path) -> Iterator[dict[str, str]]:
    """The rows of a collection's `index.csv`.

    Args:
        folder: of the collection.
    """
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def in_silico(n: int, first_seed: int, kind: str, write: Callable[[Path, int], None]) -> Sequence[Person]:
    """So many people who do not exist.

    Args:
        n: how many.
        first_seed: of the first; of the others the next.
        kind: of anatomy, for their names.
        write: fills a folder with the pairs of a seed.
    """
    seeds = range(first_seed, first_seed + n)
    return [Person(f"insilico-{kind}-{s}", "in silico", lambda to, s=s: write(to, s)) for s in seeds]  # type: ignore[misc]
