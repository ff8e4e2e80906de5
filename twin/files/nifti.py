"""NIfTI files, in the right place in patient space."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from twin.errors import InputError
from twin.geometry import Geometry
from twin.volume import Modality, Unit, Volume

_SCANNER = 1  # NIfTI-1 xform code: positions are in the scanner's frame
_STORED = {"int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"}


def read(path: str | os.PathLike[str], modality: Modality, unit: Unit) -> Volume:
    """A NIfTI image as a volume whose voxels are read when first used.

    Args:
        path: `.nii` or `.nii.gz`, 3-D (further axes of length 1 are dropped).
        modality: what it shows.
        unit: its unit.

    Raises:
        InputError: no such file, not a NIfTI, or not a 3-D image with orthogonal axes; later, when the voxels
            are read, a truncated or damaged file.
    """
    import nibabel

    path = Path(path)
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    try:
        image: Any = nibabel.load(path)
        sizes, affine = image.shape, image.affine
    except Exception as error:  # nibabel raises many types on damaged headers
        raise InputError(f"{path} is not a readable NIfTI image") from error
    if len(sizes) < 3 or any(n != 1 for n in sizes[3:]):
        raise InputError(f"{path} is not a 3-D image; its size is {' x '.join(map(str, sizes))}")
    shape = (int(sizes[2]), int(sizes[1]), int(sizes[0]))
    try:
        geometry = Geometry.from_affine_ras(affine, shape)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None

    return Volume(geometry, StoredVoxels.at(path), modality, unit)


@dataclass(frozen=True)
class StoredVoxels:
    """Voxels that stay in their NIfTI file until they are read.

    Args:
        path: the file.
        stamp: its inode, size and time of change when it was opened.
    """

    path: Path
    stamp: tuple[int, int, int]

    @classmethod
    def at(cls, path: Path) -> StoredVoxels:
        """The voxels of a file as it is now."""
        return cls(path, _stamp(path))

    def __call__(self) -> np.ndarray:
        """The (z, y, x) voxels.

        Raises:
            InputError: the file is truncated, damaged or gone.
        """
        import nibabel

        try:
            image: Any = nibabel.load(self.path)
            return np.asanyarray(image.dataobj).reshape(image.shape[:3]).T
        except Exception as error:
            raise InputError(f"{self.path} is damaged or cut short; its voxels cannot be read") from error

    def link(self, part: Path) -> bool:
        """Make `part` a hard link to the file; False where that cannot be or the file has changed."""
        try:
            if _stamp(self.path) != self.stamp:
                return False
            os.link(self.path, part)
        except OSError:
            return False
        return True


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def write(part: str | os.PathLike[str], volume: Volume, about: str = "") -> None:
    """Write a volume as NIfTI-1, compressed (level 1) where the name ends in `.gz`; equal volumes give equal bytes.

    Args:
        part: where, in a folder that is being filled.
        volume: what; bool is stored as uint8, 64-bit integers are refused.
        about: up to 79 ASCII characters for the header's description.

    Raises:
        InputError: an array type that NIfTI readers do not share.
    """
    array = volume.array.view(np.uint8) if volume.array.dtype == bool else volume.array
    header = _header(volume.geometry, array.dtype, about)
    with Path(part).open("wb") as file:
        if not str(part).endswith(".gz"):
            _fill(file, header, array)
            return
        with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed:
            _fill(packed, header, array)


def _fill(file: BinaryIO | gzip.GzipFile, header: bytes, array: np.ndarray) -> None:
    file.write(header)
    for plane in array:
        file.write(np.ascontiguousarray(plane).data)


def _header(geometry: Geometry, dtype: np.dtype, about: str) -> bytes:
    """The 348 bytes of the header and the 4 that say no extension follows."""
    import nibabel

    if dtype.name not in _STORED:
        raise InputError(f"a volume of type {dtype.name} cannot be written as NIfTI")
    header = nibabel.Nifti1Header(endianness="<" if dtype.byteorder in "=<|" else ">")
    header.set_data_shape(geometry.shape[::-1])
    header.set_data_dtype(dtype)
    header.set_xyzt_units("mm")
    header["descrip"] = about.encode("ascii")
    header.set_qform(geometry.affine_ras, code=_SCANNER)
    header.set_sform(geometry.affine_ras, code=_SCANNER)
    header["vox_offset"] = 352
    header["scl_slope"], header["scl_inter"] = 1.0, 0.0
    return header.binaryblock + bytes(4)
