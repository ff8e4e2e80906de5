"""Stored pixel values, whatever transfer syntax they are written in."""

from __future__ import annotations

import numpy as np
import SimpleITK
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from twin.files.private import PrivateFolder

# Decoded by the GDCM within SimpleITK: pydicom's own plugins for them would be one more dependency, and for
# lossless JPEG either GDCM once more or a library under the GPL.
_BY_GDCM = (JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless, JPEGExtended12Bit)
_PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
_LITTLE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
# The marker that follows the first two bytes of a JPEG codestream (ISO 10918-1 table B.1, ISO 14495-1 C.1.1).
_FRAME_HEADERS = {
    0xC0: JPEGBaseline8Bit,
    0xC1: JPEGExtended12Bit,
    0xC3: JPEGLosslessSV1,
    0xF7: JPEGLSLossless,
}
_WITH_LOSS = (
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
)  # JPEG 2000 may be either, and says which
_ITEM = b"\xfe\xff\x00\xe0"
_PIXEL_TAGS = (
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
)  # fmt: skip
# A small file must not fill the memory: so many bytes may come out of one encoded byte, and so many in any case.
_MOST_PER_BYTE, _ALWAYS_BYTES = 400, 1 << 24


def stored_values(data: Dataset) -> np.ndarray:
    """The stored values of a file, as they stand before RescaleSlope.

    Args:
        data: a dataset whose `file_meta` names the transfer syntax; one that lies about native pixels is seen
            through where they begin as an encoded stream.

    Raises:
        Exception: what pydicom and GDCM raise on damaged pixels; ValueError where few bytes claim many pixels.
    """
    syntax = data.file_meta.TransferSyntaxUID
    encoded = data["PixelData"].is_undefined_length or syntax not in _PLAIN
    if not encoded and data.PixelData[:4] == _ITEM:
        encoded = len(data.PixelData) < int(data.Rows) * int(data.Columns) * int(data.BitsAllocated) // 8
    if encoded and syntax in _PLAIN:
        syntax = data.file_meta.TransferSyntaxUID = _sniffed(data.PixelData)
    if not encoded:
        simple = _simple(data) if syntax in _LITTLE else None
        return np.asarray(data.pixel_array) if simple is None else simple
    frames = int(data.get("NumberOfFrames") or 1)
    claimed = int(data.Rows) * int(data.Columns) * frames * int(data.BitsAllocated) // 8
    if claimed > len(data.PixelData) * _MOST_PER_BYTE + _ALWAYS_BYTES * frames:
        raise ValueError(f"{len(data.PixelData)} encoded bytes claim to be {claimed} bytes of pixels")
    return _by_gdcm(data) if syntax in _BY_GDCM else np.asarray(data.pixel_array)


def _simple(data: Dataset) -> np.ndarray | None:
    """The values of one native frame of 16-bit words; None where they are anything else, or bits beside them are set.

    For such a slice pydicom takes several times as long as reading it does.
    """
    shape = int(data.Rows), int(data.Columns)
    if (
        data.BitsAllocated != 16
        or data.SamplesPerPixel != 1
        or len(data.PixelData) != 2 * shape[0] * shape[1]
    ):
        return None
    stored, signed = int(data.BitsStored), data.PixelRepresentation == 1
    if data.HighBit != stored - 1 or data.get("NumberOfFrames", 1) not in (1, None):
        return None
    values = np.frombuffer(data.PixelData, "<i2" if signed else "<u2").reshape(shape)
    low, high = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    return values if stored == 16 or (values.min() >= low and values.max() <= high) else None


def with_loss(data: Dataset) -> bool:
    """Whether the values of a file are only near those that were scanned (DICOM PS3.3 C.7.6.1.1.5)."""
    syntax = getattr(data, "file_meta", {}).get("TransferSyntaxUID")
    return data.get("LossyImageCompression") == "01" or syntax in _WITH_LOSS


def _sniffed(encapsulated: bytes) -> UID:
    """The transfer syntax of encapsulated pixels in a file that names none (DICOM PS3.5 A.4)."""
    offsets = int.from_bytes(encapsulated[4:8], "little")
    stream = encapsulated[8 + offsets + 8 :]
    if stream[:4] == b"\xff\x4f\xff\x51":
        return JPEG2000Lossless
    at = 2
    while stream[:2] == b"\xff\xd8" and stream[at : at + 1] == b"\xff":
        if stream[at + 1] in _FRAME_HEADERS:
            return _FRAME_HEADERS[stream[at + 1]]
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    raise ValueError("the pixels are encoded, and the file does not say how")


def _by_gdcm(data: Dataset) -> np.ndarray:
    """Values decoded by SimpleITK, from a file of nothing but the pixels: GDCM would apply the rescale tags."""
    bare = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=bytes(128))
    bare.file_meta.TransferSyntaxUID = data.file_meta.TransferSyntaxUID
    bare.SOPClassUID = bare.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    bare.SOPInstanceUID = bare.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword in _PIXEL_TAGS:
        if keyword in data:
            bare[keyword] = data[keyword]
    with PrivateFolder() as private:
        path = private.path / "pixels.dcm"
        dcmwrite(path, bare)
        reader = SimpleITK.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        values = SimpleITK.GetArrayFromImage(reader.Execute())
    return values[0] if len(values) == 1 else values
