import numpy as np
import pytest

from twin import InputError
from twin.dicom.images.series import volume
from twin.dicom.images.suv import suv_factors
from twin.dicom.reader import read_series

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
