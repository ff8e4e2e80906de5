"""Organs by TotalSegmentator, where that is installed.

Wasserthal et al., Radiol Artif Intell 2023; 5:e230024. The program and its weights for the task `total` are under
Apache-2.0; it is no medical device. It is none of this project's dependencies, and it fetches its weights from the net
when it first runs.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from twin.errors import InputError
from twin.scan import Scan
from twin.structures import StructureSet

# TG-263 name -> classes of the task `total` (version 2). It has no class of the pulmonary arteries.
CLASSES = {
    "Lung_L": ("lung_upper_lobe_left", "lung_lower_lobe_left"),
    "Lung_R": ("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"),
    "Trachea": ("trachea",),
    "Heart": ("heart",),
    "GreatVes": ("aorta", "superior_vena_cava"),
    "Esophagus": ("esophagus",),
    "SpinalCord": ("spinal_cord",),
}
_SOURCE = "TotalSegmentator"


def check_installed() -> None:
    """Refuse where TotalSegmentator is not installed.

    Raises:
        InputError: it is not.
    """
    if find_spec("totalsegmentator") is None:
        raise InputError(
            "TotalSegmentator is not installed; pip install TotalSegmentator, or leave --organs at estimate"
        )


def segmented(scan: Scan, structures: StructureSet) -> StructureSet:
    """The structures with those organs that are missing and that TotalSegmentator finds, marked as estimated.

    Args:
        scan: a CT.
        structures: what is drawn on it; nothing that is there is changed, and no gross tumour becomes lung.

    Raises:
        InputError: TotalSegmentator is not installed, cannot run, or does not know the classes.
    """
    check_installed()
    import nibabel
    from totalsegmentator.map_to_binary import class_map
    from totalsegmentator.python_api import totalsegmentator

    rejected = {s.name for s in structures.set_aside}
    wanted = {n: c for n, c in CLASSES.items() if n not in structures and n not in rejected}
    if not wanted:
        return structures
    numbers = {name: value for value, name in class_map["total"].items()}
    unknown = [c for classes in wanted.values() for c in classes if c not in numbers]
    if unknown:
        raise InputError(f"this version of TotalSegmentator has no class {unknown[0]}; install version 2")
    volume = scan.volume
    image = nibabel.Nifti1Image(volume.array.astype(np.int16).transpose(2, 1, 0), volume.geometry.affine_ras)
    names = [c for classes in wanted.values() for c in classes]
    try:
        found = totalsegmentator(image, None, ml=True, task="total", roi_subset=names, quiet=True)
    except Exception as error:  # torch, nnU-Net and the net raise many types
        raise InputError(f"TotalSegmentator could not run: {type(error).__name__}") from error
    labels = np.asarray(found.dataobj).transpose(2, 1, 0)
    if labels.shape != volume.geometry.shape:
        raise InputError("TotalSegmentator answered on another grid than the CT's")
    tumour = structures.mask(*(s.name for s in structures if s.name.startswith("GTV") or s.role == "GTV"))
    for name, classes in wanted.items():
        mask = np.isin(labels, [numbers[c] for c in classes]) & ~tumour
        if mask.any():
            structures = structures.with_mask(name, "OAR", mask, estimated=True, source_name=_SOURCE)
    return structures
