"""CT and masks from NIfTI, NRRD and MetaImage files."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.errors import InputError
from twin.files.masks import laid
from twin.geometry import Geometry
from twin.nomenclature.labels import is_plain, repeated, shown_path
from twin.volume import Modality, Unit, Volume

if TYPE_CHECKING:
    import SimpleITK

_READERS = {
    ".nii": "NiftiImageIO",
    ".nii.gz": "NiftiImageIO",
    ".nrrd": "NrrdImageIO",
    ".nhdr": "NrrdImageIO",
    ".mha": "MetaImageIO",
    ".mhd": "MetaImageIO",
}
SUFFIXES = tuple(_READERS)
_MAX_VOXELS = 1 << 29
_HEADER_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 20
_LISTED = 12
_SAID = 0.02  # share by which a mask's volume may change without a word


def read_ct(path: Path) -> Volume:
    """A CT as int16 HU, axes turned upright.

    Raises:
        InputError: no such file, or not a readable 3-D image of finite values.
    """
    geometry, array, _ = _read(path)
    if array.dtype != np.int16:
        array = np.clip(np.rint(array), -32768, 32767).astype(np.int16)
    return Volume(geometry, array, "CT", "HU").upright()


def read_image(path: Path, modality: Modality, unit: Unit) -> Volume:
    """An image of any modality with its values as float32, axes turned upright.

    Args:
        path: NIfTI, NRRD or MetaImage.
        modality: what it shows.
        unit: of its values.

    Raises:
        InputError: no such file, or not a readable 3-D image of finite values.
    """
    geometry, array, _ = _read(path)
    return Volume(geometry, array.astype(np.float32), modality, unit).upright()


@dataclass(frozen=True, eq=False)
class ReadMask:
    """A tumour's mask on the CT's grid.

    Args:
        mask: (z, y, x) bool.
        notes: what was done to lay it there.
    """

    mask: np.ndarray
    notes: tuple[str, ...]


def read_mask(path: Path, grid: Geometry, label: str | None = None) -> ReadMask:
    """A mask on an upright grid, wherever the file's own geometry places it.

    One value beside 0 is inside, whatever it is. Of several whole numbers, as a label map has them, one must be named.
    Numbers from 0 to 1 are a soft mask, cut at 0.5. A mask that was cropped lies where its own geometry says; one on
    other voxels is resampled by the share of each voxel that it covers. All but the first is said.

    Args:
        path: NIfTI, NRRD or MetaImage.
        grid: the CT's.
        label: the value of a label map that is the tumour, or its name where the file has one (`.seg.nrrd`).

    Raises:
        InputError: no such file, not a readable 3-D image, several labels, empty, or outside the CT.
    """
    geometry, array, names = _read(path)
    said = shown_path(path, "mask")
    notes: list[str] = []
    shares = _shares(said, array, names, label, notes)
    try:
        found = laid(Volume(geometry, shares, "MASK", "1").upright(), grid)
    except InputError as error:
        raise InputError(f"{said} cannot be laid on the CT: {error}") from None
    after_cm3 = float(np.count_nonzero(found.mask)) * grid.voxel_cm3
    if found.cut:
        notes.append("a part of the mask lies outside the CT and was cut off")
    if found.resampled:
        notes.append(
            f"the mask lies on other voxels than the CT and was resampled: {found.before_cm3:.1f} cm3 became "
            f"{after_cm3:.1f} cm3"
        )
    return ReadMask(found.mask, tuple(notes))


def _shares(
    said: str, array: np.ndarray, names: dict[int, str], label: str | None, notes: list[str]
) -> np.ndarray:
    """How much of each voxel is inside, 0 to 1 as float32."""
    if label is not None:
        wanted = next((v for v, name in names.items() if name == label), None)
        if wanted is None:
            try:
                wanted = int(label)
            except ValueError:
                raise InputError(f"{said} has no label {repeated(label)}; {_labels(array, names)}") from None
        inside = array == wanted
        if not inside.any():
            raise InputError(f"{said} has no label {repeated(label)}; {_labels(array, names)}")
        return inside.astype(np.float32)
    low, high = array.min(), array.max()
    if high == 0 and low == 0:
        raise InputError(f"{said} is empty")
    if low < 0:
        raise InputError(f"{said} holds values below 0; give 0 outside the tumour and 1 inside")
    values = array[array > 0]
    if (values == high).all():
        return (array > 0).astype(np.float32)
    if (values == np.rint(values)).all():
        raise InputError(f"{said} is a label map: say which label is the tumour; {_labels(array, names)}")
    if high > 1.0 + 1e-3:
        raise InputError(f"{said} holds values up to {high:g}; a soft mask has them from 0 to 1")
    notes.append("the mask has values between 0 and 1 and was cut at 0.5")
    return array.astype(np.float32)


def _labels(array: np.ndarray, names: dict[int, str]) -> str:
    values, counts = np.unique(array[array > 0], return_counts=True)
    listed = [
        f"{v:g}{f' ({names[int(v)]})' if is_plain(names.get(int(v), '')) else ''} with {n} voxels"
        for v, n in zip(values[:_LISTED], counts[:_LISTED], strict=True)
    ]
    return f"--label takes one of {', '.join(listed)}" + (", ..." if len(values) > _LISTED else "")


def _read(path: Path) -> tuple[Geometry, np.ndarray, dict[int, str]]:
    """A 3-D image's grid and values, and the names of its labels where it has some."""
    import SimpleITK

    said = shown_path(path)
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    _check_attached(path)
    reader = SimpleITK.ImageFileReader()
    suffix = max((s for s in SUFFIXES if path.name.lower().endswith(s)), key=len, default=None)
    if suffix is None:
        raise InputError(f"{said} is not a readable image; its name must end in {', '.join(SUFFIXES)}")
    reader.SetImageIO(_READERS[suffix])  # by its name, so that no content calls another reader
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size = reader.GetSize()
        if np.prod(size, dtype=float) * reader.GetNumberOfComponents() > _MAX_VOXELS:
            raise InputError(f"{said} says it holds {' x '.join(map(str, size))} voxels, which is too many")
        _check_real(path, suffix, reader)
        if _READERS[suffix] == "NiftiImageIO":
            _check_whole(path)
        image = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"{said} is not a readable NIfTI or NRRD image") from error
    names = _segment_names(image)
    while image.GetDimension() > 3 and image.GetSize()[-1] == 1:
        image = image[(slice(None),) * (image.GetDimension() - 1) + (0,)]
    array = SimpleITK.GetArrayViewFromImage(image)
    if array.ndim != 3:
        raise InputError(f"{said} is not a 3-D image; it has {array.ndim} axes")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"{said} holds values that are not finite")
    try:
        return Geometry.from_sitk(image), array.copy(), names
    except InputError as error:
        raise InputError(f"{said}: {error}") from None


def _segment_names(image: SimpleITK.Image) -> dict[int, str]:
    """Names of labels as 3D Slicer keeps them in a segmentation's header."""
    keys = image.GetMetaDataKeys()
    found = {}
    for key in keys:
        numbered = re.fullmatch(r"(Segment\d+)_LabelValue", key)
        if numbered and f"{numbered[1]}_Name" in keys and image.GetMetaData(key).isdigit():
            found[int(image.GetMetaData(key))] = image.GetMetaData(f"{numbered[1]}_Name")
    return found


def _check_real(path: Path, suffix: str, reader: SimpleITK.ImageFileReader) -> None:
    """Refuse a small file that claims more voxels than its compression can hold (1,032 bytes a byte, RFC 1951)."""
    import SimpleITK

    said = shown_path(path)
    claimed = int(np.prod(reader.GetSize(), dtype=float)) * reader.GetNumberOfComponents()
    wide = (SimpleITK.sitkFloat64, SimpleITK.sitkInt64, SimpleITK.sitkUInt64)
    least = claimed * (8 if reader.GetPixelID() in wide else 1)
    beside = sum(p.stat().st_size for p in path.parent.glob("*") if _belongs(p, path))
    if least > 1040 * beside + _HEADER_BYTES or (suffix == ".nii" and claimed > path.stat().st_size):
        raise InputError(f"{said} is cut short or damaged: it says it holds {claimed} voxels")


def _check_whole(path: Path) -> None:
    """Refuse a NIfTI that ends before its last voxel: ITK fills it up with zeros without a word."""
    import nibabel

    try:
        header: Any = nibabel.load(path).header
        voxels = int(np.prod(header.get_data_shape(), dtype=float))
        left = int(header.get_data_offset()) + voxels * header.get_data_dtype().itemsize
    except Exception:  # nibabel raises many types; what it cannot read is ITK's to judge
        return
    packed = path.name.lower().endswith(".gz")
    with gzip.open(path) if packed else path.open("rb") as file:
        try:
            while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
                left -= len(chunk)
        except (OSError, EOFError, zlib.error):
            pass
    if left > 0:
        raise InputError(f"{shown_path(path)} is cut short or damaged: it ends before its last voxel")


def _check_attached(path: Path) -> None:
    """Refuse headers whose values lie in another file, but for one beside the header with the same stem.

    Nothing outside the given file is read: a header could name any file of the machine.
    """
    said = shown_path(path)
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES).decode("latin-1")
    if path.name.lower().endswith(".nii") and head[344:348] == "ni1\x00":
        raise InputError(f"{said} holds its values in another file; give one .nii or .nii.gz")
    named = []
    if path.name.lower().endswith((".nrrd", ".nhdr")):
        named = re.findall(r"(?im)^data ?file:[ \t]*(.*?)[ \t\r]*$", re.split(r"\r?\n\r?\n", head)[0])
    if path.name.lower().endswith((".mha", ".mhd")):
        named = re.findall(r"(?im)^[ \t]*ElementDataFile[ \t]*=[ \t]*(.*?)[ \t\r]*$", head)[:1]
        named = [n for n in named if n.upper() != "LOCAL"]
    for name in named:
        data = path.parent / name
        plain = name == Path(name).name and not name.startswith("LIST") and "%" not in name
        if not plain or data.is_symlink() or not data.is_file() or not _belongs(data, path):
            raise InputError(
                f"{said} holds its values in another file, which is read only beside it and under the same name; "
                "give one file (.nrrd, .mha or .nii.gz)"
            )


def _belongs(data: Path, header: Path) -> bool:
    """Whether a file is the header itself or lies beside it with the same stem: ct.raw to ct.mhd."""
    return data == header or data.name.startswith(f"{header.stem}.")
