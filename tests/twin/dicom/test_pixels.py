import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import JPEGLSLossless, JPEGLSNearLossless, RLELossless

from twin import InputError
from twin.dicom.pixels import stored_values
from twin.importer import import_patient


def _encoded(path, compressor):
    """A slice with the pixels that the GDCM within SimpleITK encoded."""
    data = pydicom.dcmread(path)
    image = SimpleITK.GetImageFromArray(data.pixel_array)
    writer = SimpleITK.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(path))
    writer.SetUseCompression(True)
    writer.SetCompressor(compressor)
    writer.Execute(image)
    encoded = pydicom.dcmread(path)
    for keyword in ("PixelData", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        data[keyword] = encoded[keyword]
    data.file_meta.TransferSyntaxUID = encoded.file_meta.TransferSyntaxUID
    data.save_as(path)
    return data.file_meta.TransferSyntaxUID


@pytest.mark.parametrize(("compressor", "name"), [("JPEG", "JPEG Lossless"), ("JPEG2000", "JPEG 2000")])
def test_losslessly_compressed_slices_give_the_same_hu(dicom_set, compressor, name):
    folder = dicom_set(name="encoded")
    for path in folder.glob("ct*"):
        assert name in _encoded(path, compressor).name
    plain = import_patient(dicom_set()).baseline.volume.array
    np.testing.assert_array_equal(import_patient(folder).baseline.volume.array, plain)


def test_jpeg_ls_gives_the_same_hu(dicom_set):
    pytest.importorskip("jpeg_ls", reason="nothing here writes JPEG-LS")
    folder = dicom_set(name="encoded")
    for path in folder.glob("ct*"):
        data = pydicom.dcmread(path)
        data.compress(JPEGLSLossless)
        data.save_as(path)
    plain = import_patient(dicom_set()).baseline.volume.array
    np.testing.assert_array_equal(import_patient(folder).baseline.volume.array, plain)


@pytest.mark.parametrize("how", ["the tag says so", "the encoding is one with loss"])
def test_a_scan_that_was_compressed_with_loss_is_said(how, dicom_set):
    folder = dicom_set()
    if how != "the tag says so":
        pytest.importorskip("jpeg_ls", reason="nothing here writes JPEG-LS")
    for path in list(folder.glob("ct*"))[:3]:
        data = pydicom.dcmread(path)
        if how == "the tag says so":
            data.LossyImageCompression = "01"
        else:
            data.compress(JPEGLSNearLossless, jls_error=2)
            data.pop("LossyImageCompression", None)
        data.save_as(path)
    twin = import_patient(folder)
    assert (
        "CT was compressed with loss: its values are near those that were scanned, not the same" in twin.notes
    )
    assert not any("loss" in note for note in import_patient(dicom_set(name="plain")).notes)


def test_encoded_pixels_of_a_file_that_does_not_say_so(dicom_set):
    folder = dicom_set(name="encoded")
    for path in folder.glob("ct*"):
        syntax = str(_encoded(path, "JPEG")).encode()
        path.write_bytes(
            path.read_bytes().replace(syntax, b"1.2.840.10008.1.2.1".ljust(len(syntax), b"\0"), 1)
        )
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    plain = import_patient(dicom_set()).baseline.volume.array
    np.testing.assert_array_equal(import_patient(folder).baseline.volume.array, plain)


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("stored", [12, 16])
@pytest.mark.parametrize("beside", [False, True])
def test_native_values_are_those_of_pydicom(signed, stored, beside, make):
    """Beside values of 12 bits the rest of their words may hold anything, as overlays did."""
    data = make.ct_slice(0, make.hu_array()[0])
    data.BitsStored, data.HighBit, data.PixelRepresentation = stored, stored - 1, signed
    kind, limit = ("<i2", 1 << stored - 1) if signed else ("<u2", 1 << stored)
    values = np.random.default_rng(0).integers(-limit if signed else 0, limit, (24, 32)).astype(kind)
    if beside:
        values = values ^ np.array(0x4000, kind)
    data.PixelData = values.tobytes()
    plain = np.array(data.pixel_array)
    found = stored_values(data)
    np.testing.assert_array_equal(found, plain)
    assert found.dtype.kind == plain.dtype.kind


def test_few_bytes_that_claim_many_pixels_are_refused(dicom_set):
    folder = dicom_set()
    for path in folder.glob("ct*"):
        data = pydicom.dcmread(path)
        data.compress(RLELossless)
        data.Rows = data.Columns = 8000
        data.save_as(path)
    with pytest.raises(InputError, match="damaged or compressed"):
        import_patient(folder)
