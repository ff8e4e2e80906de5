import numpy as np
import pytest

from twin import InputError
from twin.dicom.images.series import volume
from twin.dicom.images.suv import suv_factors
from twin.dicom.reader import read_series
from twin.importer import import_patient

BQ_ML = 5000.0
# 70 kg, 350 MBq, one hour of F-18: the dose has decayed to 350e6 * 2**(-3600 / 6586.2) Bq
SUV_START = BQ_ML * 70_000 / (350e6 * 2 ** (-3600 / 6586.2))
SUV_ADMIN = BQ_ML * 70_000 / 350e6


@pytest.fixture
def pet(tmp_path, make, add):
    def write(**changes):
        folder = tmp_path / "pet"
        folder.mkdir()
        plane = np.full((24, 32), BQ_ML)
        add(folder, *[make.pet_slice(n, plane, **changes) for n in range(5)])
        series = read_series(folder)[0]
        factors = suv_factors(series)
        return volume(series, "PT", "SUV", lambda f: factors[f.file])

    return write


def test_activity_becomes_suv_with_decay_to_the_scan(pet):
    got = pet()
    assert got.array.dtype == np.float32
    # each slice has a slope of its own, so that a slope taken from one slice would show
    np.testing.assert_allclose(got.array, SUV_START, rtol=1e-3)


def test_activity_corrected_to_the_injection_needs_no_decay(pet):
    np.testing.assert_allclose(pet(DecayCorrection="ADMIN").array, SUV_ADMIN, rtol=1e-3)


def test_a_series_stored_again_later_keeps_its_acquisition_time(pet):
    np.testing.assert_allclose(pet(SeriesTime="170000").array, SUV_START, rtol=1e-3)


def test_injection_before_midnight(pet):
    from pydicom.dataset import Dataset

    tracer = Dataset()
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = 350e6, 6586.2
    tracer.RadiopharmaceuticalStartTime = "233000"
    got = pet(RadiopharmaceuticalInformationSequence=[tracer], SeriesTime="003000", AcquisitionTime="003000")
    np.testing.assert_allclose(got.array, SUV_START, rtol=1e-3)


def test_gml_is_suv_already(pet):
    np.testing.assert_allclose(pet(Units="GML").array, BQ_ML, rtol=1e-3)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"PatientWeight": None}, "PatientWeight is missing"),
        ({"PatientWeight": 0}, "PatientWeight of 0 kg"),
        ({"Units": "CNTS"}, "Philips"),
        ({"Units": "PROPCPS"}, "units PROPCPS"),
        ({"DecayCorrection": "NONE"}, "decay correction"),
        ({"RadiopharmaceuticalInformationSequence": None}, "Radiopharmaceutical"),
        ({"SeriesTime": "0900", "AcquisitionTime": "0900", "SeriesDate": "20240301"}, "impossible"),
        ({"Units": "GML", "SUVType": "LBM"}, "SUV by LBM"),
    ],
)
def test_a_pet_that_gives_no_suv_is_refused(pet, changes, says):
    with pytest.raises(InputError, match=says):
        pet(**changes)


def _tracer(**fields):
    from pydicom.dataset import Dataset

    tracer = Dataset()
    tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = 350e6, 6586.2
    tracer.RadiopharmaceuticalStartTime = "225900"
    for keyword, value in fields.items():
        setattr(tracer, keyword, value)
    return [tracer]


# Where only a time of day is known for one of both, a date of the other tells nothing; a series that was stored again
# later needs the dates of its own acquisition.
MIDNIGHT = [
    (dates, injected, series_time)
    for dates in ("right", "one for all", "none", "of the series alone")
    for injected in ("time", "date and time")
    for series_time in ("235900", "170000", "")
    if not (injected == "date and time" and dates in ("one for all", "none"))
    and not (series_time == "170000" and dates != "right")
]


@pytest.mark.parametrize(("dates", "injected", "series_time"), MIDNIGHT)
def test_a_scan_that_passes_midnight(tmp_path, make, add, dates, injected, series_time):
    """An hour from injection to scan, whatever is known of the days; later slices are acquired after midnight."""
    folder = tmp_path / "pet"
    folder.mkdir()
    whole = {"RadiopharmaceuticalStartDateTime": "20240306225900"} if injected == "date and time" else {}
    files = []
    for n in range(6):
        file = make.pet_slice(
            n, np.full((24, 32), BQ_ML), RadiopharmaceuticalInformationSequence=_tracer(**whole)
        )
        file.AcquisitionTime = "235900" if n < 3 else "000500"
        file.SeriesTime = series_time
        file.SeriesDate = "" if dates == "none" else "20240307" if series_time == "170000" else "20240306"
        if dates == "none":
            file.StudyDate = ""
        if dates in ("right", "one for all"):
            file.AcquisitionDate = "20240306" if n < 3 or dates == "one for all" else "20240307"
        files.append(file)
    add(folder, *files)
    series = read_series(folder)[0]
    assert list(suv_factors(series).values()) == pytest.approx([SUV_START / BQ_ML] * 6, rel=1e-6)


def test_philips_factor_to_activity_is_read_where_that_to_suv_is_missing(tmp_path, make, add):
    from pydicom.dataset import Dataset

    def factor(suv, activity, creator=True):
        folder = tmp_path / f"pet{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        files = [make.pet_slice(n, np.full((24, 32), BQ_ML), Units="CNTS") for n in range(3)]
        for file in files:
            assert isinstance(file, Dataset)
            if creator:
                file.add_new(0x70530010, "LO", "Philips PET Private Group")
            if suv is not None:
                file.add_new(0x70531000, "DS", suv)
            if activity is not None:
                file.add_new(0x70531009, "UN" if not creator else "DS", activity)
        add(folder, *files)
        (found,) = set(suv_factors(read_series(folder)[0]).values())
        return found

    assert factor("0.0007", "1.5") == pytest.approx(0.0007)
    for nothing in (None, "0"):
        assert factor(nothing, "1.5") == pytest.approx(1.5 * SUV_START / BQ_ML)
    assert factor(None, b"1.5 ", creator=False) == pytest.approx(1.5 * SUV_START / BQ_ML)
    with pytest.raises(InputError, match=r"7053,1000.*7053,1009"):
        factor("0", "0")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"RadionuclideTotalDose": 350}, "in MBq it would be 3.5e.08 Bq"),
        ({"RadionuclideTotalDose": 0.35}, "in GBq it would be 3.5e.08 Bq"),
        ({"RadionuclideTotalDose": 350e3}, "in kBq it would be 3.5e.08 Bq"),
        (
            {"RadionuclideTotalDose": 9.5},
            "too little for a scan.*in mCi it would be 3.515e.08 Bq",
        ),
        ({"RadionuclideHalfLife": 109.77}, "looks like minutes; it must be in seconds, 6586.2 for F-18"),
        ({"RadionuclideHalfLife": 1.8295}, "looks like hours"),
        ({"RadionuclideHalfLife": 7000}, "no positron emitter"),
        (
            {"Radiopharmaceutical": "Fluorodeoxyglucose F^18^", "RadionuclideHalfLife": 4057.7},
            "F-18 has 6586.2 s",
        ),
        ({"RadiopharmaceuticalStartDateTime": "20240105100000"}, "impossible.*of one clock"),
    ],
)
def test_a_dose_or_half_life_in_another_unit_is_said_by_name(pet, fields, says):
    with pytest.raises(InputError, match=says):
        pet(
            RadiopharmaceuticalInformationSequence=_tracer(
                **{"RadiopharmaceuticalStartTime": "100000", **fields}
            )
        )


@pytest.mark.parametrize(("nuclide", "half_life_s"), [("F-18", 6586.2), ("Ga-68", 4057.7), ("C-11", 1221.8)])
def test_other_tracers_are_read(pet, nuclide, half_life_s):
    tracer = _tracer(
        RadionuclideHalfLife=half_life_s, Radiopharmaceutical=nuclide, RadiopharmaceuticalStartTime="100000"
    )
    expected = BQ_ML * 70_000 / (350e6 * 2 ** (-3600 / half_life_s))
    np.testing.assert_allclose(pet(RadiopharmaceuticalInformationSequence=tracer).array, expected, rtol=1e-3)


def test_a_pet_that_gives_no_suv_does_not_refuse_the_patient(dicom_set, make, add):
    folder = dicom_set()
    good = [make.pet_slice(n, np.full((24, 32), BQ_ML), CorrectedImage=["DECY", "ATTN"]) for n in range(4)]
    bad = [make.pet_slice(n, np.full((24, 32), BQ_ML), CorrectedImage=["DECY"]) for n in range(4)]
    for n, file in enumerate(bad):
        file.SeriesInstanceUID = "1.2.3.31"
        file.SOPInstanceUID = file.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.31.{n}"
    add(folder, *bad, *good)
    twin = import_patient(folder)
    assert [s.name for s in twin.scans] == ["CT", "PT"]
    assert twin.scans[1].volume.array.max() == pytest.approx(SUV_START, rel=1e-3)
    assert "left out: PT, 4 files: it is not corrected for attenuation" in " ".join(twin.notes)
