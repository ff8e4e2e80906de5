"""A folder of pairs of scans, as a centre has them: no twins are needed.

FOLDER/PATIENT/SCAN/ holds `source` (what is translated) and `target` (what it ought to become, registered to it, on
any grid); beside them may lie `gtv` (a mask), `region` (a mask: where both are to be believed) and `uncorrected` (the
source as it was before a vendor's correction). Each is `.nii.gz`, `.nii`, `.nrrd` or `.mha`; `pair.json` says how it
came. Patients are told apart by their folders: nobody is learned from and judged on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from twin import Geometry, InputError, Volume
from twin.files.images import read_ct, read_image, read_mask
from twin.files.json_file import read_json
from twin.volume import Modality, Unit

UNITS: Mapping[Modality, Unit] = {"CT": "HU", "CBCT": "HU", "MR": "a.u.", "PT": "SUV"}
FACTS = "pair.json"
_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True)
class ScanPair:
    """One pair in its folder.

    Args:
        folder: FOLDER/PATIENT/SCAN.
        modality: of the source.
        wanted: modality of the target.
    """

    folder: Path
    modality: Modality
    wanted: Modality = "CT"

    @property
    def patient(self) -> str:
        """Whose."""
        return self.folder.parent.name

    @cached_property
    def source(self) -> Volume:
        """What is translated."""
        return self._scan("source", self.modality)

    @cached_property
    def target(self) -> Volume:
        """What it ought to become, on its own grid."""
        return self._scan("target", self.wanted)

    @cached_property
    def uncorrected(self) -> Volume | None:
        """The source before a vendor's correction, where it is there."""
        return self._scan("uncorrected", self.modality) if _file(self.folder, "uncorrected") else None

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """How it came, as `pair.json` has it."""
        file = self.folder / FACTS
        return read_json(file) if file.is_file() else {}

    def mask(self, name: str, grid: Geometry) -> np.ndarray | None:
        """(z, y, x) bool of a mask on a grid, where one is drawn on the target.

        Args:
            name: gtv or region.
            grid: where it is wanted.
        """
        file = _file(self.folder, name)
        if file is None:
            return None
        there = read_mask(file, self.target.geometry).mask.astype(np.float32)
        return Volume(self.target.geometry, there, "MASK", "1").on(grid) > 0.5

    def _scan(self, name: str, modality: Modality) -> Volume:
        file = _file(self.folder, name)
        if file is None:
            raise InputError(f"{self.folder} holds no {name} (.nii.gz, .nii, .nrrd or .mha)")
        if UNITS[modality] != "HU":
            return read_image(file, modality, UNITS[modality])
        read = read_ct(file)
        return Volume(read.geometry, read.array, modality, "HU")


def pairs_in(folder: Path, modality: Modality, wanted: Modality = "CT") -> list[ScanPair]:
    """The pairs of a folder, by patient and scan.

    Args:
        folder: of patients, of one patient's scans, or of one pair.
        modality: of the sources.
        wanted: of the targets.

    Raises:
        InputError: there is none.
    """
    places = [*sorted(folder.glob("*/*")), *sorted(folder.glob("*")), folder]
    found = [p for p in places if _file(p, "source")]
    if not found:
        raise InputError(
            f"there are no pairs in {folder}; give a folder that holds PATIENT/SCAN folders, each with source.nii.gz "
            "and target.nii.gz"
        )
    return [ScanPair(p.resolve(), modality, wanted) for p in found]


def has_pairs(folder: Path) -> bool:
    """Whether a folder holds pairs.

    Args:
        folder: of patients, of one patient's scans, or of one pair.
    """
    return any(_file(p, "source") for p in (*folder.glob("*/*"), *folder.glob("*"), folder))


def _file(folder: Path, name: str) -> Path | None:
    return next((f for s in _SUFFIXES if (f := folder / f"{name}{s}").is_file()), None)
