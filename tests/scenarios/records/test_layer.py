import numpy as np

from scenarios.records.layer import DOSE, FOLLOW_UP, layers_of, scan_layer
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
