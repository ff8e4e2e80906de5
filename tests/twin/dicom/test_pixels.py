import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import JPEGLSLossless, RLELossless

from twin import InputError
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


def test_few_bytes_that_claim_many_pixels_are_refused(dicom_set):
    folder = dicom_set()
    for path in folder.glob("ct*"):
        data = pydicom.dcmread(path)
        data.compress(RLELossless)
        data.Rows = data.Columns = 8000
        data.save_as(path)
    with pytest.raises(InputError, match="damaged or compressed"):
        import_patient(folder)
