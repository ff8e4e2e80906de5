"""Previews look as the viewers show such scans, with words that can be read on both."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from dashboards.jobs.scan_look import look
from scenarios.engine.scanning import part_of
from twin import PatientTwin


@pytest.fixture(scope="module")
def patient(thorax):
    ct, drawn = thorax()
    return PatientTwin("p", scans=(ct,), structures=(drawn,))


@pytest.mark.parametrize(("scanner", "air"), [("pet", 255), ("ct", 0)])
def test_a_pet_is_dark_on_white_and_a_ct_light_on_black(patient, scanner, air):
    uri = look(part_of(patient, "CT", scanner), scanner, {})
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
        grey = np.asarray(picture.convert("L"), int)
    assert abs(grey[-4, -4] - air) < 30 and grey[1, 1] < 10
    assert grey[4:14, 6:60].max() > 180, "PREVIEW stands there"
