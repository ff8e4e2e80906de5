"""NIfTI files, in the right place in patient space."""

from __future__ import annotations

import gzip
import os
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

    def voxels() -> np.ndarray:
        try:
            return np.asanyarray(image.dataobj).reshape(sizes[:3]).T
        except Exception as error:
            raise InputError(f"{path} is damaged or cut short; its voxels cannot be read") from error

    return Volume(geometry, voxels, modality, unit)


def write(path: str | os.PathLike[str], volume: Volume) -> None:
    """Write a volume as NIfTI-1, compressed (level 1) where the name ends in `.gz`; equal volumes give equal bytes.

    Args:
        path: where.
        volume: what; bool is stored as uint8, 64-bit integers are refused.

    Raises:
        InputError: an array type that NIfTI readers do not share.
    """
    array = volume.array.view(np.uint8) if volume.array.dtype == bool else volume.array
    header = _header(volume.geometry, array.dtype)
    with Path(path).open("wb") as file:
        if not str(path).endswith(".gz"):
            _fill(file, header, array)
            return
        with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed:
            _fill(packed, header, array)


def _fill(file: BinaryIO | gzip.GzipFile, header: bytes, array: np.ndarray) -> None:
    file.write(header)
    for plane in array:
        file.write(np.ascontiguousarray(plane).data)


def _header(geometry: Geometry, dtype: np.dtype) -> bytes:
    """The 348 bytes of the header and the 4 that say no extension follows."""
    import nibabel

    if dtype.name not in _STORED:
        raise InputError(f"a volume of type {dtype.name} cannot be written as NIfTI")
    header = nibabel.Nifti1Header(endianness="<" if dtype.byteorder in "=<|" else ">")
    header.set_data_shape(geometry.shape[::-1])
    header.set_data_dtype(dtype)
    header.set_xyzt_units("mm")
    header.set_qform(geometry.affine_ras, code=_SCANNER)
    header.set_sform(geometry.affine_ras, code=_SCANNER)
    header["vox_offset"] = 352
    header["scl_slope"], header["scl_inter"] = 1.0, 0.0
    return header.binaryblock + bytes(4)
