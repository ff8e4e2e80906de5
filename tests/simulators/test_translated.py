"""The adapter, held by the one Translator whose right answer is known: copy the last scan."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import CopyTranslator
from simulators import Key, Purpose, TreatmentRequest
from simulators.translated import SHAPE, TranslatedTreatment, crop_geometry


def request(twin, **fields):
    usual = {
        "scan": twin.baseline,
        "structures": twin.contours,
        "dose_since": None,
        "eqd2_since": None,
        "fractions_since": 0,
        "elapsed_days": 30.0,
        "since_rt_end_days": -9.0,
        "clinical": twin.clinical,
        "tumour": None,
        "key": Key(0, twin.id, Purpose.IMAGE),
    }
    return TreatmentRequest(**{**usual, **fields})


class Darker(CopyTranslator):
    """Takes 102.4 HU from every pixel (0.1 of the half range)."""

    def generate(self, image, vector, noise):
        out = super().generate(image, vector, noise)
        out[:, 0] -= 0.1
        return out


def test_copying_returns_the_scan_itself_and_the_tumours_volume(phantom_twin):
    followup = TranslatedTreatment("copy 1", CopyTranslator()).generate([request(phantom_twin)])[0]
    whole = phantom_twin.baseline.volume
    box = whole.geometry.box_of(followup.scan.geometry)
    assert np.array_equal(followup.scan.array, whole.array[box])
    assert followup.gtv_cm3 == pytest.approx(phantom_twin.gtv_cm3, rel=0.01)


def test_a_change_is_whole_at_the_tumour_and_fades_to_nothing_at_the_border(phantom_twin):
    asked = request(phantom_twin)
    followup = TranslatedTreatment("darker 1", Darker()).generate([asked])[0]
    whole = phantom_twin.baseline.volume
    box = whole.geometry.box_of(followup.scan.geometry)
    change = followup.scan.array.astype(int) - whole.array[box]
    tumour = phantom_twin.contours.gtv()[box]
    assert abs(change[tumour].mean() + 102.4) < 1
    assert abs(change[:, 0]).max() <= 1 and abs(change[:, :, -1]).max() <= 1
    assert abs(np.diff(change, axis=2)).max() < 30, "no seam"


def test_the_crop_is_centred_on_the_tumour(phantom_twin):
    grid = crop_geometry(request(phantom_twin))
    centre = phantom_twin.contours.geometry.lps(np.argwhere(phantom_twin.contours.gtv()).mean(axis=0))
    assert grid.index(centre) == pytest.approx((np.asarray(SHAPE) - 1) / 2, abs=1e-6)


def test_a_batch_gives_what_each_request_gives_alone(phantom_twin):
    treatment = TranslatedTreatment("darker 1", Darker())
    asked = [request(phantom_twin), request(phantom_twin, elapsed_days=60.0)]
    alone = [treatment.generate([a])[0] for a in asked]
    for one, other in zip(alone, treatment.generate(asked), strict=True):
        assert np.array_equal(one.scan.array, other.scan.array)
