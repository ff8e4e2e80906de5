"""A folder's DICOM files, told by what they hold and not by their names."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from twin.dicom.images.series import IMAGES, Series
from twin.dicom.instance import Instance
from twin.dicom.left_out import LeftOut
from twin.errors import InputError
from twin.files.archive import unpacked
from twin.nomenclature.labels import FileNames, Shown

_KEEP_ON_DISK_BYTES = 1 << 16  # longer elements (pixels) are read when first used
_HEAD_BYTES = 1024
_META_AT = 132
_DEFLATED = DeflatedExplicitVRLittleEndian.encode()
_INFLATED_BYTES = 1 << 30  # of all deflated files together
_BESIDE_PIXELS_BYTES = 1 << 24
# What an object is stands in its SOP class (DICOM PS3.4 B.5); Modality decides where the class is not one of these.
KIND = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.4.1": "MR",
    "1.2.840.10008.5.1.4.1.1.4.4": "MR",
    "1.2.840.10008.5.1.4.1.1.128": "PT",
    "1.2.840.10008.5.1.4.1.1.128.1": "PT",
    "1.2.840.10008.5.1.4.1.1.130": "PT",
    "1.2.840.10008.5.1.4.1.1.481.2": "RTDOSE",
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
    "1.2.840.10008.5.1.4.1.1.481.4": "RTRECORD",
    "1.2.840.10008.5.1.4.1.1.481.5": "RTPLAN",
    "1.2.840.10008.5.1.4.1.1.481.6": "RTRECORD",
    "1.2.840.10008.5.1.4.1.1.481.7": "SUMMARY",
    "1.2.840.10008.5.1.4.1.1.481.8": "RTPLAN",
    "1.2.840.10008.5.1.4.1.1.481.9": "RTRECORD",
    "1.2.840.10008.5.1.4.1.1.66.1": "REG",
    "1.2.840.10008.5.1.4.1.1.66.3": "DEFORMABLE",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",
    "1.2.840.10008.1.3.10": "DICOMDIR",
}
_READ = (*IMAGES, "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "SEG", "REG")
_NOT_READ = {
    "DICOMDIR": ("DICOMDIR", "a directory of the other files"),
    "SUMMARY": ("RTRECORD", "a summary of treatment is no fraction"),
    "DEFORMABLE": ("REG", "a deformable registration is not read"),
}


@contextmanager
def read_source(src: Path, left_out: LeftOut) -> Iterator[list[Series]]:
    """The series of a folder or zip, for as long as the block lasts; what pydicom says of values is not said.

    Args:
        src: the folder or zip.
        left_out: takes what is not read.

    Raises:
        InputError: there is no DICOM file, or the zip cannot be unpacked.
    """
    logger = logging.getLogger("pydicom")
    before, logger.disabled = logger.disabled, True
    try:
        with unpacked(src) as (folder, called), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield read_series(folder, left_out, called)
    finally:
        logger.disabled = before


def read_series(
    folder: Path, left_out: LeftOut | None = None, called: Mapping[str, str] = MappingProxyType({})
) -> list[Series]:
    """All series below a folder that an import reads, in an order that does not depend on names of files.

    Args:
        folder: searched through all levels; links to folders are not followed, nor those that lead outside.
        left_out: takes what is not read.
        called: what the user calls a file, by its path below the folder, where it is something else.

    Raises:
        InputError: there is no DICOM file.
    """
    left_out = LeftOut() if left_out is None else left_out
    found: dict[tuple[str, str], list[Instance]] = defaultdict(list)
    any_dicom = False
    for kind, file in _instances(folder, left_out, called):
        any_dicom = True
        if kind in _READ:
            found[kind, file.text("SeriesInstanceUID") if kind in IMAGES else ""].append(file)
        else:
            modality, why = _NOT_READ.get(kind, (kind, "no object of this kind is read"))
            left_out.add(modality, [file], why)
    if not any_dicom:
        raise InputError(f"there is no DICOM file{left_out.because}")
    return [Series(key[0], tuple(_once(key[0], found[key], left_out))) for key in sorted(found)]


def _instances(folder: Path, left_out: LeftOut, called: Mapping[str, str]) -> Iterator[tuple[str, Instance]]:
    """Every DICOM file with its kind."""
    budget, names = [_INFLATED_BYTES], FileNames()
    for path in _files(folder, left_out):
        below = str(path.relative_to(folder))
        name = names.of(called.get(below, below))
        try:
            data = _read(path, name, budget)
            if data is None:
                continue
            file = Instance(name, data)
            kind = KIND.get(file.text("SOPClassUID")) or file.word("Modality")
            # read here, so that a file whose number is damaged is left out alone
            for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "PatientID"):
                file.text(keyword)
        except InputError as error:
            left_out.add("", [Instance(name, Dataset())], error)
            continue
        yield kind, file


def _files(folder: Path, left_out: LeftOut) -> Iterable[Path]:
    home = folder.resolve()
    for parent, folders, names in os.walk(folder):
        for name in sorted(folders):
            if Path(parent, name).is_symlink():
                left_out.add("link", 1, "a link to a folder is not followed")
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_symlink() and not path.resolve().is_relative_to(home):
                left_out.add("link", 1, "a link that leads out of the folder is not followed")
            elif path.is_file():
                yield path


def _read(path: Path, name: Shown, budget: list[int]) -> Dataset | None:
    """The dataset of a file, or None where it is not DICOM.

    Files need neither preamble nor meta header nor a name that says what they are (older planning systems write
    the bare dataset): what begins as a dataset does is tried.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    whole = head[128:132] == b"DICM"
    if not whole and not _begins_like_a_dataset(head):
        return None
    try:
        if _DEFLATED in head:
            data = _inflated(path, budget)
        else:
            data = pydicom.dcmread(path, defer_size=_KEEP_ON_DISK_BYTES, force=not whole)
        _complete(data)
        known = "SOPClassUID" in data or "Modality" in data
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except Exception as error:  # pydicom raises many types on damaged files
        if whole:
            raise InputError(f"{name} is a damaged DICOM file") from error
        return None
    if not known and not whole:
        return None
    if not known:
        raise InputError(f"{name} is a damaged DICOM file: SOPClassUID and Modality are missing")
    return data


def _begins_like_a_dataset(head: bytes) -> bool:
    """Whether bytes begin with an element of group 0002 or 0008, as a dataset without preamble does."""
    if len(head) < 16:
        return False
    little, big = (int.from_bytes(head[:2], order) in (0x0002, 0x0008) for order in ("little", "big"))
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return (little and (explicit or int.from_bytes(head[4:8], "little") < 1 << 16)) or (big and explicit)


def _complete(data: Dataset) -> None:
    """Give a file without a transfer syntax the one that it was found to be written in, and a media directory the SOP
    class that it has in its meta header alone (DICOM PS3.10 8.6)."""
    if getattr(data, "file_meta", None) is None:
        data.file_meta = FileMetaDataset()
    if not data.file_meta.get("TransferSyntaxUID"):
        implicit, little = data.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    if (
        "SOPClassUID" not in data
        and data.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage
    ):
        data.SOPClassUID = MediaStorageDirectoryStorage


def _inflated(path: Path, budget: list[int]) -> Dataset:
    """A deflated file (DICOM PS3.5 A.5), inflated no further than it says that it holds pixels."""
    with path.open("rb") as file:
        file.seek(_META_AT)
        meta = read_dataset(
            file,
            is_implicit_VR=False,
            is_little_endian=True,
            stop_when=lambda tag, vr, length: tag.group != 2,
        )
        packed = file.read()
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    head = stream.decompress(packed, _BESIDE_PIXELS_BYTES)
    content = head
    if stream.unconsumed_tail:
        start = read_dataset(
            io.BytesIO(head), is_implicit_VR=False, is_little_endian=True,
            stop_when=lambda tag, vr, length: tag == 0x7FE00010,
        )  # fmt: skip
        size = int(start.Rows) * int(start.Columns) * int(start.get("NumberOfFrames") or 1)
        limit = size * int(start.BitsAllocated) // 8 + _BESIDE_PIXELS_BYTES
        if limit <= budget[0]:
            content = head + stream.decompress(stream.unconsumed_tail, limit - len(head))
        if limit > budget[0] or stream.unconsumed_tail:
            raise InputError("a deflated file unpacks to more than it says or than can be read")
    budget[0] -= len(content)
    if budget[0] < 0:
        raise InputError("the deflated files unpack to more than can be read")
    data = read_dataset(io.BytesIO(content), is_implicit_VR=False, is_little_endian=True)
    data.file_meta = FileMetaDataset(meta)
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.set_original_encoding(False, True)
    data.filename = str(path)
    return data


def _once(kind: str, files: list[Instance], left_out: LeftOut) -> list[Instance]:
    """Files in the order of their SOP Instance UIDs, each object once, however often it lies in the folder.

    Images of one UID are told apart by their positions, since anonymisers give one UID to all slices, and by their
    pixels. Of other objects that differ under one UID the one made last is kept, and that is said.
    """
    of: dict[tuple[str, ...], list[Instance]] = defaultdict(list)
    uses = Counter(file.text("SOPInstanceUID") for file in files)
    for file in files:
        uid = file.text("SOPInstanceUID")
        place = _place(file) if uses[uid] > 1 and kind in IMAGES else ""
        of[(uid, place) if uid else ("", place, _digest(file))].append(file)
    kept = []
    for _, copies in sorted(of.items()):
        if len(copies) > 1:
            copies.sort(key=_made, reverse=True)
        first, *others = copies
        different = [c for c in others if not _same(kind, first, c)]
        kept.append(first)
        if kind in IMAGES:
            kept += different
        elif different:
            left_out.add(kind, different, "another object of the same SOP Instance UID was made later")
    return kept


def _place(file: Instance) -> str:
    try:
        return file.text("ImagePositionPatient")
    except InputError:  # it is left out where its place is needed
        return ""


def _made(file: Instance) -> tuple[str, ...]:
    return file.text("InstanceCreationDate") + file.text("InstanceCreationTime"), _digest(file)


def _digest(file: Instance) -> str:
    with Path(str(file.data.filename)).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _same(kind: str, one: Instance, other: Instance) -> bool:
    """Whether two files of one SOP Instance UID hold the same, maybe written in two transfer syntaxes."""
    try:
        if kind in IMAGES:
            return np.array_equal(one.pixels(), other.pixels())
        return bool(one.data == other.data)
    except Exception:  # pydicom raises many types on damaged values; what cannot be compared is not the same
        return False


def words_of_name(series: Sequence[Series]) -> set[str]:
    """The words of the patient's name, which is one of those that a vocabulary may hold, as Heart."""
    words: set[str] = set()
    for one in series:
        with suppress(InputError):  # a damaged name is no reason to refuse the patient
            words.update(re.findall(r"[A-Za-z]{3,}", one.first.text("PatientName")))
    return words


def check_one_patient(series: Sequence[Series]) -> None:
    """Refuse files of several patients, naming one file of each but no patient; no number names nobody.

    Args:
        series: all that an import reads.

    Raises:
        InputError: there are files of several patients.
    """
    example: dict[str, str] = {}
    for file in sorted((f for s in series for f in s.files), key=lambda f: f.file):
        number = file.text("PatientID")
        if number and number not in example:
            example[number] = f"the {file.word('Modality')} {file.file}"
    if len(example) > 1:
        one, other = list(example.values())[:2]
        raise InputError(f"{other} belongs to another patient than {one}; import one patient at a time")
