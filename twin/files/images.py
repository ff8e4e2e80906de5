"""CT and masks from NIfTI, NRRD and MetaImage files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from twin.errors import InputError
from twin.geometry import Geometry
from twin.volume import Volume

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_MAX_BYTES = 8 * 1024**3


def read_ct(path: Path) -> Volume:
    """A CT as int16 HU, axes turned upright.

    Raises:
        InputError: no such file, or not a readable 3-D image of finite values.
    """
    geometry, array = _read(path)
    hu = np.clip(np.rint(array), -32768, 32767).astype(np.int16)
    return Volume(geometry, hu, "CT", "HU").upright()


def read_mask(path: Path, grid: Geometry) -> np.ndarray:
    """A mask as a (z, y, x) bool array of an upright grid; all that is not zero is inside.

    Raises:
        InputError: no such file, not a readable 3-D image, on another grid, or empty.
    """
    geometry, array = _read(path)
    mask = Volume(geometry, (array != 0).astype(np.uint8), "MASK", "1").upright()
    if not mask.geometry.same_grid(grid):
        raise InputError(f"the mask {path} lies on another grid than the CT; draw or resample it on the CT")
    if not mask.array.any():
        raise InputError(f"the mask {path} is empty")
    return mask.array.astype(bool)


def _read(path: Path) -> tuple[Geometry, np.ndarray]:
    import SimpleITK

    if not path.is_file():
        raise InputError(f"no such file: {path}")
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size = reader.GetSize()
        if np.prod(size, dtype=float) * reader.GetNumberOfComponents() > _MAX_BYTES / 8:
            raise InputError(f"{path} says it holds {' x '.join(map(str, size))} voxels, which is too many")
        image = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"{path} is not a readable NIfTI or NRRD image") from error
    array = SimpleITK.GetArrayFromImage(image)
    if array.ndim != 3:
        raise InputError(f"{path} is not a 3-D image; it has {array.ndim} axes")
    if not np.isfinite(array).all():
        raise InputError(f"{path} holds values that are not finite")
    try:
        return Geometry.from_sitk(image), array
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
