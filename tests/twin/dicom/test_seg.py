import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from twin import InputError
from twin.importer import import_patient

SPACING = (3.0, 1.5, 1.25)
FIRST = (-20.0, -18.0, 100.0)
VOXEL_CM3 = 5.625 / 1000


def _item(**fields):
    item = Dataset()
    for keyword, value in fields.items():
        setattr(item, keyword, value)
    return item


def _code(meaning):
    return [_item(CodeValue="1", CodingSchemeDesignator="SCT", CodeMeaning=meaning)]


def _seg(
    make,
    masks,
    *,
    kind="BINARY",
    labels=("GTV-1", "Left lung"),
    meanings=("Tissue", "Left lung"),
    step=1,
    top=255,
):
    """A segmentation of (z, y, x) masks on the CT's planes, their empty planes left out; every `step`th column."""
    data = make.plan_file()
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.99.80"
    data.Modality, data.SeriesInstanceUID, data.SegmentationType = "SEG", "1.2.826.0.1.99.81", kind
    frames, places = [], []
    for number, mask in enumerate(masks, start=1):
        for z in np.flatnonzero(mask.any(axis=(1, 2))):
            frames.append(mask[z])
            position = [FIRST[0], FIRST[1], FIRST[2] + SPACING[0] * z]
            frame = _item(PlanePositionSequence=[_item(ImagePositionPatient=[float(v) for v in position])])
            if kind != "LABELMAP":
                frame.SegmentIdentificationSequence = [_item(ReferencedSegmentNumber=number)]
            places.append(frame)
    measures = _item(PixelSpacing=[SPACING[1], SPACING[2]], SliceThickness=SPACING[0])
    data.SharedFunctionalGroupsSequence = [
        _item(
            PixelMeasuresSequence=[measures],
            PlaneOrientationSequence=[_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        )
    ]
    data.PerFrameFunctionalGroupsSequence = places
    data.SegmentSequence = [
        _item(SegmentNumber=n, SegmentLabel=label, SegmentedPropertyTypeCodeSequence=_code(meaning))
        for n, (label, meaning) in enumerate(zip(labels, meanings, strict=True), start=1)
    ]
    stored = np.stack(frames)
    data.NumberOfFrames, data.Rows, data.Columns = stored.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    if kind == "BINARY":
        data.BitsAllocated = data.BitsStored = 1
        data.HighBit = 0
        packed = np.packbits(stored.astype(np.uint8).ravel(), bitorder="little").tobytes()
    else:
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit, data.MaximumFractionalValue = 7, top
        packed = stored.astype(np.uint8).tobytes()
    data.PixelData = packed + bytes(len(packed) % 2)
    return data


def _masks():
    tumour, lung = np.zeros((2, 8, 24, 32), dtype=bool)
    tumour[2:6, 7:12, 10:16] = True
    tumour[3, 7:12, 10:16] = False  # an empty plane in between
    lung[0:8, 14:20, 4:9] = True
    return tumour, lung


def _without_contours(dicom_set):
    folder = dicom_set()
    (folder / "rs.dcm").unlink()
    return folder


def test_segments_are_structures(dicom_set, make, add):
    folder = _without_contours(dicom_set)
    tumour, lung = _masks()
    add(folder, _seg(make, (tumour, lung)))
    twin = import_patient(folder)
    np.testing.assert_array_equal(twin.contours.gtv(), tumour)
    np.testing.assert_array_equal(twin.contours.mask("Lung_L"), lung)


def test_a_tumour_is_told_by_what_a_segment_means(dicom_set, make, add):
    """3D Slicer numbers its segments and keeps what they are as a code."""
    folder = _without_contours(dicom_set)
    add(
        folder,
        _seg(make, _masks(), labels=("Segment_1", "Segment_2"), meanings=("Neoplasm, Primary", "Left lung")),
    )
    twin = import_patient(folder)
    assert twin.contours["GTVp"].source_name == "Segment_1"
    np.testing.assert_array_equal(twin.contours.gtv(), _masks()[0])


def test_shares_are_cut_at_a_half_of_their_maximum(dicom_set, make, add):
    folder = _without_contours(dicom_set)
    tumour, lung = _masks()
    shares = [np.where(tumour, 60, 45), np.where(lung, 60, 0)]
    add(folder, _seg(make, shares, kind="FRACTIONAL", top=100))
    twin = import_patient(folder)
    np.testing.assert_array_equal(twin.contours.gtv(), tumour)
    assert "the segment GTV-1 has shares between 0 and 1 and was cut at 0.5" in twin.notes


def test_a_label_map_holds_all_segments(dicom_set, make, add):
    folder = _without_contours(dicom_set)
    tumour, lung = _masks()
    add(folder, _seg(make, [np.where(tumour, 1, np.where(lung, 2, 0))], kind="LABELMAP"))
    twin = import_patient(folder)
    np.testing.assert_array_equal(twin.contours.gtv(), tumour)
    np.testing.assert_array_equal(twin.contours.mask("Lung_L"), lung)


def test_a_segment_on_other_planes_is_resampled_and_said(dicom_set, make, add):
    folder = _without_contours(dicom_set)
    tumour = np.zeros((8, 24, 32), dtype=bool)
    tumour[1:7, 6:14, 8:20] = True
    seg = _seg(make, (tumour,), labels=("GTV-1",), meanings=("Tissue",))
    for frame in seg.PerFrameFunctionalGroupsSequence:
        x, y, z = frame.PlanePositionSequence[0].ImagePositionPatient
        frame.PlanePositionSequence[0].ImagePositionPatient = [x + 0.5, y, z]
    add(folder, seg)
    twin = import_patient(folder)
    assert twin.gtv_cm3 == pytest.approx(tumour.sum() * VOXEL_CM3, rel=0.1)
    assert "lies on other voxels than its scan and was resampled" in " ".join(twin.notes)


def test_a_segment_that_the_scan_cuts_is_refused(dicom_set, make, add):
    folder = _without_contours(dicom_set)
    seg = _seg(make, _masks())
    for frame in seg.PerFrameFunctionalGroupsSequence:
        x, y, z = frame.PlanePositionSequence[0].ImagePositionPatient
        frame.PlanePositionSequence[0].ImagePositionPatient = [x, y, z + 9.0]
    add(folder, seg)
    with pytest.raises(InputError, match="a part of the segment GTV-1 lies outside the scan"):
        import_patient(folder)


def test_segments_that_overlap_and_are_cropped_as_3d_slicer_writes_them(dicom_set, make, add):
    """Frames segment by segment, from the head down, on a matrix that is as large as what is drawn."""
    folder = _without_contours(dicom_set)
    tumour, lung = _masks()
    lung[1:7, 5:18, 8:20] = True  # the tumour lies within it
    rows, columns = slice(5, 21), slice(4, 21)
    seg = _seg(make, (tumour[:, rows, columns], lung[:, rows, columns]), labels=("Segment_1", "Segment_2"),
               meanings=("Neoplasm, Primary", "Left lung"))  # fmt: skip
    frames = seg.PerFrameFunctionalGroupsSequence
    for frame in frames:
        x, y, z = frame.PlanePositionSequence[0].ImagePositionPatient
        frame.PlanePositionSequence[0].ImagePositionPatient = [x + 4 * SPACING[2], y + 5 * SPACING[1], z]
    stored = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    stored = stored[: len(frames) * 16 * 17].reshape(-1, 16, 17)[::-1]
    seg.PerFrameFunctionalGroupsSequence = list(frames)[::-1]
    packed = np.packbits(stored.ravel(), bitorder="little").tobytes()
    seg.PixelData = packed + bytes(len(packed) % 2)
    add(folder, seg)
    twin = import_patient(folder)
    np.testing.assert_array_equal(twin.contours.gtv(), tumour)
    np.testing.assert_array_equal(twin.contours.mask("Lung_L"), lung)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_a_segmentation_of_one_frame(kind, dicom_set, make, add):
    folder = _without_contours(dicom_set)
    tumour = _masks()[0]
    tumour[3:] = False
    add(folder, _seg(make, (tumour,), kind=kind, labels=("GTV-1",), meanings=("Tissue",)))
    np.testing.assert_array_equal(import_patient(folder).contours.gtv(), tumour)


def test_a_label_map_says_which_value_is_no_segment(dicom_set, make, add):
    """DICOM 2024d: PixelPaddingValue, where 0 may be a segment like any other (PS3.3 C.8.20.2)."""
    folder = _without_contours(dicom_set)
    tumour, lung = _masks()
    values = np.where(tumour, 0, np.where(lung, 2, 255))
    seg = _seg(make, [values], kind="LABELMAP", labels=("GTV-1", "Left lung"))
    seg.SOPClassUID = seg.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.7"
    seg.SegmentSequence[0].SegmentNumber, seg.SegmentSequence[1].SegmentNumber = 0, 2
    seg.PixelPaddingValue, seg.PhotometricInterpretation = 255, "PALETTE COLOR"
    add(folder, seg)
    twin = import_patient(folder)
    np.testing.assert_array_equal(twin.contours.gtv(), tumour)
    np.testing.assert_array_equal(twin.contours.mask("Lung_L"), lung)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_segmentation_that_highdicom_wrote(dicom_set, kind):
    hd = pytest.importorskip("highdicom", reason="highdicom writes the segmentations of this test")
    folder = _without_contours(dicom_set)
    tumour, lung = _masks()
    images = [pydicom.dcmread(p) for p in sorted(folder.glob("ct*"))]
    for image in images:
        for keyword in ("Manufacturer", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"):
            setattr(image, keyword, "")
    codes = [("86049000", "SCT", "Neoplasm, Primary"), ("44029006", "SCT", "Left lung")]
    segments = [
        hd.seg.SegmentDescription(
            segment_number=n,
            segment_label=f"Segment_{n}",
            segmented_property_category=hd.sr.CodedConcept(
                "49755003", "SCT", "Morphologically Altered Structure"
            ),
            segmented_property_type=hd.sr.CodedConcept(*code),
            algorithm_type="MANUAL",
        )
        for n, code in enumerate(codes, start=1)
    ]
    seg = hd.seg.Segmentation(
        source_images=images,
        pixel_array=np.stack([tumour, lung], axis=-1).astype(float if kind == "FRACTIONAL" else np.uint8),
        segmentation_type=kind,
        segment_descriptions=segments,
        series_instance_uid="1.2.3.66",
        series_number=9,
        sop_instance_uid="1.2.3.66.1",
        instance_number=1,
        manufacturer="x",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
    )
    seg.save_as(folder / "seg.dcm")
    twin = import_patient(folder)
    np.testing.assert_array_equal(twin.contours.gtv(), tumour)
    np.testing.assert_array_equal(twin.contours.mask("Lung_L"), lung)
