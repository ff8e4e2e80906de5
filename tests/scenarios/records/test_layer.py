import numpy as np
import pytest

from scenarios.records.layer import DOSE, FOLLOW_UP, layers_of, scan_layer, scanned_by
from twin import Geometry, Volume


def volume(modality, unit):
    return Volume(Geometry((1, 1, 1), (1.0, 1.0, 1.0)), np.zeros((1, 1, 1)), modality, unit)


def test_a_scanner_that_nobody_heard_of_gets_a_layer_from_its_modality():
    images = [("sky", volume("MR", "a.u.")), ("dose", volume("DOSE", "Gy")), ("ct", volume("CT", "HU"))]
    own, dose, sky = layers_of([*images, *images])
    assert (own, dose) == (FOLLOW_UP, DOSE)
    assert (sky.name, sky.unit, sky.label, sky.draw, sky.high) == ("sky", "a.u.", "MR, sky", "alone", None)


def test_two_scanners_of_one_modality_are_told_apart_by_their_labels():
    layers = [scan_layer("PT", "SUV"), scan_layer("PT", "SUV", "pet-low-dose")]
    assert [layer.label for layer in layers] == ["PET", "PET, pet-low-dose"]


@pytest.mark.parametrize("name", ["ct", "gtv", "injury", "dose"])
def test_a_scanner_may_bear_the_name_of_an_own_layer(name):
    own, scanned = layers_of([(scanned_by(name), volume("CT", "HU")), (name, volume("CT", "HU"))])
    assert own.name == name and (scanned.name, scanned.draw) == (f"{name}-scan", "alone")


def test_scanners_are_called_by_their_modality():
    assert scan_layer("PT", "SUV", scanned_by("pet")).label == "PET"
    assert scan_layer("CT", "HU", scanned_by("denoise")).label == "CT, denoise"
