"""Tissue maps and lesion masks of real people in the space of the MNI, which their owners give away.

Grey and white matter of the template ICBM 152 2009a nonlinear symmetric (Fonov et al., NeuroImage 54:313, 2011)
come with the
package nilearn; lesions are masks of white-matter lesions (Lesjak et al., Neuroinformatics 2018). Neither comes
with this package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from twin import InputError, Volume
from twin.files import nifti
from twin.files.archive import unpacked
from twin.files.atomic import move

_MAPS = {"grey matter": r"152_?(.*_)?gm\b|152_?(.*_)?gm_", "white matter": r"152_?(.*_)?wm\b|152_?(.*_)?wm_"}
_MASK = r"lesion.*\.nii(\.gz)?$"
_TEST_HEADS = ("07", "19", "26")  # their images are what synthesis is judged on


def tissue_maps(src: Path) -> tuple[Volume, Volume]:
    """Shares of grey and white matter, 0 to 1, axes upright.

    Args:
        src: a folder, a zip or the wheel of nilearn that holds maps of the MNI 152 template named ...gm... and
            ...wm....

    Raises:
        InputError: there are none.
    """
    made = []
    with _files(src) as files:
        for tissue, pattern in _MAPS.items():
            found = [path for name, path in files.items() if re.search(pattern, name)]
            if len(found) != 1:
                count = f"{len(found)} maps" if found else "no map"
                raise InputError(
                    f"{src} holds {count} of {tissue} of the MNI 152 template; the wheel of nilearn has them: "
                    "mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz, and ..._wm_..."
                )
            volume = nifti.read(found[0], "MASK", "1").upright()
            most = float(volume.array.max())
            if not most > 0:
                raise InputError(f"the map of {tissue} in {src} is empty")
            share = volume.array.astype(np.float32) / np.float32(255.0 if most > 1.5 else 1.0)
            made.append(Volume(volume.geometry, share, "MASK", "1"))
    grey, white = made
    if not grey.geometry.same_grid(white.geometry):
        raise InputError(f"the maps of grey and white matter in {src} lie on different grids")
    return grey, white


def lesion_mask(src: Path, rng: np.random.Generator) -> tuple[str, Volume]:
    """The name and the mask of one person's lesions, drawn by chance; never one of the heads that synthesis is
    tested on.

    Args:
        src: a folder or zip of masks named patientNN_lesion....nii.gz, in the space of the MNI.
        rng: of the choice.

    Raises:
        InputError: there is none.
    """
    with _files(src) as files:
        found = {n: p for n, p in files.items() if re.search(_MASK, n) and _number(n) not in _TEST_HEADS}
        if not found:
            raise InputError(f"{src} holds no masks of lesions that may be used: patientNN_lesion....nii.gz")
        name = sorted(found)[int(rng.integers(len(found)))]
        volume = nifti.read(found[name], "MASK", "1").upright()
        return f"patient {_number(name)}", Volume(volume.geometry, np.array(volume.array), "MASK", "1")


def _number(name: str) -> str:
    found = re.search(r"patient(\d+)", name)
    return found[1] if found else name


@contextmanager
def _files(src: Path) -> Iterator[dict[str, Path]]:
    """The NIfTI files of a folder or zip by their names, while it is read."""
    with unpacked(src) as (folder, numbers):
        files = {}
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = Path(numbers.get(path.name, path.name)).name
            if re.search(r"\.nii(\.gz)?$", name):
                files[name] = path if not numbers else path.with_name(f"{path.name}-{name}")
                if numbers:
                    move(path, files[name])  # a reader goes by the ending
        yield files
